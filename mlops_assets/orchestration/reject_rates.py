"""How many records were rejected, by the entity that they are about: a car park, a file, whatever a domain's records come from.

A share of all records says little where there are few entities: one closed car park of sixteen is 6 % of them for as long as it is
closed. So each entity is judged by its own records, and the feed as a whole by how many entities are in trouble.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_MOST = 0.5
_FEW_REJECTS = 1
"""A single reject says nothing about an entity, however few records it has by then: of a day that has just begun, one or two."""


@dataclass(frozen=True)
class RejectRates:
    """The rejects of a partition.

    Attributes:
        by_entity: `entity`, `name`, `accepted_count`, `rejected_count`, `rejected_share` and `is_in_trouble`, a row per entity that
            has a record, most rejects first.
        record_count: accepted and rejected.
        rejected_count: of all entities, and of none.
        nameless_count: rejects that do not say which entity they are about: a web page in place of a response, a damaged line.
        greatest_share: of rejects, above which there is trouble.
    """

    by_entity: pd.DataFrame
    record_count: int
    rejected_count: int
    nameless_count: int
    greatest_share: float

    @property
    def in_trouble(self) -> list[str]:
        """The names of the entities of which too many records were rejected."""
        return self.by_entity.loc[self.by_entity["is_in_trouble"], "name"].tolist()

    @property
    def are_most_in_trouble(self) -> bool:
        """Whether more than half of the entities are in trouble."""
        return len(self.in_trouble) > _MOST * len(self.by_entity)

    @property
    def are_many_nameless(self) -> bool:
        """Whether too many records were rejected that name no entity."""
        return _are_many(self.nameless_count, self.record_count, self.greatest_share)

    def are_more_than(self, share: float | None) -> bool:
        """Tell whether more than a share of all records were rejected, whatever they are about; nothing is too much for None."""
        return share is not None and _are_many(self.rejected_count, self.record_count, share)

    @property
    def share(self) -> float:
        """The share of rejects among all records."""
        return self.rejected_count / max(self.record_count, 1)


def measure_rejects(
    accepted: pd.Series,
    rejected: pd.DataFrame,
    *,
    entity: str,
    name: str,
    greatest_share: float,
    harmless_reasons: Collection[str],
) -> RejectRates:
    """Return how many records of each entity were rejected.

    Args:
        accepted: the entity of each row of the domain's table.
        rejected: the rejects, with `reason_code` and the columns `entity` and `name`.
        entity: the column that tells entities apart; empty on rejects that name none.
        name: the column with the name of the entity, for people.
        greatest_share: of rejects.
        harmless_reasons: reason codes that do not count, for example older versions of a row.
    """
    import pandas as pd

    counted = rejected[~rejected["reason_code"].isin(list(harmless_reasons))]
    named = counted[counted[entity].notna()]
    names = dict(zip(named[entity], named[name].fillna(named[entity]), strict=True))
    table = pd.DataFrame(
        {"accepted_count": accepted.value_counts(), "rejected_count": named[entity].value_counts()}, dtype="float64"
    )
    table = table.fillna(0).astype("int64")
    table["rejected_share"] = table["rejected_count"] / (table["accepted_count"] + table["rejected_count"])
    table["is_in_trouble"] = (table["rejected_count"] > _FEW_REJECTS) & (table["rejected_share"] > greatest_share)
    table.insert(0, "name", [names.get(key, key) for key in table.index])
    table = table.rename_axis("entity").reset_index()
    return RejectRates(
        table.sort_values(["rejected_count", "entity"], ascending=[False, True], ignore_index=True),
        record_count=len(accepted) + len(counted),
        rejected_count=len(counted),
        nameless_count=len(counted) - len(named),
        greatest_share=greatest_share,
    )


def _are_many(rejected: int, records: int, greatest_share: float) -> bool:
    return rejected > max(_FEW_REJECTS, greatest_share * records)
