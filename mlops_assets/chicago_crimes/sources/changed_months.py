"""Which months are read again because the source changed them, and until when they are asked for. No Dagster here."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from mlops_assets.months import Month


@dataclass
class OpenMonths:
    """What the sensor of changed months knows from tick to tick.

    Attributes:
        source_cursor: how far the source was asked.
        since: months that are to be read again, each with the POSIX time at which its last change was noticed: what was read
            by a run that started before does not count.
    """

    source_cursor: str | None = None
    since: dict[str, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, cursor: str | None) -> OpenMonths:
        """Return what a cursor holds; anything else than ours is the source's own cursor, as it was kept before."""
        try:
            content = json.loads(cursor or "")
            return cls(content["source_cursor"], {key: float(at) for key, at in content["since"].items()})
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls(cursor)

    def dump(self) -> str:
        """Return the cursor."""
        return json.dumps({"source_cursor": self.source_cursor, "since": self.since}, sort_keys=True)


def months_to_read(changed: Sequence[Month], loaded: Collection[Month]) -> list[Month]:
    """Return the changed months that are worth reading: those read before, and new ones after the latest of them.

    A change to a year that nobody has loaded is no reason to load that year; a backfill does that.

    Args:
        changed: what the source says.
        loaded: months of `raw_crimes` that exist, or are being read.
    """
    return [month for month in changed if month in loaded or (loaded and month > max(loaded))]
