"""Ways of writing and reading a table that `benchmarks.stores` compares, and the stores themselves as two of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from mlops_assets.contracts.frames import conform, to_pandas
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.stores.lake import LakeAddress

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from benchmarks.store_rows import Partition, Workload
    from mlops_assets.stores.lake import Lake
    from mlops_assets.stores.warehouse import Warehouse


class Way(ABC):
    """One way of doing the work. Reading returns what `Workload.require_same` takes."""

    def prepare(self, workload: Workload) -> None:  # noqa: B027 - most ways have nothing to prepare
        """Do before each call what is not measured."""

    @abstractmethod
    def write(self, workload: Workload) -> None:
        """Write all partitions one after the other, each replacing what was there before."""

    @abstractmethod
    def read(self, workload: Workload) -> pa.Table | pd.DataFrame:
        """Read what the same way has written."""


class OurLake(Way):
    """The lake by itself: a table for one partition, and frames loaded side by side for several, as the IO manager does it."""

    def __init__(self, lake: Lake, domain: str) -> None:
        self._lake, self._domain = lake, domain

    def write(self, workload: Workload) -> None:
        """Write all partitions."""
        for partition in workload.partitions:
            self._lake.write(self._address(workload, partition), partition.table)

    def read(self, workload: Workload) -> pa.Table | pd.DataFrame:
        """Read all partitions."""
        addresses = {partition.key: self._address(workload, partition) for partition in workload.partitions}
        if len(addresses) == 1:
            return self._lake.read(addresses[workload.partitions[0].key])
        return PartitionedFrames(list(addresses), lambda key: self._frame(workload, addresses[key])).concatenated()

    def _frame(self, workload: Workload, address: LakeAddress) -> pd.DataFrame:
        return to_pandas(conform(self._lake.read(address), workload.contract))

    def _address(self, workload: Workload, partition: Partition) -> LakeAddress:
        return LakeAddress((self._domain, workload.contract.name), partition.month.partition)


class OurWarehouse(Way):
    """A warehouse by itself."""

    def __init__(self, warehouse: Warehouse, domain: str) -> None:
        self._warehouse, self._domain = warehouse, domain

    def write(self, workload: Workload) -> None:
        """Write all partitions."""
        contract = workload.contract_in(self._domain)
        for partition in workload.partitions:
            self._warehouse.replace_partition(contract, partition.month.partition, partition.frame)

    def read(self, workload: Workload) -> pd.DataFrame:
        """Read all partitions."""
        return self._warehouse.read(
            workload.contract_in(self._domain), [partition.month.partition for partition in workload.partitions]
        )
