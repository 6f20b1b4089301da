"""Asking the portal: a sodapy client for any host, and queries that are repeated while repeating may help."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NoReturn

from mlops_assets.errors import SettingsError, SourceError, TransientError
from mlops_assets.urls import URL, UnreadableURLError, read_web_url, redact

if TYPE_CHECKING:
    import requests
    import tenacity
    from sodapy import Socrata

_EXAMPLE = "https://data.cityofchicago.org"
_LONGEST_WAIT_SECONDS = 120.0
_LONGEST_ASKED_SECONDS = 900.0
_TOO_MANY_REQUESTS = 429
_FORBIDDEN = (401, 403)


def read_portal_url(text: str) -> URL:
    """Read the URL of a portal, which says which one and nothing else.

    Raises:
        UnreadableURLError: it is none, or has a user, a path or options.
    """
    parts = read_web_url(text, _EXAMPLE)
    if parts.path.strip("/") or parts.options or parts.has_credentials:
        raise UnreadableURLError(f"it is not like {_EXAMPLE}: leave user, password, path and options out")
    return parts


def open_portal(url: str = _EXAMPLE, app_token: str | None = None, timeout_seconds: float = 60) -> Socrata:
    """Return a client of the portal at `url`.

    Args:
        url: the portal, or another server that speaks its language; `http://` is meant for tests.
        app_token: raises the portal's rate limit; sent as a header, and only there.
        timeout_seconds: how long to wait for a connection, and between two pieces of an answer.

    Raises:
        SettingsError: the URL is not one, or says more than which portal.
    """
    from sodapy import Socrata

    try:
        parts = read_portal_url(url)
    except UnreadableURLError as error:
        raise SettingsError(f"portal URL {redact(url)!r}: {error}") from None
    client = Socrata(parts.hosts, app_token, timeout=timeout_seconds)
    client.uri_prefix = f"{parts.scheme}://"
    return client


class _BrokenAnswerError(Exception):
    """An answer that has no list of records in it: a web page, a piece of JSON, nothing."""


class PortalQuery:
    """Runs queries against a client, and repeats those that fail for reasons that may pass.

    These are: too many requests (429; the portal's `Retry-After` is kept), server errors (5xx), timeouts, dropped connections, and
    answers that are not a JSON list. Waits double, with jitter, so that many processes do not come back all at once.
    """

    def __init__(
        self,
        client: Socrata,
        *,
        attempts: int,
        first_wait_seconds: float,
        sleep: Callable[[float], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._attempts = attempts
        self._first_wait_seconds = first_wait_seconds
        self._sleep = sleep
        self._jitter = jitter

    def __call__(self, what: str, dataset: str, **query: Any) -> list[dict[str, Any]]:
        """Return the records that a SoQL query gives.

        Args:
            what: what is being asked for, for messages.
            dataset: the portal's identifier of the dataset.
            query: the clauses, by sodapy's names.

        Raises:
            TransientError: every attempt failed for a reason that may pass.
            SourceError: the portal refuses the query, or answers with web pages.
        """
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
            return retrying(self._ask, dataset, query)
        except (requests.RequestException, _BrokenAnswerError) as error:
            self._fail(what, dataset, error)

    def _ask(self, dataset: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        import requests

        try:
            answer = self._client.get(dataset, **query)
        except requests.exceptions.JSONDecodeError as error:
            raise _BrokenAnswerError("is not complete JSON") from error
        except requests.RequestException:
            raise
        except Exception as error:
            # sodapy raises a bare Exception for a content type that it does not know, and stumbles if there is none.
            raise _BrokenAnswerError(_describe(error)) from error
        if not isinstance(answer, list) or not all(isinstance(record, dict) for record in answer):
            raise _BrokenAnswerError("is not a list of records")
        return answer

    def _wait_seconds(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = _retry_after_seconds(getattr(error, "response", None))
        doubled = self._first_wait_seconds * 2 ** (state.attempt_number - 1) * (0.5 + self._jitter())
        return max(min(asked, _LONGEST_ASKED_SECONDS), min(doubled, _LONGEST_WAIT_SECONDS))

    def _fail(self, what: str, dataset: str, error: Exception) -> NoReturn:
        """Raise the platform's error for a request that failed for good.

        The original is not chained: it may quote the request or the server's answer, and with them the app token.
        """
        place = f"{what}: dataset {dataset} at {self._client.uri_prefix}{self._client.domain}"
        status = _status(error)
        text = self._without_token(" ".join(str(error).split()))
        if isinstance(error, _BrokenAnswerError):
            kind = SourceError if "html" in text else TransientError
            raise kind(f"{place}: the answer {text}, {self._attempts} times; is this the portal's address?") from None
        if _may_pass(error):
            raise TransientError(f"{place}: failed {self._attempts} times, the last time with: {text}") from None
        if status in _FORBIDDEN:
            raise SourceError(f"{place}: access refused ({text}); the app token may be wrong") from None
        raise SourceError(f"{place}: the portal refuses the query: {text}") from None

    def _without_token(self, text: str) -> str:
        token = self._client.session.headers.get("X-App-token")
        return text.replace(str(token), "[app token]") if token else text


def _status(error: BaseException) -> int | None:
    response: requests.Response | None = getattr(error, "response", None)
    return None if response is None else response.status_code


def _may_pass(error: BaseException) -> bool:
    import requests

    status = _status(error)
    if status is not None:
        return status == _TOO_MANY_REQUESTS or status >= 500
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


def _describe(error: Exception) -> str:
    found = re.match("Unknown response format: (.*)", str(error))
    return f"is not JSON but {found[1]}" if found else f"is not understood by sodapy ({error!r})"


def _retry_after_seconds(response: requests.Response | None) -> float:
    """Return how long the server asks to wait: given in seconds, or as a moment by its own clock."""
    text = response.headers.get("Retry-After", "") if response is not None else ""
    if response is None or not text:
        return 0.0
    if text.strip().isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        return max(0.0, (until - parsedate_to_datetime(response.headers["Date"])).total_seconds())
    except (ValueError, TypeError, KeyError):
        return 0.0
