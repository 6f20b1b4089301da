"""The portal's pages, landed: one object per complete request for a month, of which the month can be parsed again.

`month=2024-01/utc_month=2024-02/09T120000.123456Z-1f0c9a52.json.gz` holds the records of January 2024 as the portal gave them on
9 February at 12:00 UTC, as a JSON array. It is put in one step when the last page has arrived and the count is right, so a request
that was interrupted has landed nothing.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import NotEnoughDataError
from mlops_assets.stores.landing.request_names import RequestNames, requested_at

if TYPE_CHECKING:
    from mlops_assets.months import Month
    from mlops_assets.stores.landing import Landing

_COMPRESSION = 1
"""Records repeat their field names: the fastest level makes them a sixth, higher ones little less for three times the time."""


@dataclass(frozen=True)
class LandedPages:
    """What the portal gave for the months, request by request.

    Attributes:
        landing: where it is.
        now: tells the time of a request.
    """

    landing: Landing
    now: Callable[[], datetime]

    def land(self, month: Month, records: Sequence[dict[str, Any]], requested_at: datetime) -> str:
        """Land the records of a complete request, and return their name."""
        # No time inside, so that the same records are the same bytes.
        content = gzip.compress(json.dumps(records, separators=(",", ":")).encode(), _COMPRESSION, mtime=0)
        name = _names(month).name(requested_at, content, "json.gz")
        self.landing.land([(name, content)])
        return name

    def newest(self, month: Month) -> str:
        """Return the name of the latest complete request for a month.

        Raises:
            NotEnoughDataError: nothing has landed for it.
        """
        names = [name for name in self.landing.names(_names(month).series) if requested_at(name) is not None]
        if not names:
            raise NotEnoughDataError(
                f"crimes of {month}: no page of the portal has landed in {self.landing.uri}; read the month without replay first"
            )
        return names[-1]

    def read(self, name: str) -> list[dict[str, Any]]:
        """Return the records that landed under a name, in the portal's order."""
        [(_, content)] = self.landing.read([name])
        records: list[dict[str, Any]] = json.loads(gzip.decompress(content))
        return records


def _names(month: Month) -> RequestNames:
    return RequestNames(f"month={month}/", per="month")
