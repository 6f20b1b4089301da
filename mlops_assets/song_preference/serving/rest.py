"""`POST /predict/` of the original."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from mlops_assets.serving.errors import FieldError, InvalidRecordError, unknown_fields
from mlops_assets.serving.json_body import parse_json
from mlops_assets.song_preference.serving.original import READER, ask

if TYPE_CHECKING:
    from mlops_assets.serving.service import PredictionService


class ModelOutput(BaseModel):
    """The original's answer."""

    int_output: bool
    str_output: str


_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "title": "Song",
                "required": ["features"],
                "additionalProperties": False,
                "properties": {"features": READER.json_schema()},
            }
        }
    },
}


def build_router(service: PredictionService) -> APIRouter:
    """Return the route; errors of requests leave it."""
    router = APIRouter(tags=["song_preference"])

    @router.post("/predict/", summary="Will the listener like the song?", openapi_extra={"requestBody": _BODY})
    async def predict(request: Request, response: Response) -> ModelOutput:
        """Answer about four features; the header X-Unknown-Inputs names others that the champion would like to know."""
        reply = await ask(service, _features(parse_json(await request.body())), "rest")
        response.headers.update(reply.headers())
        return ModelOutput(int_output=reply.is_liked, str_output=reply.text)

    return router


def _features(body: object) -> object:
    if not isinstance(body, dict):
        raise InvalidRecordError(
            "the body is not what the model takes", [FieldError("body", "it is an object with the field features")]
        )
    errors = unknown_fields(body, ("features",))
    if "features" not in body:
        errors.append(FieldError("features", "it is missing"))
    if errors:
        raise InvalidRecordError("the body is not what the model takes", errors)
    return body["features"]
