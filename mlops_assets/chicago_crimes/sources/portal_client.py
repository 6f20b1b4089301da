"""Asking the portal: a sodapy client for any host, and queries that are repeated while repeating may help."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import SettingsError
from mlops_assets.http import BrokenAnswerError, RetryPolicy, limit_answers
from mlops_assets.urls import URL, UnreadableURLError, read_web_url, redact

if TYPE_CHECKING:
    from sodapy import Socrata

_EXAMPLE = "https://data.cityofchicago.org"
_RETRIES = RetryPolicy(attempts=6, longest_wait_seconds=120, longest_asked_seconds=900)
"""Patient, because the portal counts requests by the hour and a month takes a few of them."""


def read_portal_url(text: str) -> URL:
    """Read the URL of a portal, which says which one and nothing else.

    Raises:
        UnreadableURLError: it is none, or has a user, a path or options.
    """
    parts = read_web_url(text, _EXAMPLE)
    if parts.path.strip("/") or parts.options or parts.has_credentials:
        raise UnreadableURLError(f"it is not like {_EXAMPLE}: leave user, password, path and options out")
    return parts


def open_portal(
    url: str = _EXAMPLE,
    app_token: str | None = None,
    *,
    timeout_seconds: float = 60,
    most_seconds: float = 600,
    most_bytes: int = 500_000_000,
) -> Socrata:
    """Return a client of the portal at `url`.

    Args:
        url: the portal, or another server that speaks its language; `http://` is meant for tests.
        app_token: raises the portal's rate limit; sent as a header, and only there.
        timeout_seconds: how long to wait for a connection, and between two pieces of an answer.
        most_seconds: how long a whole answer may take.
        most_bytes: an answer of more than this is not the portal's; a page of 50,000 crimes has 30 MB.

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
    limit_answers(client.session, most_bytes=most_bytes, most_seconds=most_seconds)
    return client


class PortalQuery:
    """Runs queries against a client, again where that may help: also after an answer that is no JSON list."""

    def __init__(self, client: Socrata, retries: RetryPolicy | None = None) -> None:
        self._client = client
        self._retries = retries or _RETRIES

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
        place = f"{what}: dataset {dataset} at {self._client.uri_prefix}{self._client.domain}"
        token = self._client.session.headers.get("X-App-token")
        return self._retries.ask(lambda: self._ask(dataset, query), place, [str(token)] if token else [])

    def _ask(self, dataset: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        import requests

        try:
            answer = self._client.get(dataset, **query)
        except requests.exceptions.JSONDecodeError as error:
            raise BrokenAnswerError("is not complete JSON") from error
        except (requests.RequestException, BrokenAnswerError):
            raise
        except Exception as error:
            # sodapy raises a bare Exception for a content type that it does not know, and stumbles if there is none.
            unknown = re.match("Unknown response format: (.*)", str(error))
            problem = f"is not JSON but {unknown[1]}" if unknown else f"is not understood by sodapy ({error!r})"
            raise BrokenAnswerError(problem, is_foreign="html" in problem) from error
        if not isinstance(answer, list) or not all(isinstance(record, dict) for record in answer):
            raise BrokenAnswerError("is not a list of records")
        return answer
