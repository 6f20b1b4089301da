"""Snapshots straight from the city's feed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone

from mlops_assets.donostia_parking.sources.base import JSON_TYPE, Snapshot
from mlops_assets.http import BrokenAnswerError, RetryPolicy, get_bytes
from mlops_assets.stores.urls import parse_web_url

_HEADERS = {"Accept": "application/json", "User-Agent": "mlops-assets"}


class LiveParkingSource:
    """The city's feed, which has a present and no past.

    A request is repeated while that may help, also after an answer that is no complete JSON. What is JSON is taken as it is, even
    if there are no car parks in it: whether it makes sense is for `readings` to say.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = 20.0,
        most_bytes: int = 5_000_000,
        retries: RetryPolicy | None = None,
    ) -> None:
        """Ask the feed at `url`.

        Args:
            url: the feed's address.
            timeout_seconds: how long to wait for a connection, for each piece of an answer, and three times this for the whole.
            most_bytes: an answer of more than this is not the feed.
            retries: how often a request is made; three times if None.

        Raises:
            SettingsError: the URL is not one.
        """
        self._place = parse_web_url(url, "https://www.donostia.eus/...").shown
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._most_bytes = most_bytes
        self._retries = retries or RetryPolicy()

    def describe(self) -> str:
        """Say which feed is asked."""
        return f"feed {self._place}"

    def snapshots_between(self, since: datetime, until: datetime) -> Iterator[Snapshot]:
        """Yield nothing: the feed tells the present only."""
        return iter(())

    def available_range(self) -> tuple[datetime, datetime] | None:
        """Return nothing: the feed has no past."""
        return None

    def export_files(self) -> tuple[()]:
        """Return nothing: the feed has no files."""
        return ()

    def fetch_snapshot(self, at: datetime) -> Snapshot:
        """Ask the feed; see `ParkingSource`."""
        body = self._retries.ask(self._ask, self.describe())
        return Snapshot(at.astimezone(timezone.utc), body, self._place, JSON_TYPE)

    def _ask(self) -> bytes:
        body = get_bytes(
            self._url,
            headers=_HEADERS,
            timeout_seconds=self._timeout_seconds,
            most_bytes=self._most_bytes,
            most_seconds=3 * self._timeout_seconds,
        )
        if body.lstrip()[:1] == b"<":
            raise BrokenAnswerError("is a web page, not JSON", is_foreign=True)
        try:
            json.loads(body)
        except UnicodeDecodeError:
            # Another encoding than JSON's is for the parser to sort out; the bytes are what counts here.
            return body
        except (ValueError, RecursionError) as error:
            raise BrokenAnswerError("is not complete JSON" if body else "is empty") from error
        return body
