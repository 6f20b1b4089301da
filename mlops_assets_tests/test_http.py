"""How often web servers are asked, how long the waits are, and what messages keep to themselves."""

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import NoReturn

import pytest
import requests

from mlops_assets.errors import SourceError, TransientError
from mlops_assets.http import RetryPolicy


def _refusing(status: int, reason: str = "", **headers: str) -> Callable[[], NoReturn]:
    """Return a request that is answered by a status."""
    response = requests.Response()
    response.status_code, response.reason, response.url = status, reason, "http://server/feed?token=abc"
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})

    def refuse() -> NoReturn:
        response.raise_for_status()
        raise AssertionError

    return refuse


def _waits(request: Callable[[], object], jitter: Sequence[float], longest_wait_seconds: float = 60) -> list[float]:
    waits: list[float] = []
    numbers = cycle(jitter)
    with pytest.raises(TransientError):
        RetryPolicy(attempts=4, longest_wait_seconds=longest_wait_seconds, sleep=waits.append, jitter=lambda: next(numbers)).ask(
            request, "server"
        )
    return waits


def test_waits_double_up_to_a_limit_give_or_take_a_half() -> None:
    """Two, four and eight seconds, of which the last is cut; jitter from 0 to 1 makes it half to one and a half times as long."""
    assert _waits(_refusing(503), [0.0, 0.5, 1.0], longest_wait_seconds=10) == [1, 4, 10]


@pytest.mark.parametrize(
    ("asked", "wait"),
    [("7", 7), ("700", 60), ("1", 2), ("Wed, 21 Oct 2015 07:28:45 GMT", 45), ("Wed, 21 Oct 2015 07:27:00 GMT", 2), ("soon", 2)],
)
def test_wait_is_what_the_server_asks_for_within_reason(asked: str, wait: float) -> None:
    """In seconds or as a moment by its own clock; never shorter than without, never longer than the limit."""
    request = _refusing(429, Retry_After=asked, Date="Wed, 21 Oct 2015 07:28:00 GMT")
    assert _waits(request, [0.5])[0] == wait


@pytest.mark.parametrize(
    ("status", "is_repeated"), [(400, False), (401, False), (404, False), (408, True), (429, True), (500, True)]
)
def test_only_what_may_pass_is_repeated(status: int, is_repeated: bool) -> None:
    """A request that is wrong stays wrong."""
    waits: list[float] = []
    with pytest.raises(TransientError if is_repeated else SourceError):
        RetryPolicy(attempts=2, sleep=waits.append).ask(_refusing(status), "server")
    assert len(waits) == is_repeated


def test_no_message_and_no_cause_quotes_a_secret() -> None:
    """Neither options of the address nor what the caller names, though the server may repeat it."""
    with pytest.raises(SourceError, match="server: the request is refused: 404 Client Error") as caught:
        RetryPolicy().ask(_refusing(404, "no page for hunter2"), "server", ["hunter2"])
    assert "abc" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__
