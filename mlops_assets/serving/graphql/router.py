"""The route `/graphql`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cross_web import HTTPException
from fastapi.responses import JSONResponse
from fastapi.routing import APIWebSocketRoute
from strawberry.fastapi import GraphQLRouter

from mlops_assets.serving.errors import MalformedRequestError, RequestError, TooLargeError
from mlops_assets.serving.graphql.errors import extensions_of
from mlops_assets.serving.graphql.fields import Cost
from mlops_assets.serving.graphql.schema import CurrentSchema
from mlops_assets.serving.json_body import parse_json
from mlops_assets.serving.request_ids import REQUEST_ID_HEADER, begin_request, current_request_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import APIRouter

    from mlops_assets.serving.extension import DomainServing
    from mlops_assets.serving.service import PredictionService

PATH = "/graphql"
MAX_QUERY_CHARACTERS = 100_000


class _Router(GraphQLRouter[Any, None]):
    """Strawberry's router, which asks for the schema with each request, and says all errors as GraphQL does."""

    def __init__(self, service: PredictionService, schemas: CurrentSchema) -> None:
        self._metrics, self._schemas = service.metrics, schemas
        super().__init__(
            schemas.get(), PATH, context_getter=lambda: {"cost": Cost(service.settings.max_batch_rows)}, tags=["GraphQL"]
        )
        # There are no subscriptions, and a WebSocket would pass by what stands before HTTP requests.
        self.routes = [route for route in self.routes if not isinstance(route, APIWebSocketRoute)]

    async def run(self, request: Any, context: Any = None, root_value: Any = None) -> Any:
        if not current_request_id():
            begin_request(request.headers.get(REQUEST_ID_HEADER))
        self.schema = self._schemas.get()
        try:
            return await super().run(request, context, root_value)
        except RequestError as error:
            return self._refusal(error)
        except HTTPException as error:
            if error.status_code != 400:
                raise
            return self._refusal(MalformedRequestError(error.reason))

    def decode_json(self, data: str | bytes) -> object:
        decoded = parse_json(data)
        if not isinstance(decoded, dict):
            raise MalformedRequestError("a request is an object with the fields query and variables, which is an object too")
        return decoded

    async def parse_http_body(self, request: Any) -> Any:
        operation: Any = await super().parse_http_body(request)
        if len(operation.query or "") > MAX_QUERY_CHARACTERS:
            raise TooLargeError(f"a query has at most {MAX_QUERY_CHARACTERS:,} characters; send records as variables")
        return operation

    def _refusal(self, error: RequestError) -> JSONResponse:
        self._metrics.count_error("graphql", error.code)
        body = {"data": None, "errors": [{"message": str(error), "extensions": extensions_of(error)}]}
        return JSONResponse(body, error.http_status)


def build_graphql_router(service: PredictionService, extensions: Sequence[DomainServing]) -> APIRouter:
    """Return a router with the route `/graphql`, for queries by GET and POST, and GraphiQL for browsers.

    Args:
        service: answers.
        extensions: what domains add.
    """
    return _Router(service, CurrentSchema(service, extensions))
