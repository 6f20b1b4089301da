"""Predictions as Vertex AI asks for them: `{"instances": […]}` is answered by `{"predictions": […]}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from mlops_assets.serving.errors import FieldError, InvalidInstancesError, InvalidRecordError, unknown_fields
from mlops_assets.serving.json_body import parse_json
from mlops_assets.serving.request_ids import current_request_id
from mlops_assets.serving.rest.gateway import read_body
from mlops_assets.serving.rest.replies import JSONReply, json_bytes, send_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from mlops_assets.serving.champions import ModelName
    from mlops_assets.serving.service import Answer, PredictionService
    from mlops_assets.serving.vertex import VertexContainer

_FIELDS = ("instances", "parameters")


def vertex_routes(service: PredictionService, container: VertexContainer, name: ModelName) -> list[Route]:
    """Return the two routes of a container's contract.

    Args:
        service: answers.
        container: at which paths.
        name: the model that is asked.
    """

    async def health(request: Request) -> JSONReply:
        status = service.champions.models.get(name)
        is_ready = service.is_ready and status is not None and status.served is not None
        return JSONReply({"status": "ready" if is_ready else "not ready"}, 200 if is_ready else 503)

    return [
        Route(container.predict_route, PredictInstances(service, name), methods=["POST"]),
        Route(container.health_route, health),
    ]


class PredictInstances:
    """Answers for all instances of a request, or says what is wrong with which of them."""

    def __init__(self, service: PredictionService, name: ModelName) -> None:
        """Answer by a model of `service`."""
        self._service, self._name = service, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        instances = _instances(parse_json(await read_body(receive)))
        request_id = current_request_id()

        def answer() -> bytes:
            answers = self._service.predict_batch(
                self._name.domain, self._name.name, instances, protocol="rest", request_id=request_id
            )
            return json_bytes({"predictions": _predictions(answers)})

        await send_json(send, await self._service.execution.run_in_thread(answer))


def _instances(content: Any) -> list[Any]:
    if not isinstance(content, dict):
        raise InvalidInstancesError("the body is not what is expected", [FieldError("body", 'it must be {"instances": [{…}, …]}')])
    errors = unknown_fields(content, _FIELDS)
    if not isinstance(content.get("instances"), list):
        errors.append(FieldError("instances", "it must be a list of records"))
    parameters = content.get("parameters")
    if not isinstance(parameters, dict | None):
        errors.append(FieldError("parameters", "it must be an object"))
    elif parameters:
        errors += [FieldError(f"parameters.{each.field}", "there is no such parameter") for each in unknown_fields(parameters, ())]
    if errors:
        raise InvalidInstancesError("the body is not what is expected", errors)
    instances: list[Any] = content["instances"]
    return instances


def _predictions(answers: Sequence[Answer | InvalidRecordError]) -> list[Any]:
    """Return the predictions; Vertex AI takes as many as there are instances, so that none can be left out for its errors."""
    if errors := list(_instance_errors(answers)):
        wrong = sum(isinstance(answer, InvalidRecordError) for answer in answers)
        raise InvalidInstancesError(f"{wrong:,} of {len(answers):,} instances are not what the model takes", errors)
    return [answer.prediction for answer in answers if not isinstance(answer, InvalidRecordError)]


def _instance_errors(answers: Sequence[Answer | InvalidRecordError]) -> Iterator[FieldError]:
    for position, answer in enumerate(answers):
        if isinstance(answer, InvalidRecordError):
            for each in answer.fields:
                yield FieldError(f"instances.{position}.{each.field}", each.message)
