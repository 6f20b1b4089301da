"""On recorded crimes the platform's recipe beats the original system's, on the same rows."""

from pathlib import Path

import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from mlops_assets.chicago_crimes.crimes.enrichment import enrich_crimes
from mlops_assets.chicago_crimes.crimes.parsing import parse_crimes, parse_stations
from mlops_assets.chicago_crimes.modelling.comparison import ORIGINAL_FEATURES, compare_recipes
from mlops_assets.chicago_crimes.modelling.features import COLUMNS, encoded_names
from mlops_assets.chicago_crimes.modelling.training_window import build_training_window
from mlops_assets.chicago_crimes.sources.export import ExportCrimeSource
from mlops_assets.months import Month
from mlops_assets_tests.shared_data import shared_data

_MONTHS = ("2015-10", "2015-11", "2015-12")


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Give both recipes' figures on the last 20 % of the last three months of 2015."""
    cache = tmp_path_factory.mktemp("export")
    stations = parse_stations(_source("police_stations/police_stations_2018.csv", cache).read_stations())
    months = []
    for key in _MONTHS:
        records = _source(f"crimes/crimes_{key}.csv.gz", cache).read_month(Month.parse(key))
        months.append(enrich_crimes(parse_crimes(records, Month.parse(key)).crimes, stations))
    window = build_training_window(pd.concat(months, ignore_index=True), _MONTHS, minimum_months=3, minimum_rows=60_000)
    with threadpool_limits(1):
        return compare_recipes(window, stations, tuning_trials=0, time_budget_seconds=600)


def _source(name: str, cache: Path) -> ExportCrimeSource:
    return ExportCrimeSource(shared_data(name), cache)


def test_platform_beats_the_original_on_ranking_classes_and_probabilities(comparison: pd.DataFrame) -> None:
    """AUC and MCC are higher and the Brier score is lower, all three."""
    platform, original = comparison.iloc[0], comparison.iloc[1]
    assert platform["predictor"].startswith("platform: ")
    assert original["predictor"] == "original: 7 features, balanced"
    assert platform["auc"] > original["auc"] + 0.01
    assert platform["mcc"] > original["mcc"] + 0.01
    assert platform["brier"] < original["brier"] - 0.005


def test_the_original_is_reproduced_as_it_was_published(comparison: pd.DataFrame) -> None:
    """Its figures on 2017, the last 20 % by time: AUC .891, MCC .607, Brier .088. A straw man would not come near."""
    original = comparison.iloc[1]
    assert original["auc"] == pytest.approx(0.891, abs=0.02)
    assert original["mcc"] == pytest.approx(0.607, abs=0.04)
    assert original["brier"] == pytest.approx(0.088, abs=0.01)


def test_accuracy_never_stands_without_always_no(comparison: pd.DataFrame) -> None:
    """Every row says how good it is to predict nothing, and the baseline itself is listed."""
    majority_class = comparison.set_index("predictor").loc["baseline: always no"]
    assert comparison["no_information_rate"].tolist() == [majority_class["accuracy"]] * 4
    assert comparison["accuracy"].iloc[0] > majority_class["accuracy"]


def test_all_predictors_are_measured_on_the_same_rows(comparison: pd.DataFrame) -> None:
    """A fifth of the three months' crimes, none of them left out as an outlier."""
    rows = comparison["row_count"].iloc[0]
    assert comparison["row_count"].tolist() == [rows] * 4
    assert rows == pytest.approx(64_684 / 5, abs=50)


def test_original_features_are_features() -> None:
    """The seven are made by the same preprocessing."""
    assert set(ORIGINAL_FEATURES) < set(encoded_names(COLUMNS))
