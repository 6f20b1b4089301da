"""What every warehouse does, whatever it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from mlops_assets.contracts import TableContract
    from mlops_assets.partition import Partition
    from mlops_assets.stores.health import HealthCheck


class Warehouse(Protocol):
    """Tables made and evolved from contracts: table `domain.name`, columns as the contract has them.

    The partition of a row stands in the contract's partition column, as `partition_value` says.
    """

    def replace_partition(self, contract: TableContract, partition: Partition | None, frame: pd.DataFrame) -> None:
        """Replace exactly the rows of one partition, or of the whole table if `partition` is None, in one transaction.

        Raises:
            ContractError: there are rows of another partition, or the partition column cannot tell it from others.
        """

    def upsert(self, contract: TableContract, frame: pd.DataFrame) -> None:
        """Insert rows, replacing those with the same key, in one transaction."""

    def read(self, contract: TableContract, partitions: Sequence[Partition] | None = None) -> pd.DataFrame:
        """Read the rows of some partitions, or all rows, ordered by the contract's key. A table not made yet is empty."""

    def partitions(self, contract: TableContract) -> list[Partition]:
        """Return the partitions of a table that have rows, in order, under the name of their column; none if there is no table."""

    def query(self, sql: str) -> pd.DataFrame:
        """Run a read-only query and return its rows."""

    def location(self, contract: TableContract) -> str:
        """Return where the table is, as people and other tools write it, without credentials."""

    def check_health(self) -> HealthCheck:
        """Write something small, read it back and remove it; raise what a user of the store would meet."""
