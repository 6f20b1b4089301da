"""A small platform in a temporary folder: real stores, small simulated cities, jobs run in this process."""

import shutil
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from mlops_assets import chicago_crimes
from mlops_assets.build import build_definitions
from mlops_assets.chicago_crimes.settings import ChicagoCrimesSettings
from mlops_assets.contracts import TableContract
from mlops_assets.donostia_parking.settings import DonostiaParkingSettings
from mlops_assets.orchestration.clock import CLOCK, Clock
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.orchestration.partitions import range_tags
from mlops_assets.partition import Partition
from mlops_assets.settings import Settings
from mlops_assets.song_popularity.settings import SongPopularitySettings
from mlops_assets.song_preference.settings import SongPreferenceSettings
from mlops_assets.stores.lake import LakeAddress
from mlops_assets.stores.registry import Stores
from mlops_assets_tests.reads import WatchedStores

AS_OF = datetime(2024, 6, 1, tzinfo=timezone.utc)
"""What the simulated portal and feed have heard of: long after the months and days that the tests read."""

QUICK_MODEL = {
    "chicago_crimes__arrest_model": {"config": {"tuning_trials": 0, "families": ["logistic_regression", "hist_gradient_boosting"]}},
    "chicago_crimes__training_window": {"config": {"minimum_rows": 1_000}},
}
"""Three small candidates with their defaults, on a window of any size."""

QUICK_FORECASTS = {"donostia_parking__forecast_model": {"config": {"candidates": ["hour_of_day_mean", "seasonal_profile"]}}}
"""Without the candidates that are fitted to each car park again and again."""


def recorded_snapshots(since: str, until: str) -> dict[str, Any]:
    """Return what makes a run land the snapshots that a feed has recorded from one moment (UTC) up to another."""
    return {"donostia_parking__snapshots": {"config": {"mode": "replay", "since": since, "until": until}}}


class StoppedClock(Clock):
    """A clock that shows one moment until it is set."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


_ERRORS_ONLY = {"console": {"config": {"log_level": "CRITICAL"}}}


class Platform:
    """The platform's definitions over stores in one folder, with an instance of its own."""

    def __init__(
        self,
        folder: Path,
        instance: dg.DagsterInstance,
        crimes_per_year: int = 24_000,
        stores: Mapping[str, str] | None = None,
        parking: Mapping[str, Any] | None = None,
        songs: Mapping[str, Any] | None = None,
        popularity: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        **crimes: Any,
    ) -> None:
        """Keep everything in `folder` but the `stores` that have other URLs; the others are settings of domains."""
        own = {"source": "sample", "sample_crimes_per_year": crimes_per_year, "sample_as_of": AS_OF, **crimes}
        own_parking = {"source": "sample", "sample_as_of": AS_OF, **(parking or {})}
        urls: dict[str, Any] = dict(stores or {})
        self.settings = Settings(
            data_dir=folder,
            domains={
                "chicago_crimes": ChicagoCrimesSettings(**own, _env_file=None),
                "donostia_parking": DonostiaParkingSettings(**own_parking, _env_file=None),
                "song_preference": SongPreferenceSettings(**(songs or {}), _env_file=None),
                "song_popularity": SongPopularitySettings(**(popularity or {}), _env_file=None),
            },
            _env_file=None,
            **urls,
        )
        self.stores = self.settings.build_stores()
        self.watched_stores = WatchedStores(**vars(self.stores))
        resources: dict[str, Any] = {"stores": self.watched_stores, **({} if clock is None else {CLOCK: clock})}
        self.definitions = build_definitions(self.settings, resources=resources)
        self.instance = instance

    def run(
        self,
        job: str,
        *,
        month: str | None = None,
        months: tuple[str, str] | None = None,
        day: str | None = None,
        days: tuple[str, str] | None = None,
        playlist: str | None = None,
        playlists: tuple[str, str] | None = None,
        ops: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> dg.ExecuteInProcessResult:
        """Run a job for one month, day or playlist, or for a range of them in one run."""
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=month or day or playlist,
            tags=_range_tags(months or days or playlists),
            run_config={"ops": dict(ops or {}), "loggers": _ERRORS_ONLY},
            **options,
        )

    def materialize(
        self,
        *assets: str,
        domain: str = chicago_crimes.DOMAIN,
        day: str | None = None,
        months: tuple[str, str] | None = None,
        days: tuple[str, str] | None = None,
        ops: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> dg.ExecuteInProcessResult:
        """Materialize some assets of a domain with their checks, for a day or a range of partitions in one run, as the UI does."""
        keys = {dg.AssetKey([domain, asset]) for asset in assets}
        job = self.definitions.resolve_implicit_global_asset_job_def().get_subset(asset_selection=keys)
        return job.execute_in_process(
            instance=self.instance,
            partition_key=day,
            tags=_range_tags(months or days),
            run_config={"ops": dict(ops or {}), "loggers": _ERRORS_ONLY},
            **options,
        )

    def metadata(self, asset: str, partition: str | None = None, domain: str = chicago_crimes.DOMAIN) -> dict[str, Any]:
        """Return the values of what the latest materialization of an asset, or of one of its partitions, says."""
        wanted = dg.AssetRecordsFilter(
            asset_key=dg.AssetKey([domain, asset]), asset_partitions=None if partition is None else [partition]
        )
        materialization = self.instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization
        assert materialization is not None
        return {name: value.value for name, value in materialization.metadata.items()}

    def table(self, contract: Any) -> Any:
        """Return a warehouse table."""
        return self.stores.warehouse(contract.domain).read(contract)


def _range_tags(partitions: tuple[str, str] | None) -> dict[str, str]:
    if partitions is None:
        return {}
    return range_tags(*partitions)


def with_registry(folder: Path, mlflow_database: Path) -> Path:
    """Put a copy of a fresh MLflow database where a platform in `folder` expects its own, and return the folder."""
    (folder / "mlflow").mkdir(parents=True)
    shutil.copy(mlflow_database, folder / "mlflow" / "mlflow.db")
    return folder


def whole_table(stores: Stores, contract: TableContract, dimension: str = "month") -> pd.DataFrame:
    """Return a table with all its partitions, from the lake if it is there, else from the warehouse."""
    lake, asset = stores.lake(contract.domain), (contract.domain, contract.name)
    if keys := list(lake.partitions(asset)):
        return pd.concat([read_partition(lake, contract, Partition(dimension, key)) for key in keys], ignore_index=True)
    if lake.exists(LakeAddress(asset)):
        return lake.read(LakeAddress(asset)).to_pandas()
    return stores.warehouse(contract.domain).read(contract)


def failed_checks(result: dg.ExecuteInProcessResult) -> list[str]:
    """Return asset and name of every check that did not pass in a run."""
    return [
        f"{evaluation.asset_key.to_user_string()}:{evaluation.check_name}"
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed
    ]
