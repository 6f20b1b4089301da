"""The models: which there are, what is known of each, and looking up champions at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from mlops_assets.serving.model_card import model_card, model_summary
from mlops_assets.serving.request_ids import current_request_id
from mlops_assets.serving.rest.access import require_admin
from mlops_assets.serving.rest.predictions import MODEL
from mlops_assets.serving.rest.replies import JSONReply

if TYPE_CHECKING:
    from starlette.requests import Request

    from mlops_assets.serving.service import PredictionService


def model_routes(service: PredictionService) -> list[Route]:
    """Return the routes below `/v1/models`, but those for predictions."""

    async def list_models(request: Request) -> JSONReply:
        models = service.champions.models.items()
        return JSONReply({"request_id": current_request_id(), "models": [model_summary(name, status) for name, status in models]})

    async def describe_model(request: Request) -> JSONReply:
        served = service.champions.get(request.path_params["domain"], request.path_params["model"])
        return JSONReply({"request_id": current_request_id(), **model_card(served)})

    async def reload_models(request: Request) -> JSONReply:
        require_admin(request)
        await service.reload_soon()
        return await list_models(request)

    async def reload_model(request: Request) -> JSONReply:
        require_admin(request)
        await service.reload_soon()
        return await describe_model(request)

    return [
        Route("/v1/models", list_models),
        Route("/v1/models/reload", reload_models, methods=["POST"]),
        Route(MODEL, describe_model),
        Route(f"{MODEL}/reload", reload_model, methods=["POST"]),
    ]
