"""The whole graph on a small simulated city: what a person sees after the jobs have run."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from mlops_assets.chicago_crimes import DOMAIN, TIME_ZONE
from mlops_assets.chicago_crimes.contracts import RAW_CRIMES, REJECTED_CRIMES
from mlops_assets.chicago_crimes.model_contracts import (
    ARREST_CHAMPION,
    ARREST_DRIFT,
    ARREST_EVALUATION,
    ARREST_PREDICTIONS,
    TRAINING_WINDOW,
)
from mlops_assets.chicago_crimes.sources.sample import write_export
from mlops_assets.errors import MissingModelError, NotEnoughDataError, SourceError
from mlops_assets.months import Month
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.partition import Partition
from mlops_assets_tests.platforms import QUICK_MODEL, Platform, failed_checks

MODEL = "chicago_crimes.arrest_model"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Fourteen months read in one run, a model trained for 2024-01, that month and the next scored."""
    with dg.DagsterInstance.ephemeral() as instance:
        small = Platform(tmp_path_factory.mktemp("platform"), instance)
        small.run("read_chicago_crimes", months=("2023-01", "2024-02"))
        small.run("train_arrest_model", month="2024-01", ops=QUICK_MODEL)
        for month in ("2024-01", "2024-02"):
            small.run("score_chicago_crimes", month=month)
        yield small


def test_one_run_reads_a_range_of_months(platform: Platform) -> None:
    """A backfill of fourteen months leaves fourteen partitions, each with its own row count."""
    months = [f"2023-{number:02d}" for number in range(1, 13)] + ["2024-01", "2024-02"]
    assert sorted(platform.instance.get_materialized_partitions(dg.AssetKey([DOMAIN, "enriched_crimes"]))) == months
    counts = {month: platform.metadata("raw_crimes", month)["dagster/row_count"] for month in months}
    stored = {month: len(read_partition(platform.stores.lake(DOMAIN), RAW_CRIMES, Partition("month", month))) for month in months}
    assert counts == stored
    assert len(set(counts.values())) > 1


def test_every_record_is_a_crime_or_a_reject(platform: Platform) -> None:
    """Rejects keep the reason and the record as it was."""
    lake = platform.stores.lake(DOMAIN)
    rejects = pd.concat([read_partition(lake, REJECTED_CRIMES, Month(2023, number).partition) for number in range(1, 13)])
    assert len(rejects) > 0
    assert rejects["raw_text"].str.len().min() > 2
    assert rejects["reason"].str.len().min() > 10


def test_training_window_is_the_twelve_months_before(platform: Platform) -> None:
    """The model of January 2024 knows 2023 and nothing else."""
    window = read_partition(platform.stores.lake(DOMAIN), TRAINING_WINDOW, Partition("month", "2024-01"))
    start, end = Month(2023, 1).window(TIME_ZONE)[0], Month(2024, 1).window(TIME_ZONE)[0]
    assert window["occurred_at"].min() >= start
    assert window["occurred_at"].max() < end
    assert window["crime_id"].is_unique


def test_first_model_becomes_champion_through_the_gate(platform: Platform) -> None:
    """The decision, its reason and the registry agree."""
    decision = platform.table(ARREST_CHAMPION).iloc[0]
    champion = platform.stores.models().version_by_alias(MODEL, "champion")
    assert decision["decision"] == "promote_first"
    assert champion is not None
    assert champion.version == decision["challenger_version"]


def test_evaluation_stands_beside_baselines(platform: Platform) -> None:
    """The model beats the arrest rate of the type on the proper scores; always-no has its accuracy told."""
    rows = platform.table(ARREST_EVALUATION)
    overall = rows[rows["slice_kind"] == "all"].set_index("predictor")
    assert overall.loc["model", "log_loss"] < overall.loc["base_rate_by_type", "log_loss"]
    assert overall.loc["model", "auc"] > overall.loc["base_rate_by_type", "auc"] > overall.loc["majority_class", "auc"]
    assert overall.loc["majority_class", "accuracy"] == overall.loc["model", "no_information_rate"]


def test_predictions_name_the_model_that_made_them(platform: Platform) -> None:
    """Every crime of the month has one row with probability, class, version and run."""
    predictions = platform.table(ARREST_PREDICTIONS)
    january = predictions[predictions["month"] == Month(2024, 1).first_day]
    crimes = read_partition(platform.stores.lake(DOMAIN), RAW_CRIMES, Month(2024, 1).partition)
    assert sorted(january["crime_id"]) == sorted(crimes["crime_id"])
    version = platform.stores.models().version_by_alias(MODEL, "champion")
    assert version is not None
    assert set(january["model_run_id"]) == {version.run_id}


def test_champion_is_served_by_mlflow(platform: Platform) -> None:
    """MLflow's own tools give raw crimes, also as JSON makes them, the probabilities that the predictions have."""
    import mlflow

    version = platform.stores.models().version_by_alias(MODEL, "champion")
    assert version is not None
    model = mlflow.pyfunc.load_model(version.artifact_uri)
    crimes = read_partition(platform.stores.lake(DOMAIN), RAW_CRIMES, Month(2024, 1).partition).head(50)
    expected = platform.table(ARREST_PREDICTIONS).set_index("crime_id").loc[crimes["crime_id"], "arrest_probability"]
    raw = crimes[[column.name for column in model.metadata.signature.inputs]]
    from_json = pd.DataFrame(json.loads(raw.to_json(orient="records", date_format="iso")))
    for records in (raw, from_json):
        np.testing.assert_allclose(model.predict(records)["probability"], expected)


