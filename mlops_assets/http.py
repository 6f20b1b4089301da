"""Asking web servers: one policy of limits, repeats and errors. It imports requests, so import it where it is used.

requests makes the requests and tenacity repeats them. urllib3's own `Retry` would not do: half of what may pass is an answer that
arrives whole and is none, such as a page that says that the server is down.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from tenacity import Retrying, retry_if_exception, stop_after_attempt

from mlops_assets.errors import PlatformError, SourceError, TransientError

if TYPE_CHECKING:
    from tenacity import RetryCallState

_Answer = TypeVar("_Answer")
_BUSY = (408, 429)
_FORBIDDEN = (401, 403)
_CHUNK_BYTES = 65_536
_MAY_PASS = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


class BrokenAnswerError(Exception):
    """An answer that is not what was asked for. The message goes on after "the answer"."""

    def __init__(self, problem: str, *, may_pass: bool = True, is_foreign: bool = False) -> None:
        """Say what is wrong.

        Args:
            problem: what the answer is, or is not, beginning with a verb.
            may_pass: whether the next answer may be another.
            is_foreign: whether another server seems to have answered, so that somebody has to look at the address if it stays so.
        """
        super().__init__(problem)
        self.may_pass = may_pass
        self.is_foreign = is_foreign


@dataclass(frozen=True)
class RetryPolicy:
    """How often a request is made, and the waits in between: they double, with jitter so that many do not come back all at once.

    Attributes:
        attempts: how often before giving up.
        first_wait_seconds: the wait after the first failure, give or take a half.
        longest_wait_seconds: no wait grows beyond this.
        longest_asked_seconds: the most that a server may ask for by `Retry-After`, which otherwise is kept.
        sleep: waits; tests hand in one that does not.
        jitter: gives a number from 0 to 1; tests hand in a constant.
    """

    attempts: int = 3
    first_wait_seconds: float = 2.0
    longest_wait_seconds: float = 60.0
    longest_asked_seconds: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def ask(self, request: Callable[[], _Answer], place: str, secrets: Collection[str] = ()) -> _Answer:
        """Make a request, again as long as that may help, and return its answer.

        Repeated are: too many requests and timeouts of the server (429, 408), its errors (5xx), timeouts, dropped connections, and
        answers that `request` finds to be broken.

        Args:
            request: makes it once; raises errors of requests, or `BrokenAnswerError`.
            place: what is asked and where, the beginning of every message.
            secrets: what a server may quote and no message must.

        Raises:
            TransientError: every attempt failed for a reason that may pass.
            SourceError: the server refuses the request, or is another one.
        """
        retrying = Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=self._wait_seconds,
            retry=retry_if_exception(_may_pass),
            sleep=self.sleep,
            reraise=True,
        )
        try:
            return retrying(request)
        except (requests.RequestException, BrokenAnswerError) as error:
            text = " ".join(str(error).split())
            for secret in secrets:
                text = text.replace(secret, "***")
            # The original may quote the request, and with it a secret.
            raise self._failure(error, place, text) from None

    def _wait_seconds(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = asked_seconds(getattr(error, "response", None))
        doubled = self.first_wait_seconds * 2 ** (state.attempt_number - 1) * (0.5 + self.jitter())
        return max(min(asked, self.longest_asked_seconds), min(doubled, self.longest_wait_seconds))

    def _failure(self, error: Exception, place: str, text: str) -> PlatformError:
        if isinstance(error, BrokenAnswerError):
            kind = SourceError if error.is_foreign else TransientError
            times = f", {self.attempts} times" if error.may_pass else ""
            return kind(f"{place}: the answer {text}{times}; is this the right address?")
        if _may_pass(error):
            return TransientError(f"{place}: failed {self.attempts} times, the last time with: {text}")
        if _status(error) in _FORBIDDEN:
            return SourceError(f"{place}: access is refused ({text}); a token or password may be wrong")
        return SourceError(f"{place}: the request is refused: {text}")


def limit_answers(session: requests.Session, *, most_bytes: int, most_seconds: float) -> None:
    """Let a session read no answer that is larger, unpacked, or takes longer than this; it raises `BrokenAnswerError` instead.

    A timeout alone ends no answer of which a byte arrives now and then.
    """
    adapter = _LimitingAdapter(most_bytes, most_seconds)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)


def get_bytes(url: str, *, headers: Mapping[str, str], timeout_seconds: float, most_bytes: int, most_seconds: float) -> bytes:
    """Return the whole answer to a GET request, unpacked.

    Args:
        url: what to ask for.
        headers: of the request.
        timeout_seconds: how long to wait for a connection, and for each piece of the answer.
        most_bytes: see `limit_answers`.
        most_seconds: the same.

    Raises:
        requests.RequestException: no answer, or one with a status of failure.
        BrokenAnswerError: an answer beyond the limits.
    """
    with requests.Session() as session:
        limit_answers(session, most_bytes=most_bytes, most_seconds=most_seconds)
        response = session.get(url, headers=headers, timeout=timeout_seconds)
        response.raise_for_status()
        return response.content


class _LimitingAdapter(HTTPAdapter):
    """Sends requests as requests does, and limits the bodies of their answers."""

    def __init__(self, most_bytes: int, most_seconds: float) -> None:
        super().__init__()
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds

    def send(self, *arguments: Any, **options: Any) -> requests.Response:
        response = super().send(*arguments, **options)
        response.raw = _LimitedBody(response.raw, self._most_bytes, self._most_seconds)
        return response


class _LimitedBody:
    """The body of an answer, of which requests reads the stream; all else is the original's."""

    def __init__(self, raw: Any, most_bytes: int, most_seconds: float) -> None:
        self._raw = raw
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, _amount: int, *, decode_content: bool) -> Iterator[bytes]:
        """Yield what has arrived, piece by piece: waiting for a whole chunk would let a slow server outlast the limit."""
        deadline, size = time.monotonic() + self._most_seconds, 0
        try:
            while chunk := self._raw.read1(_CHUNK_BYTES, decode_content=decode_content):
                size += len(chunk)
                if size > self._most_bytes:
                    raise BrokenAnswerError(f"is larger than {self._most_bytes} bytes", may_pass=False, is_foreign=True)
                if time.monotonic() > deadline:
                    raise BrokenAnswerError(f"is not complete after {self._most_seconds:g} seconds")
                yield chunk
        except BrokenAnswerError:
            # What is left would be read as the answer to the next request on this connection.
            self._raw.close()
            raise


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, BrokenAnswerError):
        return error.may_pass
    status = _status(error)
    return isinstance(error, _MAY_PASS) if status is None else status in _BUSY or status >= 500


def _status(error: BaseException) -> int | None:
    response: requests.Response | None = getattr(error, "response", None)
    return None if response is None else response.status_code


def asked_seconds(response: requests.Response | None) -> float:
    """Return how long a server asks to wait by `Retry-After`, in seconds or as a moment by its own clock; 0 if it does not."""
    text = response.headers.get("Retry-After", "").strip() if response is not None else ""
    if response is None or not text:
        return 0.0
    if text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        return max(0.0, (until - parsedate_to_datetime(response.headers["Date"])).total_seconds())
    except (ValueError, TypeError, KeyError):
        return 0.0
