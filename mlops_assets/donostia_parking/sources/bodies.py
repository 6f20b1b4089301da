"""Reading the body of a snapshot, whichever format it turns out to have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.donostia_parking.sources.export_layouts import read_historical
from mlops_assets.donostia_parking.sources.feed import read_feed
from mlops_assets.donostia_parking.sources.feed_values import decode
from mlops_assets.donostia_parking.sources.records import RawReading, UnreadableSnapshotError

if TYPE_CHECKING:
    from mlops_assets.donostia_parking.cities import City

_LONGEST_TEXT = 2_000


def read_body(body: bytes, city: City) -> list[RawReading]:
    """Return the records of a body in their order, each as it came.

    Raises:
        UnreadableSnapshotError: there are none, for the body is a web page, cut off, empty, of another city.
    """
    start = body[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise UnreadableSnapshotError("empty_snapshot", "the snapshot is empty")
    if start.startswith(b"<"):
        raise UnreadableSnapshotError("malformed_snapshot", "the snapshot is a web page or XML, not JSON")
    return read_feed(body) if _is_json(body) else read_historical(body, city)


def count_records(body: bytes, city: City) -> int:
    """Return how many records become readings or rejects: those of the body, or the body as a whole if it has none."""
    try:
        return len(read_body(body, city))
    except UnreadableSnapshotError:
        return 1


def excerpt(body: bytes) -> str:
    """Return the beginning of a body that has no records."""
    return decode(body[: 4 * _LONGEST_TEXT])[:_LONGEST_TEXT]


def _is_json(body: bytes) -> bool:
    return body[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