def test_drift_reports_columns_and_live_performance(platform: Platform) -> None:
    """A month long past has its outcomes, so the model's quality on it is told."""
    drift = platform.table(ARREST_DRIFT)
    assert {"numeric", "categorical", "quality"} <= set(drift["kind"])
    assert drift.loc[drift["kind"] != "quality", "psi"].notna().all()
    assert platform.metadata("arrest_drift", "2024-01")["is_retraining_due"] in (True, False)


@pytest.mark.parametrize(
    ("asset", "first"),
    [
        (
            "arrest_evaluation",
            ["gate", "confusion_matrix", "ranking_curves", "calibration", "importance", "model_version", "model"],
        ),
        ("arrest_drift", ["is_retraining_due", "reasons", "psi", "model_version", "model", "mlflow_run"]),
        ("selected_features", ["mutual_information", "selected_count"]),
    ],
)
def test_people_see_verdict_plots_and_links_before_figures(platform: Platform, asset: str, first: list[str]) -> None:
    """The UI shows metadata in its order; nobody scrolls past a list of figures and sample rows to a plot."""
    assert list(platform.metadata(asset, "2024-01"))[: len(first)] == first


def test_assets_declare_what_they_read(platform: Platform) -> None:
    """The graph shows where each asset's rows come from: nothing is read from a store without being depended on."""
    stores = platform.watched_stores
    assert {"test_split", "arrest_evaluation", "arrest_model"} <= stores.read_by("chicago_crimes__arrest_champion")
    assert "arrest_model" in stores.read_by("chicago_crimes__arrest_predictions")
    assert stores.hidden_reads({"arrest_model": "arrest_champion"}) == set()


def test_month_that_the_champion_has_seen_is_not_scored(platform: Platform) -> None:
    """Scoring a month of the training window is refused instead of looking good."""
    with pytest.raises(MissingModelError, match="no champion whose training ended by"):
        platform.run("score_chicago_crimes", month="2023-12")


def test_window_with_too_few_months_is_refused(platform: Platform) -> None:
    """The error says how many months are needed and which are there."""
    with pytest.raises(NotEnoughDataError, match=r"at least 6 .* materialized: 2023-01, 2023-02"):
        platform.run("train_arrest_model", month="2023-03")


def test_training_again_changes_nothing(platform: Platform) -> None:
    """The same inputs give the same version, the same champion and the same decision."""
    before = platform.table(ARREST_CHAMPION), platform.table(ARREST_EVALUATION)
    result = platform.run("train_arrest_model", month="2024-01", ops=QUICK_MODEL)
    assert failed_checks(result) == []
    assert [version.version for version in platform.stores.models().versions(MODEL)] == [1]
    pd.testing.assert_frame_equal(platform.table(ARREST_CHAMPION), before[0])
    pd.testing.assert_frame_equal(platform.table(ARREST_EVALUATION), before[1])


def test_assets_show_schema_rows_plots_and_links(platform: Platform) -> None:
    """What the UI shows of an evaluation: figures to look at, and where model and run are."""
    metadata = platform.metadata("arrest_evaluation", "2024-01")
    assert {"confusion_matrix", "ranking_curves", "calibration", "importance", "mlflow_run", "model", "sample_rows"} <= set(
        metadata
    )
    assert str(metadata["confusion_matrix"]).startswith("![confusion_matrix](data:image/png;base64,")
    assert "#/experiments/" in str(metadata["mlflow_run"])


def test_challenger_is_promoted_and_rolled_back(platform: Platform) -> None:
    """A later model meets the champion on the same rows; the rollback job undoes a promotion, and it is not repeated."""
    registry = platform.stores.models()
    platform.run("train_arrest_model", month="2024-02", ops=QUICK_MODEL)
    decision = platform.table(ARREST_CHAMPION).set_index("challenger_version").loc[2]
    assert decision["champion_version"] == 1
    assert decision["decision"] in ("promote", "keep_champion")
    assert pd.notna(decision["improvement_low"])
    second = registry.version(MODEL, 2)
    registry.promote(second, now=second.created_at)
    platform.run("rollback_chicago_crimes_arrest_model")
    restored = registry.version_by_alias(MODEL, "champion")
    assert restored is not None
    assert restored.version == 1


def test_bad_source_names_asset_month_file_and_column(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """Whoever reads the failed run knows at once what to mend, and nothing was written; other months can be read."""
    export = tmp_path / "export"
    write_export(export, Month(2024, 1), Month(2024, 2), crimes_per_year=12_000)
    january = export / "crimes_2024-01.csv"
    january.write_text(january.read_text().replace("IUCR", "Code", 1))
    broken = Platform(tmp_path / "data", instance, source="export", export_path=export)
    with pytest.raises(
        SourceError, match=r"chicago_crimes/raw_crimes, month 2024-01: .*crimes_2024-01\.csv: columns missing: iucr"
    ):
        broken.run("read_chicago_crimes", month="2024-01")
    assert not (tmp_path / "data" / "lake" / "chicago_crimes" / "raw_crimes").exists()
    february = broken.run("read_chicago_crimes", month="2024-02")
    assert failed_checks(february) == ["chicago_crimes/export_files:accounts_for_every_record"]


def test_rolled_back_version_is_not_promoted_again(platform: Platform) -> None:
    """A decision is made once: neither deciding again nor training the same model again brings a rolled-back version back."""
    registry, before = platform.stores.models(), platform.table(ARREST_CHAMPION)
    platform.materialize("arrest_champion")
    pd.testing.assert_frame_equal(platform.table(ARREST_CHAMPION), before)
    platform.run("train_arrest_model", month="2024-02", ops=QUICK_MODEL)
    pd.testing.assert_frame_equal(platform.table(ARREST_CHAMPION), before)
    restored = registry.version_by_alias(MODEL, "champion")
    assert restored is not None
    assert restored.version == 1
