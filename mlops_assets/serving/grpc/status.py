"""An error as gRPC says it: a code, a sentence, and details that programs read (`google.rpc.Status`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo
from google.rpc.status_pb2 import Status

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from mlops_assets.serving.errors import RequestError

STATUS_DETAILS_KEY = "grpc-status-details-bin"
ERROR_DOMAIN = "mlops_assets"
# Clients take 8 KB of metadata, in which the message stands twice, once with three characters for a byte that is not ASCII. What
# does not fit is left out.
_FIELDS_BYTES = 2_000
_MESSAGE_BYTES = 1_000


def status_message(error: RequestError) -> str:
    """Return the error as a sentence with the fields that it is about."""
    text = "; ".join([str(error), *(f"{each.field}: {each.message}" for each in error.fields)])
    data = text.encode(errors="replace")
    return data[:_MESSAGE_BYTES].decode(errors="ignore")


def status_details(error: RequestError, request_id: str) -> bytes:
    """Return a serialized `google.rpc.Status` with `ErrorInfo`, `RequestInfo` and, if fields are wrong, `BadRequest`."""
    code: int = grpc.StatusCode[error.grpc_status].value[0]
    details: list[Message] = [ErrorInfo(reason=error.code, domain=ERROR_DOMAIN), RequestInfo(request_id=request_id)]
    if error.fields:
        details.append(BadRequest(field_violations=_violations(error)))
    # gRPC asks for the same message in both places.
    status = Status(code=code, message=status_message(error))
    for detail in details:
        status.details.add().CopyFrom(_packed(detail))
    return status.SerializeToString()


def _violations(error: RequestError) -> list[BadRequest.FieldViolation]:
    violations, size = [], 0
    for each in error.fields:
        violation = BadRequest.FieldViolation(field=each.field, description=each.message)
        size += violation.ByteSize()
        if size > _FIELDS_BYTES:
            break
        violations.append(violation)
    return violations


def _packed(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed
