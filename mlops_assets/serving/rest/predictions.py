"""Predictions by REST, for one record and for many.

These routes are plain ASGI: what FastAPI does for each parameter costs as much as a small model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.routing import Match, Route

from mlops_assets.serving.errors import FieldError, InvalidRecordError, unknown_fields
from mlops_assets.serving.json_body import parse_json
from mlops_assets.serving.request_ids import current_request_id
from mlops_assets.serving.rest.gateway import read_body
from mlops_assets.serving.rest.replies import error_fields, json_bytes, send_json
from mlops_assets.serving.service import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from mlops_assets.serving.service import PredictionService

MODEL = "/v1/models/{domain}/{model}"
"""The path of a model."""

_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def prediction_routes(service: PredictionService) -> list[Route]:
    """Return the routes for predictions; the one that is asked most comes first."""
    return [
        Route(f"{MODEL}/predict", PredictOne(service), methods=["POST"]),
        Route(f"{MODEL}/predict/batch", PredictBatch(service), methods=["POST"]),
    ]


class QuickRoutes:
    """Answers by some routes without what an application does for all of its routes; the others are left to the application."""

    def __init__(self, routes: Sequence[Route], app: ASGIApp) -> None:
        """Try `routes` before `app`."""
        self._routes, self._app = routes, app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        for route in self._routes:
            match, found = route.matches(scope)
            if match is Match.FULL:
                scope.update(found)
                await route.app(scope, receive, send)
                return
        await self._app(scope, receive, send)


class PredictOne:
    """`POST /v1/models/{domain}/{model}/predict`: `{"record": {…}}`."""

    def __init__(self, service: PredictionService) -> None:
        """Answer by `service`."""
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        explain = _explain(scope["query_string"])
        record = _only_field(parse_json(await read_body(receive)), "record")
        request_id, names = current_request_id(), scope["path_params"]
        answer = await self._service.predict_soon(
            names["domain"], names["model"], record, protocol="rest", request_id=request_id, explain=explain
        )
        await send_json(send, json_bytes({"request_id": request_id, **answer.as_dict()}))


class PredictBatch:
    """`POST /v1/models/{domain}/{model}/predict/batch`: `{"records": [{…}, …]}`."""

    def __init__(self, service: PredictionService) -> None:
        """Answer by `service`."""
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        _require_no_parameters(scope["query_string"], ())
        records = _only_field(parse_json(await read_body(receive)), "records")
        if not isinstance(records, list):
            raise InvalidRecordError("the body is not what is expected", [FieldError("records", "it must be a list of records")])
        request_id, names = current_request_id(), scope["path_params"]

        def answer() -> bytes:
            answers = self._service.predict_batch(names["domain"], names["model"], records, protocol="rest", request_id=request_id)
            return json_bytes({"request_id": request_id, "answers": list(map(_row, answers))})

        await send_json(send, await self._service.execution.run_in_thread(answer))


def _row(outcome: Answer | InvalidRecordError) -> dict[str, Any]:
    return outcome.as_dict() if isinstance(outcome, Answer) else {"error": error_fields(outcome)}


def _only_field(content: Any, name: str) -> Any:
    """Return the one field that a body has."""
    if isinstance(content, dict) and len(content) == 1 and name in content:
        return content[name]
    if not isinstance(content, dict):
        errors = [FieldError("body", f'it must be an object: {{"{name}": …}}')]
    else:
        errors = unknown_fields(content, (name,))
        errors += [] if name in content else [FieldError(name, "it is missing")]
    raise InvalidRecordError("the body is not what is expected", errors)


def _explain(query: bytes) -> bool:
    if not query:
        return False
    given = _require_no_parameters(query, ("explain",)).get("explain", "false")
    if given not in _FLAGS:
        raise InvalidRecordError("a parameter is not what is expected", [FieldError("explain", "it must be true or false")])
    return _FLAGS[given]


def _require_no_parameters(query: bytes, known: tuple[str, ...]) -> dict[str, str]:
    """Return the parameters of a request, all of which must be known."""
    given = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else {}
    if unknown := [FieldError(name[:200], "there is no such parameter") for name in given if name not in known]:
        raise InvalidRecordError("a parameter is not what is expected", unknown)
    return given
