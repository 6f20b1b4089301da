"""What REST sends: JSON, and one form of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import to_json
from starlette.responses import Response

from mlops_assets.serving.request_ids import current_request_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Send

    from mlops_assets.serving.errors import FieldError, RequestError

_JSON = b"application/json"


def json_bytes(content: Any) -> bytes:
    """Return JSON; what is no number in JSON is null."""
    return to_json(content, inf_nan_mode="null")


class JSONReply(Response):
    """A response for routes whose speed does not matter."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return json_bytes(content)


def error_fields(error: RequestError) -> dict[str, Any]:
    """Return an error as JSON has it."""
    return _fields(error.code, str(error), error.fields)


def error_body(code: str, message: str, fields: Iterable[FieldError] = ()) -> dict[str, Any]:
    """Return the body of a response that says why a request is not answered."""
    return {"request_id": current_request_id(), "error": _fields(code, message, fields)}


def error_reply(error: RequestError) -> JSONReply:
    """Return the response for an error."""
    headers = {"WWW-Authenticate": "Bearer"} if error.http_status == 401 else None
    return JSONReply(error_body(error.code, str(error), error.fields), error.http_status, headers)


async def send_json(send: Send, body: bytes, status: int = 200) -> None:
    """Send a whole response without building an object for it."""
    headers = [(b"content-type", _JSON), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _fields(code: str, message: str, fields: Iterable[FieldError]) -> dict[str, Any]:
    return {"code": code, "message": message, "fields": [{"field": each.field, "message": each.message} for each in fields]}
