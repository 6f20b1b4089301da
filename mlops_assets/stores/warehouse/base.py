"""What every warehouse does, whatever it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import pandas as pd

    from mlops_assets.contracts import TableContract
    from mlops_assets.stores.diagnosis import Diagnosis


class Warehouse(Protocol):
    """Tables made and evolved from contracts: table `domain.name`, columns as the contract has them."""

    def replace_partition(self, contract: TableContract, partition: date | None, frame: pd.DataFrame) -> None:
        """Replace exactly the rows of one partition, or of the whole table if `partition` is None, in one transaction."""

    def upsert(self, contract: TableContract, frame: pd.DataFrame) -> None:
        """Insert rows, replacing those with the same key, in one transaction."""

    def read(self, contract: TableContract, partitions: Sequence[date] | None = None) -> pd.DataFrame:
        """Read the rows of some partitions, or all rows, ordered by the contract's key. A table not made yet is empty."""

    def partitions(self, contract: TableContract) -> list[date]:
        """Return the partitions of a table that have rows, in order; none if it has not been made yet."""

    def query(self, sql: str) -> pd.DataFrame:
        """Run a read-only query and return its rows."""

    def location(self, contract: TableContract) -> str:
        """Return where the table is, as people and other tools write it, without credentials."""

    def diagnose(self) -> Diagnosis:
        """Write something small, read it back and remove it; raise what a user of the store would meet."""
