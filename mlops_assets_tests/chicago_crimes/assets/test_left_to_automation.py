"""From an empty platform through a year of its life, with every schedule, sensor and condition switched on and nobody at work."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.build import build_definitions, build_domains
from mlops_assets.chicago_crimes import DOMAIN
from mlops_assets.chicago_crimes.assets import model
from mlops_assets.chicago_crimes.model_contracts import ARREST_CHAMPION, ARREST_PREDICTIONS
from mlops_assets.chicago_crimes.settings import ChicagoCrimesSettings
from mlops_assets.chicago_crimes.sources.sample import SampleCrimeSource
from mlops_assets.errors import SourceError
from mlops_assets.months import Month
from mlops_assets.settings import Settings
from mlops_assets_tests.automatic import Automatic, automatic, only
from mlops_assets_tests.platforms import with_registry

DRIFT, ENRICHED = dg.AssetKey([DOMAIN, "arrest_drift"]), dg.AssetKey([DOMAIN, "enriched_crimes"])
ONCE_A_MONTH = (
    "arrest_evaluation+arrest_model+development_split+encoded_train+feature_encoding+selected_features+test_split+training_window"
)
"""What conditions train in one run."""


@dataclass
class Portal:
    """The simulated portal as of the present moment, with bad days."""

    broken_months: set[str] = field(default_factory=set)

    def __getattr__(self, name: str) -> Any:
        return getattr(SampleCrimeSource(20240101, 12_000, as_of=datetime.now(timezone.utc)), name)

    def read_month(self, month: Month) -> Any:
        if month.key in self.broken_months:
            raise SourceError("the portal answers with HTML")
        return self.__getattr__("read_month")(month)


@dataclass
class Life:
    """A platform with its automation, its portal and its stores."""

    automation: Automatic
    portal: Portal
    settings: Settings

    def table(self, contract: Any) -> pd.DataFrame:
        return self.settings.build_stores().warehouse(DOMAIN).read(contract)

    def decided(self) -> list[int]:
        return sorted(self.table(ARREST_CHAMPION)["challenger_version"])

    def scored_months(self) -> list[str]:
        return sorted(f"{month:%Y-%m}" for month in self.table(ARREST_PREDICTIONS)["month"].unique())


@pytest.fixture(params=["on"])
def life(request: pytest.FixtureRequest, tmp_path: Path, mlflow_database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    """Begin on 20 June 2024 with nothing, and search among few models."""
    train = model.train_arrest_model
    quick = {"families": ["logistic_regression"], "tuning_trials": 0}
    monkeypatch.setattr(model, "train_arrest_model", lambda *inputs, **options: train(*inputs, **{**options, **quick}))
    crimes = ChicagoCrimesSettings(_env_file=None)
    folder = with_registry(tmp_path / "data", mlflow_database)
    settings = Settings(data_dir=folder, automation=request.param, domains={"chicago_crimes": crimes}, _env_file=None)
    portal = Portal()
    definitions = build_definitions(settings, resources={"crime_source": dg.ResourceDefinition.hardcoded_resource(portal)})
    domain = next(domain for domain in build_domains(settings) if domain.name == DOMAIN)
    with automatic(only(definitions, domain), tmp_path / "home", datetime(2024, 6, 20, 12, tzinfo=timezone.utc)) as automation:
        yield Life(automation, portal, settings)


@pytest.mark.slow
def test_platform_runs_itself_for_months(life: Life) -> None:
    """A bootstrap, a new month, late arrests, a failed run and drift: exactly the runs, decisions and rows that each calls for."""
    automation = life.automation
    first, *then = automation.settle()
    assert first == "read_chicago_crimes 2023-05..2024-05"
    assert then[0] == "train_arrest_model 2024-05"
    # Whoever looks first asks for the scores; nobody asks twice.
    scores = {"score_chicago_crimes 2024-05", "arrest_drift+arrest_predictions 2024-05"}.intersection(then)
    assert sorted(then[1:]) == sorted([*scores, f"{ONCE_A_MONTH} 2024-06", "arrest_champion"])
    assert len(scores) == 1
    assert life.decided() == [1, 2]
    assert life.scored_months() == ["2024-05"]
    assert automation.says("chicago_crimes_bootstrap") == "Done: schedules, sensors and conditions have taken over."

    # By the ninth of July the portal has published June; arrests have come late to months that are loaded.
    july = automation.wait_until(datetime(2024, 7, 9, 11, 30, tzinfo=timezone.utc))
    assert july[0] == "read_chicago_crimes 2024-06"
    assert july.count(f"{ONCE_A_MONTH} 2024-07") == july.count("arrest_champion") == 1
    read_again = {run.split()[1] for run in july[1:] if run.startswith("read_chicago_crimes")}
    scored_again = {run.split()[1] for run in july if run.startswith("arrest_drift+arrest_predictions")}
    assert "2024-05" in read_again
    assert scored_again == {"2024-05", "2024-06"}
    assert life.decided() == [1, 2, 3]
    assert life.scored_months() == ["2024-05", "2024-06"]

    # A month that cannot be read when its time has come is asked for until it is.
    life.portal.broken_months.add("2024-07")
    august = automation.wait_until(datetime(2024, 8, 9, 11, 30, tzinfo=timezone.utc))
    assert august[0] == "read_chicago_crimes 2024-07 FAILURE"
    assert not any(ONCE_A_MONTH in run for run in august)
    life.portal.broken_months.clear()
    later = automation.wait_until(datetime(2024, 8, 9, 14, 0, tzinfo=timezone.utc))
    assert sorted(later) == sorted(
        [
            "read_chicago_crimes 2024-07",
            "arrest_drift+arrest_predictions 2024-07",
            f"{ONCE_A_MONTH} 2024-08",
            "arrest_champion",
        ]
    )
    assert life.decided() == [1, 2, 3, 4]
    assert life.scored_months() == ["2024-05", "2024-06", "2024-07"]

    # Drift of rows that the model of August has learned from is no reason to train it again; of rows that came since, it is, once.
    report_drift(automation, "2024-07")
    assert automation.settle() == []
    automation.instance.report_runless_asset_event(dg.AssetMaterialization(ENRICHED, partition="2024-06"))
    report_drift(automation, "2024-06")
    assert "train_arrest_model 2024-08" in automation.settle()
    report_drift(automation, "2024-06")
    assert automation.settle() == []


@pytest.mark.slow
@pytest.mark.parametrize("life", ["off"], indirect=True)
def test_backfills_load_a_history_and_decide_about_each_of_its_models(life: Life) -> None:
    """By hand and on an empty platform: the documented selection of assets loads, and two months' models get two decisions."""
    automation = life.automation
    months = [f"2023-{number:02d}" for number in range(1, 13)] + ["2024-01", "2024-02"]
    data = [dg.AssetKey([DOMAIN, name]) for name in ("police_stations", "raw_crimes", "rejected_crimes", "enriched_crimes")]
    *sources, last = automation.backfill(*data, partitions=months)
    assert sorted(sources) == ["police_stations", "raw_crimes+rejected_crimes 2023-01..2024-02"]
    assert last == "enriched_crimes 2023-01..2024-02"
    chain = [dg.AssetKey([DOMAIN, name]) for name in (*ONCE_A_MONTH.split("+"), "arrest_champion")]
    *trainings, decision = automation.backfill(*chain, partitions=["2024-01", "2024-02"])
    assert sorted(trainings) == [f"{ONCE_A_MONTH} 2024-01", f"{ONCE_A_MONTH} 2024-02"]
    assert decision == "arrest_champion"
    assert life.decided() == [1, 2]


def report_drift(automation: Automatic, month: str) -> None:
    """Say in the records that the champion has drifted on a month."""
    metadata: dict[str, Any] = {"is_retraining_due": True, "reasons": "AUC fell"}
    automation.instance.report_runless_asset_event(dg.AssetMaterialization(DRIFT, partition=month, metadata=metadata))
