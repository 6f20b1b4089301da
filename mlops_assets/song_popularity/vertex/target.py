"""Where Vertex AI works for this platform, and Google's clients of it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_assets.errors import PermanentError, SettingsError, TransientError

if TYPE_CHECKING:
    from mlops_assets.song_popularity.settings import SongPopularitySettings

_PREFIX = "MLOPS_SONG_POPULARITY_VERTEX_"
_TRANSIENT = frozenset({408, 429, 499, 500, 502, 503, 504})

ClientT = TypeVar("ClientT")


class VertexUnavailableError(TransientError):
    """Vertex AI could not be reached, or was too busy to answer."""


class VertexRefusedError(PermanentError):
    """Vertex AI refuses until a person acts: wrong credentials, no permission, an endpoint that is not there, a bad request."""


@dataclass(frozen=True)
class VertexTarget:
    """A project and region of Vertex AI.

    Attributes:
        project: of Google Cloud.
        region: such as `europe-west1`.
        api_endpoint: URL of its API; Google's of the region if None. One by plain http is a stand-in, which is sent no credentials.
    """

    project: str
    region: str
    api_endpoint: str | None = None

    @property
    def parent(self) -> str:
        """The resource that everything else belongs to."""
        return f"projects/{self.project}/locations/{self.region}"

    def endpoint_name(self, endpoint: str) -> str:
        """Return the full name of an endpoint that is called by its id or by its full name."""
        return endpoint if "/" in endpoint else f"{self.parent}/endpoints/{endpoint}"

    def client(self, kind: type[ClientT]) -> ClientT:
        """Return one of Google's clients, by REST: proxies let it pass, and no thread of gRPC outlives a fork.

        Raises:
            VertexRefusedError: there are no credentials.
        """
        address = self.api_endpoint or f"https://{self.region}-aiplatform.googleapis.com"
        make: Any = kind
        with vertex_errors(self.parent):
            client: ClientT = make(
                transport="rest",
                credentials=_no_credentials() if address.startswith("http://") else None,
                client_options={"api_endpoint": address.removeprefix("https://")},
            )
            return client


def _no_credentials() -> Any:
    from google.auth.credentials import AnonymousCredentials

    return AnonymousCredentials()


def vertex_target(settings: SongPopularitySettings) -> VertexTarget:
    """Return the target of the settings.

    Raises:
        SettingsError: the project is not set.
    """
    (project,) = require(settings, "project")
    return VertexTarget(project, settings.vertex_region, settings.vertex_api_endpoint)


def require(settings: SongPopularitySettings, *names: str) -> list[str]:
    """Return settings of Vertex AI, all of which must be set.

    Args:
        settings: of the domain.
        *names: without `vertex_`.

    Raises:
        SettingsError: some are not set; the sentence names them.
    """
    found = {name: getattr(settings, f"vertex_{name}") for name in names}
    if missing := [f"{_PREFIX}{name.upper()}" for name, value in found.items() if not value]:
        raise SettingsError(
            f"Vertex AI needs {', '.join(missing)}; set {'it' if len(missing) == 1 else 'them'} as docs/vertex.md says"
        )
    return list(found.values())


@contextmanager
def vertex_errors(what: str) -> Iterator[None]:
    """Raise what goes wrong with Vertex AI as the platform's errors.

    Args:
        what: is asked, for messages.

    Raises:
        VertexUnavailableError: time may cure it.
        VertexRefusedError: a person must.
        SettingsError: Google's client is not installed.
    """
    try:
        import requests
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.auth.exceptions import GoogleAuthError
    except ImportError:
        raise SettingsError("Vertex AI needs Google's client: make install-vertex") from None

    try:
        yield
    except GoogleAPICallError as error:
        kind = VertexUnavailableError if (error.code or 500) in _TRANSIENT else VertexRefusedError
        raise kind(f"{what}: {error.code} {error.message}") from error
    except RetryError as error:
        raise VertexUnavailableError(f"{what}: {error.cause or error}; is Vertex AI reachable, or too busy?") from error
    except GoogleAuthError as error:
        unavailable = bool(error.retryable)
        message = f"{what}: {error}; set GOOGLE_APPLICATION_CREDENTIALS or run gcloud auth application-default login"
        raise (VertexUnavailableError if unavailable else VertexRefusedError)(message) from error
    except FutureTimeoutError as error:
        raise VertexUnavailableError(
            f"{what}: Vertex AI is at work for longer than expected; look there before trying again"
        ) from error
    except (requests.RequestException, ConnectionError) as error:
        raise VertexUnavailableError(f"{what}: {error}; is Vertex AI reachable?") from error


def require_client() -> Any:
    """Return Google's module of clients.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        from google.cloud import aiplatform_v1
    except ImportError:
        raise SettingsError("Vertex AI needs Google's client: make install-vertex") from None
    return aiplatform_v1
