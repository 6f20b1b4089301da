"""What every call has in common: the key, the id, reading messages, and what an error becomes."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote

import grpc
from google.protobuf.message import DecodeError

from mlops_assets.serving.access import KEY_HEADER, ClientCheck
from mlops_assets.serving.errors import MalformedRequestError, TooLargeError, request_error_of
from mlops_assets.serving.grpc.status import STATUS_DETAILS_KEY, status_details, status_message
from mlops_assets.serving.logs import access_log, log_answered
from mlops_assets.serving.request_ids import REQUEST_ID_HEADER, begin_request, current_request_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from mlops_assets.serving.metrics import ServingMetrics

_OPEN_SERVICES = ("/grpc.health.", "/grpc.reflection.")
_HANDLERS = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}
_logger = logging.getLogger(__name__)


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Stands before every method, those of domains too; health and reflection are open to all."""

    def __init__(self, clients: ClientCheck, metrics: ServingMetrics, max_message_bytes: int) -> None:
        """Let those in whom `clients` lets in; count errors in `metrics`."""
        self._clients, self._metrics, self._max_message_bytes = clients, metrics, max_message_bytes
        self._guarded: dict[str, grpc.RpcMethodHandler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler | None:
        """Return the handler of a method; None lets gRPC say that there is no such method."""
        method = handler_call_details.method
        if method in self._guarded:
            return self._guarded[method]
        handler = await continuation(handler_call_details)
        if handler is None or method.startswith(_OPEN_SERVICES):
            return handler
        self._guarded[method] = self._guard(method, handler)
        return self._guarded[method]

    def _guard(self, method: str, handler: grpc.RpcMethodHandler) -> grpc.RpcMethodHandler:
        answer = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream

        def read(request: Any) -> Any:
            parse = handler.request_deserializer
            return self._parse_each(parse, request) if handler.request_streaming else self._parse(parse, request)

        async def answer_once(request: Any, context: grpc.aio.ServicerContext) -> Any:
            started = time.perf_counter()
            try:
                self._begin(context)
                response = await answer(read(request), context)
            except Exception as error:
                await self._abort(context, error, method, started)
            _log(method, "OK", started)
            return response

        async def answer_in_parts(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
            started = time.perf_counter()
            try:
                self._begin(context)
                async for part in answer(read(request), context):
                    yield part
            except Exception as error:
                await self._abort(context, error, method, started)
            _log(method, "OK", started)

        # Messages are parsed here and not by gRPC, which would call a broken one an unknown error.
        return _HANDLERS[handler.request_streaming, handler.response_streaming](
            answer_in_parts if handler.response_streaming else answer_once,
            request_deserializer=None,
            response_serializer=handler.response_serializer,
        )

    def _begin(self, context: grpc.aio.ServicerContext) -> None:
        metadata = {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}
        request_id = begin_request(metadata.get(REQUEST_ID_HEADER))
        context.set_trailing_metadata(((REQUEST_ID_HEADER, request_id),))
        self._clients.require(_host(context.peer()), metadata.get(KEY_HEADER), metadata.get("authorization"))

    def _parse(self, parse: Callable[[bytes], Any], data: bytes) -> Any:
        if len(data) > self._max_message_bytes:
            raise TooLargeError(f"a message has at most {self._max_message_bytes:,} bytes")
        try:
            return parse(data)
        except DecodeError:
            raise MalformedRequestError("the message is truncated, or not of the method's type") from None

    async def _parse_each(self, parse: Callable[[bytes], Any], messages: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        async for data in messages:
            yield self._parse(parse, data)

    async def _abort(self, context: grpc.aio.ServicerContext, error: Exception, method: str, started: float) -> NoReturn:
        if isinstance(error, grpc.aio.AbortError):
            raise error
        request_id = current_request_id()
        refusal = request_error_of(error, request_id)
        if refusal is not error:
            _logger.error("request %s could not be answered", request_id, exc_info=error)
        self._metrics.count_error("grpc", refusal.code)
        _log(method, refusal.grpc_status, started)
        add_trailing_metadata(context, (STATUS_DETAILS_KEY, status_details(refusal, request_id)))
        await context.abort(grpc.StatusCode[refusal.grpc_status], status_message(refusal), context.trailing_metadata())
        raise AssertionError("abort raises")


def _log(method: str, status: str, started: float) -> None:
    if access_log.isEnabledFor(logging.INFO):
        duration_ms = round((time.perf_counter() - started) * 1_000, 3)
        log_answered(
            request_id=current_request_id(), protocol="grpc", method=None, path=method, status=status, duration_ms=duration_ms
        )


def _host(peer: str) -> str:
    """Return the address of a peer such as `ipv4:127.0.0.1:40000` or `ipv6:%5B::1%5D:40000`."""
    return unquote(peer).partition(":")[2].rpartition(":")[0].strip("[]")


def add_trailing_metadata(context: grpc.aio.ServicerContext, *pairs: tuple[str, str | bytes]) -> None:
    """Send more metadata after the answer, beside what was added before."""
    context.set_trailing_metadata((*context.trailing_metadata(), *pairs))
