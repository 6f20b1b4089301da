"""Asking by GraphQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_assets.dashboard.clients.answers import TIMEOUT_SECONDS, Answer, refusal, timed
from mlops_assets.dashboard.clients.rest import JSONServer, effects

_PREDICT = """
query ($domain: String!, $model: String!, $record: JSON!, $explain: Boolean!) {
  predictRecord(domain: $domain, model: $model, record: $record, explain: $explain) {
    model { version }
    isPredicted
    predictedClass
    probability
    unknownInputs
    explanation { input value typical effect }
  }
}
"""


class GraphQLClient:
    """Asks by GraphQL."""

    def __init__(self, url: str, api_key: str | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """Ask serving at `url`."""
        self._server = JSONServer(url, api_key, timeout_seconds)

    def ask(self, domain: str, model: str, record: Mapping[str, Any], *, explain: bool) -> Answer:
        """Ask about one raw record; see `PredictionClient`."""
        variables = {"domain": domain, "model": model, "record": dict(record), "explain": explain}
        found, latency_ms = timed(lambda: self._query(variables)["predictRecord"])
        return Answer(
            value=found["predictedClass"] if found["isPredicted"] is None else found["isPredicted"],
            probability=found["probability"],
            version=found["model"]["version"],
            latency_ms=latency_ms,
            unknown=tuple(found["unknownInputs"]),
            explanation=effects(found["explanation"]),
        )

    def _query(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        found, is_success = self._server.request("POST", "/graphql", json={"query": _PREDICT, "variables": variables})
        errors = found.get("errors") or ([] if is_success else [found.get("error") or {}])
        if errors:
            first = errors[0]
            fields = (first.get("extensions") or first).get("fields") or ()
            raise refusal(first.get("message", "serving refuses the question"), fields)
        return dict(found["data"])
