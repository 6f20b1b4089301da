"""What every request passes first: it gets an id, is let in or not, has a body of bounded size, and leaves a line in the log."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect

from mlops_assets.serving.errors import BodyTimeoutError, RequestError, TooLargeError, request_error_of
from mlops_assets.serving.logs import access_log, log_answered
from mlops_assets.serving.request_ids import REQUEST_ID_HEADER, begin_request
from mlops_assets.serving.rest.replies import error_reply

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mlops_assets.serving.metrics import ServingMetrics
    from mlops_assets.serving.rest.access import Access
    from mlops_assets.serving.settings import ServingSettings

_REQUEST_ID, _LENGTH = REQUEST_ID_HEADER.encode(), b"content-length"
_CLIENT_LEFT = 499
_logger = logging.getLogger(__name__)


class Gateway:
    """The outermost part of the application; plain ASGI, for it is on the path of every prediction."""

    def __init__(self, app: ASGIApp, settings: ServingSettings, access: Access, metrics: ServingMetrics) -> None:
        """Stand before `app`."""
        self._app, self._settings, self._access, self._metrics = app, settings, access, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._pass_other(scope, receive, send)
            return
        started = time.perf_counter()
        headers = dict(scope["headers"])
        given = headers.get(_REQUEST_ID)
        request_id = begin_request(given.decode("latin-1") if given else None)
        exchange = _Exchange(receive, send, request_id, self._settings)
        try:
            self._access.require_at_path(scope)
            exchange.require_length(headers.get(_LENGTH))
            await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            exchange.status = exchange.status or _CLIENT_LEFT
        except Exception as error:
            await self._send_error(scope, exchange, error)
        finally:
            self._log(scope, exchange, started)

    async def _send_error(self, scope: Scope, exchange: _Exchange, error: Exception) -> None:
        if not isinstance(error, RequestError):
            _logger.error("request %s could not be answered", exchange.request_id, exc_info=error)
        if exchange.is_complete:
            return
        if exchange.status:
            # A part of the answer has been sent; the server closes the connection.
            raise error
        told = request_error_of(error, exchange.request_id)
        self._metrics.count_error("rest", told.code)
        await error_reply(told)(scope, exchange.receive, exchange.send)

    def _log(self, scope: Scope, exchange: _Exchange, started: float) -> None:
        if not access_log.isEnabledFor(logging.INFO):
            return
        log_answered(
            request_id=exchange.request_id,
            protocol="rest",
            method=scope["method"],
            path=_loggable_path(scope, exchange.status),
            status=exchange.status,
            duration_ms=round((time.perf_counter() - started) * 1_000, 3),
        )

    async def _pass_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            # No protocol here needs one.
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)


def _loggable_path(scope: Scope, status: int) -> str | None:
    """Return the path of a request that was answered, else its form: what clients write into paths is nobody's business."""
    if "endpoint" not in scope:
        return None
    path: str = scope["path"]
    if status < 400:
        return path
    for name, value in scope.get("path_params", {}).items():
        path = path.replace(f"/{value}", f"/{{{name}}}", 1)
    return path


class _Exchange:
    """A request and its response.

    Attributes:
        status: of the response; 0 until it begins.
        is_complete: whether all of it has been sent.
    """

    def __init__(self, receive: Receive, send: Send, request_id: str, settings: ServingSettings) -> None:
        self._receive, self._send, self._settings = receive, send, settings
        self.request_id, self.status, self.is_complete = request_id, 0, False
        self._received, self._has_more = 0, True
        self._deadline = asyncio.get_running_loop().time() + settings.timeout_seconds

    def require_length(self, given: bytes | None) -> None:
        """Refuse a body that is too long by what its header says."""
        if given is not None and given.isdigit() and int(given[:20]) > self._settings.max_body_bytes:
            raise self._too_large()

    async def receive(self) -> Message:
        """Return the next part of the body, or that the client has left."""
        message = await (self._receive_in_time() if self._has_more else self._receive())
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            self._has_more = message.get("more_body", False)
            if self._received > self._settings.max_body_bytes:
                raise self._too_large()
        return message

    async def send(self, message: Message) -> None:
        """Send the next part of the response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message.setdefault("headers", [])
            message["headers"] = [*message["headers"], (_REQUEST_ID, self.request_id.encode())]
        elif message["type"] == "http.response.body":
            self.is_complete = not message.get("more_body", False)
        await self._send(message)

    async def _receive_in_time(self) -> Message:
        """A timer is quicker than `asyncio.wait_for`, which makes a task of its own for each request."""
        task, is_late = asyncio.current_task(), False

        def give_up() -> None:
            nonlocal is_late
            if task is not None:
                is_late = True
                task.cancel()

        timer = asyncio.get_running_loop().call_at(self._deadline, give_up)
        try:
            return await self._receive()
        except asyncio.CancelledError:
            if not is_late:
                raise
            if sys.version_info >= (3, 11) and task is not None:
                task.uncancel()
            raise BodyTimeoutError(f"the body did not arrive within {self._settings.timeout_seconds:g} seconds") from None
        finally:
            timer.cancel()

    def _too_large(self) -> TooLargeError:
        return TooLargeError(f"a body has at most {self._settings.max_body_bytes:,} bytes")


async def read_body(receive: Receive) -> bytes:
    """Return the whole body of a request.

    Raises:
        ClientDisconnect: the client has left.
    """
    parts: list[Any] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body = message.get("body", b"")
        if not message.get("more_body", False):
            return b"".join([*parts, body]) if parts else body
        parts.append(body)
