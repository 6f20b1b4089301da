"""The application: routes of the platform, routes of domains, and what every request passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from mlops_assets.serving.errors import FieldError, InvalidRecordError, RequestError, request_error_of
from mlops_assets.serving.graphql import build_graphql_router
from mlops_assets.serving.request_ids import current_request_id
from mlops_assets.serving.rest.access import Access
from mlops_assets.serving.rest.gateway import Gateway
from mlops_assets.serving.rest.models import model_routes
from mlops_assets.serving.rest.openapi import Description
from mlops_assets.serving.rest.predictions import QuickRoutes, prediction_routes
from mlops_assets.serving.rest.probes import probe_routes
from mlops_assets.serving.rest.replies import JSONReply, error_body, error_reply
from mlops_assets.serving.rest.vertex import vertex_routes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from mlops_assets.serving.champions import ModelName
    from mlops_assets.serving.extension import DomainServing
    from mlops_assets.serving.service import PredictionService
    from mlops_assets.serving.vertex import VertexContainer
    from mlops_assets.stores.registry import Stores

_CODES = {400: "malformed_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}
_VERSION = "1"


def build_app(
    service: PredictionService,
    extensions: Sequence[DomainServing],
    stores: Stores,
    vertex: tuple[VertexContainer, ModelName] | None = None,
) -> ASGIApp:
    """Return the application.

    Args:
        service: answers.
        extensions: what domains add; their routes may raise `RequestError`, and depend on `rest.access.require_admin`.
        stores: what routes of domains read.
        vertex: in a container of Vertex AI, its contract and the model that it asks.
    """
    # The contracts of the originals have paths that end in a slash, and others that do not.
    app = FastAPI(
        title="mlops_assets",
        version=_VERSION,
        description="Champions of every domain. Records are raw: nothing is encoded, joined or scaled by whoever asks.",
        redirect_slashes=False,
    )
    app.state.access = access = Access(service.settings, vertex[0].routes if vertex else ())
    predictions = [*(vertex_routes(service, *vertex) if vertex else ()), *prediction_routes(service)]
    app.router.routes.extend([*predictions, *model_routes(service), *probe_routes(service, access)])
    # GraphQL describes itself.
    app.include_router(build_graphql_router(service, extensions), include_in_schema=False)
    for extension in extensions:
        if extension.build_router is not None:
            app.include_router(extension.build_router(service, stores))
    app.openapi = Description(app, service)  # type: ignore[method-assign]

    async def reply_to_error(request: Request, error: Exception) -> JSONReply:
        if isinstance(error, HTTPException) and isinstance(error.__cause__, RequestError):
            # FastAPI takes what goes wrong while it reads a body for broken JSON.
            error = error.__cause__
        if isinstance(error, HTTPException):
            code = _CODES.get(error.status_code, "refused")
            service.metrics.count_error("rest", code)
            return JSONReply(error_body(code, str(error.detail)), error.status_code, error.headers)
        if isinstance(error, RequestValidationError):
            error = _as_request_error(error)
        told = request_error_of(error, current_request_id())
        service.metrics.count_error("rest", told.code)
        return error_reply(told)

    # Of the last, the gateway writes the log.
    for kind in (RequestError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, reply_to_error)
    return Gateway(QuickRoutes(predictions, app), service.settings, access, service.metrics)


def _as_request_error(error: RequestValidationError) -> RequestError:
    """Return what FastAPI found wrong with the parameters of a domain's route."""
    errors = [
        FieldError(".".join(map(str, entry["loc"][1:]))[:200] or str(entry["loc"][0]), _message(entry)) for entry in error.errors()
    ]
    return InvalidRecordError("a parameter is not what is expected", errors)


def _message(entry: Mapping[str, Any]) -> str:
    is_unknown = entry["type"] == "extra_forbidden"
    return "there is no such parameter" if is_unknown else str(entry["msg"]).removeprefix("Value error, ")
