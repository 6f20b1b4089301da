"""Predictions by an endpoint of Vertex AI instead of a bundle that is loaded."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import ContractError, SettingsError
from mlops_assets.song_popularity.contracts import POPULARITY_LEVELS
from mlops_assets.song_popularity.model_contracts import MODEL_INPUT
from mlops_assets.song_popularity.vertex.deploying import RUN_LABEL, VERSION_LABEL
from mlops_assets.song_popularity.vertex.target import (
    VertexTarget,
    VertexUnavailableError,
    require,
    require_client,
    vertex_errors,
    vertex_target,
)

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.song_popularity.settings import SongPopularitySettings

_MAX_BYTES = 1_400_000
"""Of the instances of a request: Vertex AI takes 1.5 MB, its envelope included."""
_MAX_INSTANCES = 1_000
"""What the serving image takes by default."""
_TIMEOUT_SECONDS = 60.0
_COLUMNS = ("predicted_class", *(f"probability_{level}" for level in POPULARITY_LEVELS))


@dataclass(frozen=True)
class EndpointVersion:
    """Which model answers at an endpoint.

    Attributes:
        version: number in the registry.
        run_id: MLflow run that trained it.
    """

    version: int
    run_id: str


@dataclass(frozen=True)
class Endpoint:
    """An endpoint that is asked.

    Attributes:
        target: project and region.
        name: id, or full name.
    """

    target: VertexTarget
    name: str

    @property
    def full_name(self) -> str:
        """Its name with project and region."""
        return self.target.endpoint_name(self.name)

    @cached_property
    def _client(self) -> Any:
        return self.target.client(require_client().PredictionServiceClient)

    def predict_events(self, events: pd.DataFrame) -> pd.DataFrame:
        """Return `predicted_class` and `probability_…` of each level for every event, on the events' own index.

        Args:
            events: at least the columns of `MODEL_INPUT`; other columns are not sent.

        Raises:
            VertexUnavailableError: time may cure it.
            VertexRefusedError: a person must.
            ContractError: the answers are not what a popularity model says.
        """
        return self._ask_all(events)[0]

    def predict_with_version(self, events: pd.DataFrame) -> tuple[pd.DataFrame, EndpointVersion]:
        """Return what `predict_events` does, and which version of the registry said so; of no events, the one that would.

        Raises:
            VertexUnavailableError: as `predict_events`, or because one model took another's place meanwhile.
            SettingsError: as `version`.
            other errors: as `predict_events`.
        """
        scores, models = self._ask_all(events)
        if len(models) > 1:
            raise VertexUnavailableError(f"{self.full_name} has answered by several models: {', '.join(sorted(models))}; try again")
        return scores, self._version_of(models.pop()) if models else self.version()

    def version(self) -> EndpointVersion:
        """Return which version of the registry has most of the traffic.

        Raises:
            SettingsError: nothing is deployed, or not from the registry.
        """
        google = require_client()
        with vertex_errors(self.full_name):
            endpoint = self.target.client(google.EndpointServiceClient).get_endpoint(name=self.full_name)
            deployed = max(endpoint.deployed_models, key=lambda each: endpoint.traffic_split.get(each.id, 0), default=None)
            if deployed is None:
                raise SettingsError(f"no model answers at {self.full_name}; run: mlops-assets vertex deploy")
        return self._version_of(_versioned(deployed))

    def _version_of(self, model: str) -> EndpointVersion:
        with vertex_errors(self.full_name):
            labels = self.target.client(require_client().ModelServiceClient).get_model(name=model).labels
        if VERSION_LABEL not in labels or RUN_LABEL not in labels:
            raise SettingsError(
                f"the model at {self.full_name} says of no version of the registry that it is that; run: mlops-assets vertex deploy"
            )
        return EndpointVersion(int(labels[VERSION_LABEL]), labels[RUN_LABEL])

    def _ask_all(self, events: pd.DataFrame) -> tuple[pd.DataFrame, set[str]]:
        """Return the predictions, and the full names of the models that made them."""
        import pandas as pd

        answers: list[dict[str, Any]] = []
        models: set[str] = set()
        for batch in batches(instances_of(events)):
            predictions, model = self._ask(batch)
            answers += predictions
            models.add(model)
        frame = pd.DataFrame(answers, columns=list(_COLUMNS), index=events.index)
        return frame.astype({"predicted_class": object, **dict.fromkeys(_COLUMNS[1:], "float64")}), models

    def _ask(self, batch: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
        from google.protobuf import json_format, struct_pb2

        instances = [json_format.ParseDict(instance, struct_pb2.Value()) for instance in batch]
        with vertex_errors(self.full_name):
            reply = self._client.predict(endpoint=self.full_name, instances=instances, timeout=_TIMEOUT_SECONDS)
        answers = [json_format.MessageToDict(value) for value in type(reply).pb(reply).predictions]
        if len(answers) != len(batch) or not all(isinstance(each, dict) and each.keys() >= set(_COLUMNS) for each in answers):
            raise ContractError(
                f"{self.full_name} answered {len(answers):,} of {len(batch):,} events, or not with {', '.join(_COLUMNS)}: "
                "is another model deployed there?"
            )
        return answers, _versioned(reply)


def open_predictor(settings: SongPopularitySettings) -> Endpoint:
    """Return the endpoint of the settings, for `predict_with=vertex`.

    Raises:
        SettingsError: project or endpoint is not set.
    """
    (endpoint,) = require(settings, "endpoint")
    return Endpoint(vertex_target(settings), endpoint)


def instances_of(events: pd.DataFrame) -> list[dict[str, Any]]:
    """Return events as serving takes them: the columns of `MODEL_INPUT`, times and days as text, null for what is unknown.

    Raises:
        ContractError: columns are missing.
    """
    from mlops_assets.contracts.frames import to_arrow

    missing = [name for name in MODEL_INPUT.column_names if name not in events.columns]
    if missing:
        raise ContractError(f"these events cannot be predicted: columns missing: {', '.join(missing)}")
    rows = to_arrow(events[MODEL_INPUT.column_names], MODEL_INPUT).to_pylist()
    return [{name: _as_json(value) for name, value in row.items()} for row in rows]


def batches(instances: Sequence[dict[str, Any]], max_bytes: int = _MAX_BYTES) -> Iterator[list[dict[str, Any]]]:
    """Yield instances in their order, in requests that Vertex AI takes.

    Args:
        instances: of any number.
        max_bytes: of the JSON of a request; an instance that is longer by itself is a request of its own.
    """
    batch: list[dict[str, Any]] = []
    size = 0
    for instance in instances:
        length = len(json.dumps(instance)) + 2
        if batch and (size + length > max_bytes or len(batch) == _MAX_INSTANCES):
            yield batch
            batch, size = [], 0
        batch.append(instance)
        size += length
    if batch:
        yield batch


def _versioned(model: Any) -> str:
    """Return the full name of the model that is deployed or has answered, with its version."""
    return f"{model.model}@{model.model_version_id}" if model.model_version_id else str(model.model)


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return None if isinstance(value, float) and math.isnan(value) else value
