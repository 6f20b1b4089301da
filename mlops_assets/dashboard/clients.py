"""How the dashboard asks serving: the same question by REST, GraphQL and gRPC, and how long each takes to answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from mlops_assets.dashboard.errors import NothingToShowError
from mlops_assets.errors import PermanentError, TransientError

if TYPE_CHECKING:
    from mlops_assets.dashboard.settings import DashboardSettings

TIMEOUT_SECONDS = 10.0
_START_SERVING = "mlops-assets serve"


class RefusedQuestionError(PermanentError):
    """Serving does not answer this question: a value that the model does not take, no champion, a wrong key."""


@dataclass(frozen=True)
class Effect:
    """What an input did to a score.

    Attributes:
        name: of the input.
        value: what it was.
        typical: the value that it is compared with.
        effect: by how much the score is higher than with the typical value.
    """

    name: str
    value: Any
    typical: Any
    effect: float


@dataclass(frozen=True)
class Answer:
    """What serving says of a record.

    Attributes:
        value: the prediction.
        probability: of a yes, or of the likeliest class.
        version: of the model; None of a bundle without a registry.
        latency_ms: from the question to the answer, as the dashboard sees it.
        unknown: inputs that were not given.
        explanation: the inputs that moved the score, the strongest first.
    """

    value: bool | str
    probability: float
    version: int | None
    latency_ms: float
    unknown: Sequence[str] = ()
    explanation: Sequence[Effect] = field(default_factory=tuple)


class PredictionClient(Protocol):
    """Asks a served model by one protocol."""

    def ask(self, domain: str, model: str, record: Mapping[str, Any], *, explain: bool) -> Answer:
        """Ask about one raw record.

        Raises:
            NothingToShowError: nobody answers at the address.
            RefusedQuestionError: serving refuses the question; the message names the fields that are wrong.
            TransientError: the answer did not come in time.
        """


class RestClient:
    """Asks by REST; knows which models are served, too."""

    def __init__(self, url: str, api_key: str | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """Ask serving at `url`; connections are kept."""
        import requests

        self._url, self._timeout = url, timeout_seconds
        self._session = requests.Session()
        if api_key:
            self._session.headers["X-API-Key"] = api_key

    def models(self) -> list[dict[str, Any]]:
        """Return what is served: `domain`, `name` and more of each model."""
        found = self._request("GET", "/v1/models")
        return list(found["models"] if isinstance(found, dict) else found)

    def model(self, domain: str, name: str) -> dict[str, Any]:
        """Return one model with the contract of its inputs."""
        return dict(self._request("GET", f"/v1/models/{domain}/{name}"))

    def ask(self, domain: str, model: str, record: Mapping[str, Any], *, explain: bool) -> Answer:
        """Ask about one raw record."""
        path = f"/v1/models/{domain}/{model}/predict"
        found, latency_ms = timed(
            lambda: self._request("POST", path, params={"explain": str(explain).lower()}, json={"record": dict(record)})
        )
        return answer_of(found, latency_ms)

    def graphql(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Send a GraphQL query and return its data."""
        found = self._request("POST", "/graphql", json={"query": query, "variables": dict(variables)})
        if found.get("errors"):
            raise RefusedQuestionError("; ".join(str(error.get("message", error)) for error in found["errors"]))
        return dict(found["data"])

    def _request(self, method: str, path: str, **content: Any) -> Any:
        import requests

        try:
            response = self._session.request(method, f"{self._url}{path}", timeout=self._timeout, **content)
        except requests.ConnectionError:
            raise unreachable(self._url) from None
        except requests.RequestException as error:
            raise TransientError(f"{self._url} did not answer within {self._timeout:g} s: {error}") from error
        try:
            found = response.json()
        except ValueError:
            raise RefusedQuestionError(
                f"{self._url}{path} answered {response.status_code} without JSON; is it serving that listens there?"
            ) from None
        if not response.ok:
            raise RefusedQuestionError(problem_of(found, response.status_code))
        return found


def timed(question: Callable[[], Any]) -> tuple[Any, float]:
    """Return an answer and how long it took, in milliseconds."""
    started = time.perf_counter()
    found = question()
    return found, (time.perf_counter() - started) * 1_000


def answer_of(found: Mapping[str, Any], latency_ms: float) -> Answer:
    """Return the answer that REST and GraphQL give as JSON."""
    return Answer(
        value=found["value"],
        probability=float(found["probability"]),
        version=found["model"]["version"],
        latency_ms=latency_ms,
        unknown=tuple(found.get("unknown_inputs") or ()),
        explanation=tuple(
            Effect(each["name"], each["value"], each["typical"], float(each["effect"])) for each in found.get("explanation") or ()
        ),
    )


def problem_of(found: Any, status: int) -> str:
    """Return serving's own sentence about a question that it refuses, with the fields that are wrong."""
    error = found.get("error", found) if isinstance(found, dict) else {}
    if not isinstance(error, dict):
        error = {"message": error}
    message = str(error.get("message") or error.get("detail") or f"serving answered {status}")
    fields = [f"{each['field']}: {each['message']}" for each in error.get("fields") or () if isinstance(each, dict)]
    return "; ".join([message, *fields])


def unreachable(address: str) -> NothingToShowError:
    """Return the error for an address at which nobody listens."""
    return NothingToShowError(f"Nobody answers at {address}. Start serving, or set MLOPS_DASHBOARD_SERVING_URL:", _START_SERVING)


def open_clients(settings: DashboardSettings) -> dict[str, PredictionClient]:
    """Return a client for each protocol, by its name for people."""
    key = settings.api_key.get_secret_value() if settings.api_key else None
    return {"REST": RestClient(settings.serving_url, key)}
