"""A few assets over real stores in a temporary folder, run in this process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from mlops_assets.contracts import TableContract
from mlops_assets.months import Month
from mlops_assets.orchestration.asset_specs import LAKE, WAREHOUSE, asset_key, lake_table
from mlops_assets.orchestration.clock import Clock
from mlops_assets.orchestration.lake_io import LakeIOManager
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.partitions import monthly_partitions
from mlops_assets.orchestration.warehouse_io import WarehouseIOManager
from mlops_assets.stores.lake import Lake
from mlops_assets.stores.registry import StoreKind, Stores
from mlops_assets.stores.warehouse import Warehouse
from mlops_assets_tests.tables import READINGS, readings

MONTHS = monthly_partitions("2024-01", "UTC")
SINGLE_RUN = dg.BackfillPolicy.single_run()


def readings_of(key: str) -> pd.DataFrame:
    """Return as many readings as the month's number, each as warm, so that partitions can be told apart."""
    month = Month.parse(key)
    return readings(month.partition, *[float(month.month)] * month.month, first_id=100 * month.month)


@dg.asset(**lake_table(READINGS), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
def monthly_readings(context: dg.AssetExecutionContext) -> PartitionedFrames:
    """Return the readings of each month of the run, computed when they are written."""
    return PartitionedFrames(context.partition_keys, readings_of)


class SmallGraph:
    """Assets of the domain `weather` over the embedded stores."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, *contracts: TableContract) -> None:
        """Keep data in `folder` and records in `instance`; `contracts` are the tables among the assets."""
        self.instance = instance
        urls: dict[StoreKind, str] = {"lake": f"file:{folder}/lake", "warehouse": f"duckdb:{folder}/warehouse.duckdb"}
        self.stores = Stores(urls, f"sqlite:///{folder}/mlflow/mlflow.db", "http://mlflow", folder / "mlflow" / "artifacts")
        self.contracts = {asset_key(contract): contract for contract in contracts}

    @property
    def lake(self) -> Lake:
        """The lake of the assets."""
        return self.stores.lake("weather")

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse of the assets."""
        return self.stores.warehouse("weather")

    def resources(self, stores: Any) -> dict[str, Any]:
        """Return the IO managers over some stores, and the stores."""
        return {
            "stores": stores,
            "clock": Clock(),
            LAKE: LakeIOManager(stores, self.contracts),
            WAREHOUSE: WarehouseIOManager(stores, self.contracts),
        }

    def run(
        self,
        *assets: dg.AssetsDefinition | dg.AssetChecksDefinition,
        only: Sequence[dg.AssetsDefinition] | None = None,
        month: str | None = None,
        months: tuple[str, str] | None = None,
        raise_on_error: bool = True,
        stores: Any = None,
    ) -> dg.ExecuteInProcessResult:
        """Materialize assets, or `only` some of them: whole, for a month, or for a range of months in a single run.

        `stores` replaces the stores of the graph.
        """
        tags = {f"dagster/asset_partition_range_{end}": key for end, key in zip(("start", "end"), months or (), strict=False)}
        return dg.materialize(
            assets,
            selection=only,
            partition_key=month,
            tags=tags,
            instance=self.instance,
            resources=self.resources(stores or self.stores),
            raise_on_error=raise_on_error,
        )

    def evaluate(self, *assets_and_checks: Any, check: str | None = None, **options: Any) -> dg.AssetCheckEvaluation:
        """Materialize assets and return the evaluation of a check, by its name unless it is the only one."""
        evaluations = self.run(*assets_and_checks, raise_on_error=False, **options).get_asset_check_evaluations()
        (evaluation,) = (evaluation for evaluation in evaluations if check in (None, evaluation.check_name))
        return evaluation

    def passed_by_partition(self, check: dg.AssetCheckKey) -> dict[str, bool]:
        """Return for each partition that the records know whether it passed a check."""
        info = self.instance.event_log_storage.get_asset_check_partition_info([check])
        status = {entry.partition_key: entry.latest_execution_status for entry in info}
        return {key: value == AssetCheckExecutionRecordStatus.SUCCEEDED for key, value in status.items() if key}

    def metadata(self, asset: dg.AssetsDefinition) -> dict[str | None, dict[str, Any]]:
        """Return the metadata of the newest materialization of each partition, or of the whole asset under None."""
        records = self.instance.fetch_materializations(asset.key, limit=100).records
        return {
            record.partition_key: {name: entry.value for name, entry in record.asset_materialization.metadata.items()}
            for record in reversed(records)
            if record.asset_materialization
        }
