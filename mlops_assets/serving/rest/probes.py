"""What machines ask: whether the process lives, whether it is ready, what it counts. And a welcome for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from mlops_assets.serving.model_card import model_summary
from mlops_assets.serving.request_ids import current_request_id
from mlops_assets.serving.rest.replies import JSONReply

if TYPE_CHECKING:
    from starlette.requests import Request

    from mlops_assets.serving.rest.access import Access
    from mlops_assets.serving.service import PredictionService

_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


def probe_routes(service: PredictionService, access: Access) -> list[Route]:
    """Return the routes for load balancers, Prometheus and people who look around."""

    async def welcome(request: Request) -> JSONReply:
        return JSONReply(
            {
                "request_id": current_request_id(),
                "message": "Champions of mlops_assets answer here.",
                "models": "/v1/models",
                "openapi": "/openapi.json",
                "docs": "/docs",
                "health": "/health",
                "ready": "/ready",
                "metrics": "/metrics",
            }
        )

    async def health(request: Request) -> JSONReply:
        return JSONReply({"request_id": current_request_id(), "status": "ok"})

    async def ready(request: Request) -> JSONReply:
        is_ready = service.is_ready
        body: dict[str, Any] = {"request_id": current_request_id(), "status": "ready" if is_ready else "not ready"}
        if access.lets_in(request.scope):
            champions = service.champions
            body["registry_problem"] = champions.source_problem
            body["models"] = [model_summary(name, status) for name, status in champions.models.items()]
        return JSONReply(body, 200 if is_ready else 503)

    def metrics(request: Request) -> Response:
        return Response(service.metrics.exposition(), media_type=_EXPOSITION)

    return [
        Route("/", welcome),
        Route("/health", health),
        Route("/ready", ready),
        Route("/metrics", metrics),
    ]
