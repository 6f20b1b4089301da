"""Clients of Google Cloud Storage, and what their errors mean.

google-cloud-storage directly: dagster_gcp's `GCSResource` gives the same client, but without the project of the credentials,
which a new bucket needs, and the stores know nothing of Dagster, whose import alone takes a second.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import PlatformError, StoreAccessError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.api_core.exceptions import GoogleAPICallError
    from google.cloud.storage import Client

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _PRECONDITION_FAILED = 401, 403, 404, 409, 412
_TRANSIENT = frozenset({408, 429})
_SERVER_ERROR = 500
_THROTTLED = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})


@dataclass(frozen=True)
class Patience:
    """How long a request may take.

    Attributes:
        connect_seconds: until the server accepts a connection.
        read_seconds: how long it may be silent within a request.
        retry_seconds: how long a request that fails for a transient reason is made again and again.
    """

    connect_seconds: float = 5
    read_seconds: float = 60
    retry_seconds: float = 30

    def options(self) -> dict[str, Any]:
        """Return this as arguments of every method of the client."""
        from google.cloud.storage.retry import DEFAULT_RETRY

        return {
            "timeout": (self.connect_seconds, self.read_seconds),
            "retry": DEFAULT_RETRY.with_timeout(self.retry_seconds),
        }


DEFAULT_PATIENCE = Patience()


def connect(emulator: str | None = None) -> Client:
    """Return a client, which threads may share, of Google's service or of an emulator at some address, which asks no credentials.

    Raises:
        StoreAccessError: there are no credentials.
    """
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage import Client

    if emulator:
        return Client(client_options={"api_endpoint": emulator}, use_auth_w_custom_endpoint=False, project="emulated")
    try:
        return Client()
    except GoogleAuthError as error:
        raise StoreAccessError(
            f"cannot connect to Google Cloud Storage: {error}; set GOOGLE_APPLICATION_CREDENTIALS or run gcloud auth "
            "application-default login"
        ) from error
    except OSError:
        # The credentials belong to no project; only a new bucket needs one.
        return Client(project=None)


shared_client = cache(connect)
"""The client that everybody in this process shares who asks for the same: its connections are worth keeping."""


@contextmanager
def naming_errors(uri: str) -> Iterator[None]:
    """Raise what goes wrong with an object or bucket as the platform's errors, with its URI and what to do about it."""
    import requests
    import urllib3
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage.exceptions import DataCorruption

    try:
        yield
    except GoogleAPICallError as error:
        raise _answered(uri, error) from error
    except GoogleAuthError as error:
        kind = StoreUnavailableError if error.retryable else StoreAccessError
        raise kind(f"{uri}: {error}; check GOOGLE_APPLICATION_CREDENTIALS") from error
    except RetryError as error:
        # Only what time may cure is tried again until the patience ends.
        raise StoreUnavailableError(f"{uri}: {_said(error.cause)}; is the service reachable, or too busy?") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, ConnectionError, DataCorruption) as error:
        raise StoreUnavailableError(f"{uri}: {error}; is the service reachable?") from error


def _answered(uri: str, error: GoogleAPICallError) -> PlatformError:
    status, said = error.code or 0, f"{uri}: {_said(error)}"
    if status == _NOT_FOUND:
        return StoreAccessError(f"{uri}: the bucket does not exist; create it: mlops-assets prepare")
    if status in (_PRECONDITION_FAILED, _CONFLICT):
        return StoreUnavailableError(f"{said}; somebody else changes it at the same time; try again")
    if status in _TRANSIENT or status >= _SERVER_ERROR or _reasons(error) & _THROTTLED:
        return StoreUnavailableError(f"{said}; the service is too busy or has a failure of its own; try again later")
    if status in (_UNAUTHORIZED, _FORBIDDEN):
        return StoreAccessError(f"{said}; check the credentials and what they may do with the bucket")
    return StoreAccessError(said)


def _said(error: Any) -> str:
    """Return the sentence in the server's answer, if there was one; the client's own messages quote all of it with the request."""
    response = getattr(error, "response", None)
    if response is None:
        return str(error)
    return f"{response.status_code} {_document(error).get('message') or response.reason}"


def _reasons(error: GoogleAPICallError) -> set[str]:
    return {detail.get("reason", "") for detail in _document(error).get("errors", ())}


def _document(error: Any) -> dict[str, Any]:
    try:
        document: dict[str, Any] = error.response.json()["error"]
    except (AttributeError, KeyError, TypeError, ValueError):
        # A proxy in between answers with a page of its own, a server without a word.
        return {}
    return document
