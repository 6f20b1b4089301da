"""Asking by REST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_assets.dashboard.clients.answers import (
    KEY_HEADER,
    TIMEOUT_SECONDS,
    Answer,
    Effect,
    RefusedQuestionError,
    refusal,
    timed,
    unreachable,
)
from mlops_assets.errors import TransientError


class JSONServer:
    """A server that is asked by HTTP and answers with JSON; connections are kept."""

    def __init__(self, url: str, api_key: str | None, timeout_seconds: float) -> None:
        """Ask at `url`, with a key if there is one."""
        import requests

        self._url, self._timeout = url, timeout_seconds
        self._session = requests.Session()
        if api_key:
            self._session.headers[KEY_HEADER] = api_key

    def request(self, method: str, path: str, **content: Any) -> tuple[dict[str, Any], bool]:
        """Return the JSON of an answer, and whether its status is that of a success."""
        import requests

        try:
            response = self._session.request(method, f"{self._url}{path}", timeout=self._timeout, **content)
        except requests.ConnectionError:
            raise unreachable(self._url, "MLOPS_DASHBOARD_SERVING_URL") from None
        except requests.RequestException as error:
            raise TransientError(f"{self._url} did not answer within {self._timeout:g} s: {error}") from error
        try:
            found = response.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RefusedQuestionError(
                f"{self._url}{path} answered {response.status_code}, but not as serving does; is MLOPS_DASHBOARD_SERVING_URL right?"
            )
        return found, response.ok


class RestClient:
    """Asks by REST; knows which models are served, too."""

    def __init__(self, url: str, api_key: str | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """Ask serving at `url`."""
        self._server = JSONServer(url, api_key, timeout_seconds)

    def models(self) -> list[dict[str, Any]]:
        """Return all models: `domain`, `name`, `is_served`, and `problem` if something is wrong with one."""
        return list(self._get("/v1/models")["models"])

    def model(self, domain: str, name: str) -> dict[str, Any]:
        """Return what is known of a champion; `inputs` are the columns of a record, `kind` says what it predicts."""
        return self._get(f"/v1/models/{domain}/{name}")

    def ask(self, domain: str, model: str, record: Mapping[str, Any], *, explain: bool) -> Answer:
        """Ask about one raw record; see `PredictionClient`."""
        path, params = f"/v1/models/{domain}/{model}/predict", {"explain": str(explain).lower()}
        found, latency_ms = timed(lambda: self._successful("POST", path, params=params, json={"record": dict(record)}))
        return Answer(
            value=found["value"],
            probability=found["probability"],
            version=found["model"]["version"],
            latency_ms=latency_ms,
            unknown=tuple(found["unknown_inputs"]),
            explanation=effects(found.get("explanation")),
        )

    def _get(self, path: str) -> dict[str, Any]:
        return self._successful("GET", path)

    def _successful(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        found, is_success = self._server.request(method, path, **content)
        if not is_success:
            error = found.get("error") or {}
            raise refusal(error.get("message", "serving refuses the question"), error.get("fields") or ())
        return found


def effects(explanation: list[dict[str, Any]] | None) -> tuple[Effect, ...]:
    """Return an explanation as JSON has it."""
    return tuple(Effect(each["input"], each["value"], each["typical"], each["effect"]) for each in explanation or ())
