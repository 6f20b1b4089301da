"""Asking Spotify's Web API, as an app without a user.

The well-known client, spotipy, sleeps inside of a request for as long as Spotify asks, which may be half a day, and writes tokens
to a file. Here who asks is told how long to wait, and can be stopped meanwhile; the rest is requests and the platform's retries.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

from mlops_assets.errors import TransientError
from mlops_assets.http import BrokenAnswerError, RetryPolicy, asked_seconds, limit_answers

_RENEW_SECONDS = 60.0
"""A token is renewed so long before it ends."""
_TIMEOUT_SECONDS, _MOST_SECONDS, _MOST_BYTES = 15.0, 60.0, 20_000_000
_UNAUTHORIZED, _TOO_MANY = 401, 429
_CLOSED = (403, 404, 410)
_SHORTEST_WAIT_SECONDS = 1.0


class ClosedEndPointError(Exception):
    """Spotify does not let this app ask there.

    Attributes:
        status: the HTTP status of the answer.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"Spotify answers {status}")
        self.status = status


class RateLimitedError(TransientError):
    """Spotify asks to wait.

    Attributes:
        seconds: for how long.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Spotify asks to wait for {seconds:,.0f} s")
        self.seconds = seconds


class SpotifyClient:
    """Asks by GET, with a token that it renews."""

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        *,
        api_url: str = "https://api.spotify.com/v1",
        accounts_url: str = "https://accounts.spotify.com",
        retries: RetryPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            client_id: of the registered app.
            client_secret: its secret.
            api_url: of the Web API.
            accounts_url: of the service that gives tokens.
            retries: how often a request is made.
            clock: tells seconds that only ever grow.
        """
        self._app = client_id, client_secret
        self._api_url, self._accounts_url = api_url.rstrip("/"), accounts_url.rstrip("/")
        self._retries = retries or RetryPolicy(attempts=4, longest_wait_seconds=30)
        self._clock = clock
        self._session = requests.Session()
        limit_answers(self._session, most_bytes=_MOST_BYTES, most_seconds=_MOST_SECONDS)
        self._token, self._token_ends_at = "", float("-inf")

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """Return the answer of an end point.

        Args:
            path: below the API's URL, e.g. `search`.
            query: its parameters.

        Raises:
            ClosedEndPointError: Spotify does not let this app ask there.
            RateLimitedError: Spotify asks to wait.
            TransientError: no answer after several attempts.
            SourceError: Spotify does not know the app, or answers with something else than JSON objects.
        """
        return self._ask(f"Spotify: {self._api_url}/{path}", lambda: self._get(path, query))

    def _ask(self, place: str, request: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        return self._retries.ask(request, place, [secret for secret in (self._app[1], self._token) if secret])

    def _get(self, path: str, query: dict[str, str | int]) -> dict[str, Any]:
        response = self._request(path, query)
        if response.status_code == _UNAUTHORIZED:
            # Tokens may be taken back before they end.
            self._token_ends_at = float("-inf")
            response = self._request(path, query)
        if response.status_code in _CLOSED:
            raise ClosedEndPointError(response.status_code)
        return _json_of(response)

    def _request(self, path: str, query: dict[str, str | int]) -> requests.Response:
        if self._clock() > self._token_ends_at - _RENEW_SECONDS:
            self._renew_token()
        headers = {"Authorization": f"Bearer {self._token}"}
        return self._session.get(f"{self._api_url}/{path}", params=query, headers=headers, timeout=_TIMEOUT_SECONDS)

    def _renew_token(self) -> None:
        asked_at = self._clock()
        answer = _json_of(
            self._session.post(
                f"{self._accounts_url}/api/token",
                data={"grant_type": "client_credentials"},
                auth=self._app,
                timeout=_TIMEOUT_SECONDS,
            )
        )
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not isinstance(seconds, (int, float)):
            raise BrokenAnswerError("has no token", is_foreign=True)
        self._token, self._token_ends_at = token, asked_at + seconds


def _json_of(response: requests.Response) -> dict[str, Any]:
    if response.status_code == _TOO_MANY:
        raise RateLimitedError(max(asked_seconds(response), _SHORTEST_WAIT_SECONDS))
    response.raise_for_status()
    try:
        answer = response.json()
    except requests.exceptions.JSONDecodeError as error:
        raise BrokenAnswerError("is not JSON") from error
    if not isinstance(answer, dict):
        raise BrokenAnswerError("is no JSON object", is_foreign=True)
    return answer
