"""IO managers of the platform and those shipped with Dagster, called as a run calls them, with contexts of one asset."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import dagster as dg

from benchmarks.store_rows import FIRST_MONTH
from benchmarks.store_ways import Way
from mlops_assets.orchestration.asset_specs import asset_key
from mlops_assets.orchestration.lake_io import LakeIOManager
from mlops_assets.orchestration.partitions import monthly_partitions
from mlops_assets.orchestration.warehouse_io import WarehouseIOManager
from mlops_assets.stores.registry import Stores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from benchmarks.store_rows import Workload
    from mlops_assets.contracts import TableContract

_PARTITIONS = monthly_partitions(FIRST_MONTH.key, "UTC")
_ANYTHING = dg.DagsterType(lambda _context, _value: True, name="anything")
_METADATA = {"partition_expr": "occurred_at"}
"""By what the shipped manager for BigQuery finds a partition: it compares with moments, which a DATE is not."""


class ByIOManager(Way):
    """A table by an IO manager: one output per partition, one input of all of them."""

    def __init__(self, manager: dg.IOManager, domain: str, resource_config: dict[str, object] | None = None) -> None:
        self._manager, self._domain, self._resource_config = manager, domain, resource_config

    def prepare(self, workload: Workload) -> None:
        """Make the contexts, which takes long outside of a run."""
        self._outputs = [self._output(workload, partition.key) for partition in workload.partitions]
        self._input = dg.build_input_context(
            asset_key=asset_key(workload.contract_in(self._domain)),
            asset_partitions_def=_PARTITIONS,
            asset_partition_key_range=dg.PartitionKeyRange(workload.partitions[0].key, workload.partitions[-1].key),
            dagster_type=_ANYTHING,
            upstream_output=self._outputs[0],
            resource_config=self._resource_config,
        )

    def write(self, workload: Workload) -> None:
        """Write all partitions."""
        for context, partition in zip(self._outputs, workload.partitions, strict=True):
            self._manager.handle_output(context, partition.frame)

    def read(self, workload: Workload) -> pd.DataFrame:
        """Read all partitions."""
        import pandas as pd

        loaded = self._manager.load_input(self._input)
        # Managers of pickles hand over several partitions by key.
        return pd.concat(loaded.values(), ignore_index=True) if isinstance(loaded, dict) else loaded

    def _output(self, workload: Workload, key: str) -> dg.OutputContext:
        return dg.build_output_context(
            asset_key=asset_key(workload.contract_in(self._domain)),
            asset_partitions_def=_PARTITIONS,
            partition_key=key,
            definition_metadata=_METADATA,
            resource_config=self._resource_config,
        )


def our_lake_manager(url: str, domain: str, workloads: Sequence[Workload]) -> ByIOManager:
    """Return the platform's IO manager over a lake."""
    return ByIOManager(LakeIOManager(Stores({"lake": url}, "", "", Path()), _contracts(domain, workloads)), domain)


def our_warehouse_manager(url: str, domain: str, workloads: Sequence[Workload]) -> ByIOManager:
    """Return the platform's IO manager over a warehouse."""
    return ByIOManager(WarehouseIOManager(Stores({"warehouse": url}, "", "", Path()), _contracts(domain, workloads)), domain)


def shipped_s3_manager(endpoint: str | None, bucket: str, prefix: str, domain: str) -> ByIOManager:
    """Return the IO manager of dagster-aws, which stores pickles."""
    from dagster_aws.s3 import S3PickleIOManager, S3Resource

    manager = S3PickleIOManager(s3_resource=S3Resource(endpoint_url=endpoint), s3_bucket=bucket, s3_prefix=prefix)
    return ByIOManager(manager, domain)


def shipped_gcs_manager(project: str, bucket: str, prefix: str, domain: str) -> ByIOManager:
    """Return the IO manager of dagster-gcp, which stores pickles."""
    from dagster_gcp import GCSPickleIOManager, GCSResource

    return ByIOManager(GCSPickleIOManager(gcs=GCSResource(project=project), gcs_bucket=bucket, gcs_prefix=prefix), domain)


def shipped_bigquery_manager(project: str, domain: str) -> ByIOManager:
    """Return the IO manager of dagster-gcp-pandas; it makes a client for every call."""
    from dagster_gcp_pandas import BigQueryPandasIOManager

    manager = BigQueryPandasIOManager(project=project).create_io_manager(dg.build_init_resource_context())
    return ByIOManager(manager, domain, {"project": project})


@contextmanager
def credentials_for_emulator() -> Iterator[None]:
    """Let clients that look for credentials find anonymous ones: the shipped manager for BigQuery has no setting for them."""
    import google.auth
    from google.auth.credentials import AnonymousCredentials

    with mock.patch.object(google.auth, "default", return_value=(AnonymousCredentials(), None)):
        yield


def _contracts(domain: str, workloads: Sequence[Workload]) -> dict[dg.AssetKey, TableContract]:
    contracts = [workload.contract_in(domain) for workload in workloads]
    return {asset_key(contract): contract for contract in contracts}
