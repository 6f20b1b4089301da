"""Snapshots straight from the city's feed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NoReturn

from mlops_assets.donostia_parking.sources.base import JSON_TYPE, Snapshot
from mlops_assets.errors import SourceError, TransientError
from mlops_assets.stores.urls import parse_web_url

if TYPE_CHECKING:
    import requests
    import tenacity

_BUSY = (408, 429)
_LONGEST_WAIT_SECONDS = 60.0
_CHUNK_BYTES = 256
"""Small, because the clock is looked at between chunks, and a server may send a byte every few seconds."""

_HEADERS = {"Accept": "application/json", "User-Agent": "mlops-assets"}


class _BrokenAnswerError(Exception):
    """An answer without JSON in it that may be whole the next time."""


class LiveParkingSource:
    """The city's feed, which has a present and no past.

    A request is repeated while that may help: after too many requests (429; `Retry-After` is kept), server errors, timeouts,
    dropped connections, and answers that are no complete JSON. What is JSON is taken as it is, even if there are no car parks in
    it: whether it makes sense is for `readings` to say.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = 20.0,
        attempts: int = 3,
        first_wait_seconds: float = 2.0,
        most_bytes: int = 5_000_000,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Ask the feed at `url`.

        Args:
            url: the feed's address.
            timeout_seconds: how long to wait for a connection, for each piece of an answer, and three times this for the whole.
            attempts: how often a request is made before giving up.
            first_wait_seconds: the wait after the first failure; it doubles after each further one.
            most_bytes: an answer of more than this is not the feed.
            sleep: waits; tests hand in one that does not.

        Raises:
            SettingsError: the URL is not one.
        """
        self._place = parse_web_url(url, "https://www.donostia.eus/...").shown
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._attempts = attempts
        self._first_wait_seconds = first_wait_seconds
        self._most_bytes = most_bytes
        self._sleep = sleep

    def describe(self) -> str:
        """Say which feed is asked."""
        return f"feed {self._place}"

    def snapshots_between(self, since: datetime, until: datetime) -> Iterator[Snapshot]:
        """Yield nothing: the feed tells the present only."""
        return iter(())

    def recorded_span(self) -> tuple[datetime, datetime] | None:
        """Return nothing: the feed has no past."""
        return None

    def export_files(self) -> tuple[()]:
        """Return nothing: the feed has no files."""
        return ()

    def fetch_snapshot(self, at: datetime) -> Snapshot:
        """Ask the feed; see `ParkingSource`."""
        import requests
        from tenacity import Retrying, retry_if_exception, stop_after_attempt

        retrying = Retrying(
            stop=stop_after_attempt(self._attempts),
            wait=self._wait_seconds,
            retry=retry_if_exception(_may_pass),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            body = retrying(self._ask)
        except (requests.RequestException, _BrokenAnswerError) as error:
            self._fail(error)
        return Snapshot(at.astimezone(timezone.utc), body, self._place, JSON_TYPE)

    def _ask(self) -> bytes:
        import requests

        with requests.get(self._url, headers=_HEADERS, timeout=self._timeout_seconds, stream=True) as response:
            response.raise_for_status()
            body = self._read(response)
        if body.lstrip()[:1] == b"<":
            raise _BrokenAnswerError("is a web page, not JSON")
        try:
            json.loads(body)
        except UnicodeDecodeError:
            # Another encoding than JSON's is for the parser to sort out; the bytes are what counts here.
            return body
        except (ValueError, RecursionError) as error:
            raise _BrokenAnswerError("is not complete JSON" if body else "is empty") from error
        return body

    def _read(self, response: requests.Response) -> bytes:
        """Return the answer, unless it is endless in size or in time."""
        deadline = time.monotonic() + 3 * self._timeout_seconds
        body = bytearray()
        for chunk in response.iter_content(_CHUNK_BYTES):
            body += chunk
            if len(body) > self._most_bytes:
                raise SourceError(
                    f"{self.describe()}: the answer is larger than {self._most_bytes} bytes; is this the feed's address?"
                )
            if time.monotonic() > deadline:
                raise _BrokenAnswerError(f"is not complete after {3 * self._timeout_seconds:g} seconds")
        return bytes(body)

    def _wait_seconds(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        response: requests.Response | None = getattr(error, "response", None)
        asked = response.headers.get("Retry-After", "") if response is not None else ""
        asked_seconds = float(asked) if asked.strip().isdecimal() else 0.0
        return min(max(asked_seconds, self._first_wait_seconds * 2 ** (state.attempt_number - 1)), _LONGEST_WAIT_SECONDS)

    def _fail(self, error: Exception) -> NoReturn:
        """Raise the platform's error for a request that failed for good; the original may quote a secret part of the address."""
        text = " ".join(str(error).split()).replace(self._url, self._place)
        if isinstance(error, _BrokenAnswerError):
            kind = SourceError if "web page" in text else TransientError
            raise kind(f"{self.describe()}: the answer {text}, {self._attempts} times; is this the feed's address?") from None
        if _may_pass(error):
            raise TransientError(f"{self.describe()}: failed {self._attempts} times, the last time with: {text}") from None
        raise SourceError(f"{self.describe()}: the request is refused: {text}") from None


def _may_pass(error: BaseException) -> bool:
    import requests

    response: requests.Response | None = getattr(error, "response", None)
    if response is not None:
        return response.status_code in _BUSY or response.status_code >= 500
    return isinstance(
        error,
        (
            _BrokenAnswerError,
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
            requests.exceptions.ContentDecodingError,
        ),
    )
