"""The routes of the original: `/predict`, `/predict/batch`, `/model/info` and `/model/reload`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from mlops_assets.chicago_crimes import DOMAIN
from mlops_assets.chicago_crimes.serving.portal_records import read_crimes, record_schema
from mlops_assets.serving.errors import FieldError, InvalidRecordError, unknown_fields
from mlops_assets.serving.json_body import parse_json
from mlops_assets.serving.request_ids import current_request_id
from mlops_assets.serving.rest.access import require_admin
from mlops_assets.serving.rest.replies import JSONReply, error_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_assets.serving.champions import ServedModel
    from mlops_assets.serving.service import Answer, PredictionService

_MODEL = "arrest_model"


def build_router(service: PredictionService, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)) -> APIRouter:
    """Return the routes; errors of requests leave them.

    Args:
        service: answers.
        now: the clock.
    """
    router = APIRouter(tags=[DOMAIN])

    def ask(crimes: Sequence[Any], request_id: str) -> tuple[ServedModel, list[Answer | InvalidRecordError]]:
        started = time.perf_counter()
        served = service.champions.get(DOMAIN, _MODEL)
        read = read_crimes(crimes, served.bundle.input_contract)
        return served, service.answer_batch(served, read, started, protocol="rest", request_id=request_id)

    async def answers_to(crimes: Sequence[Any]) -> tuple[ServedModel, list[Answer | InvalidRecordError]]:
        request_id = current_request_id()
        return await service.execution.run_in_thread(lambda: ask(crimes, request_id))

    @router.post("/predict", summary="Will the crime lead to an arrest?", openapi_extra=_body(record_schema()))
    async def predict(request: Request) -> Response:
        """Answer about a crime as the portal gives it; the header X-Unknown-Inputs names what the model would like to know."""
        served, (answer,) = await answers_to([parse_json(await request.body())])
        if isinstance(answer, InvalidRecordError):
            raise answer
        reply = JSONReply({**_prediction(answer), **_origin(served, now())})
        if answer.unknown:
            reply.headers["x-unknown-inputs"] = ",".join(answer.unknown)
        return reply

    @router.post("/predict/batch", summary="Which crimes will lead to an arrest?", openapi_extra=_body(_batch_schema(service)))
    async def predict_batch(request: Request) -> Response:
        """Answer about many crimes, in their order; what is wrong with one stands in its place."""
        crimes = _instances(parse_json(await request.body()))
        service.require_batch_size(len(crimes))
        served, answers = await answers_to(crimes)
        rows = [{"error": error_fields(each)} if isinstance(each, InvalidRecordError) else _prediction(each) for each in answers]
        return JSONReply({"predictions": rows, **_origin(served, now()), "count": len(rows)})

    @router.get("/model/info", summary="Which model answers?")
    async def info() -> Response:
        """Say of the champion which it is and how good."""
        return JSONReply(_info(service.champions.get(DOMAIN, _MODEL)))

    @router.post("/model/reload", summary="Look up the champion at once; needs the admin key.")
    async def reload(request: Request) -> Response:
        """Look up champions, in the process that is asked."""
        require_admin(request)
        await service.reload_soon()
        served = service.champions.get(DOMAIN, _MODEL)
        return JSONReply({"status": "success", "message": f"Model reloaded: {served.name} v{_version(served)}"})

    return router


def _instances(body: object) -> list[Any]:
    if not isinstance(body, dict):
        raise InvalidRecordError(
            "the body is not what is expected", [FieldError("body", "it is an object with the field instances")]
        )
    errors = unknown_fields(body, ("instances",))
    if not isinstance(body.get("instances"), list):
        errors.append(FieldError("instances", "it must be a list of crimes" if "instances" in body else "it is missing"))
    if errors:
        raise InvalidRecordError("the body is not what is expected", errors)
    crimes: list[Any] = body["instances"]
    return crimes


def _prediction(answer: Answer) -> dict[str, Any]:
    return {"prediction": answer.value, "probability": answer.probability}


def _origin(served: ServedModel, moment: datetime) -> dict[str, Any]:
    return {"model_version": _version(served), "timestamp": moment}


def _version(served: ServedModel) -> str | None:
    """The original writes versions as text; a bundle from a folder has none."""
    return None if served.version.version is None else str(served.version.version)


def _info(served: ServedModel) -> dict[str, Any]:
    provenance = served.bundle.provenance
    return {
        "name": served.name.name,
        "version": _version(served),
        "alias": "champion",
        "run_id": served.version.run_id,
        "status": "READY",
        "metrics": dict(provenance.metrics),
        "description": f"{provenance.estimator_name}: the probability that a reported crime leads to an arrest",
    }


def _batch_schema(service: PredictionService) -> dict[str, Any]:
    # Each crime answers for itself, so that a wrong one does not break the schema of the request.
    count = service.settings.max_batch_rows
    rows = {
        "type": "array",
        "description": f"At most {count:,} crimes; one that breaks the schema is answered by an error of its own.",
        "items": {"anyOf": [record_schema(), {}]},
    }
    return {"type": "object", "required": ["instances"], "properties": {"instances": rows}, "additionalProperties": False}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
