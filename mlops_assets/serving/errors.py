"""Why a request is not answered: one class per reason, which every protocol translates into its own code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlops_assets.errors import PlatformError, TransientError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


MOST_FIELDS = 50
_LONGEST_NAME = 200


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of a request.

    Attributes:
        field: its name, within lists with positions: `records.3.energy`.
        message: what is wrong, and what would be right; it does not repeat what was sent.
    """

    field: str
    message: str


def unknown_fields(given: Iterable[object], known: Collection[str]) -> list[FieldError]:
    """Return an error for each field of a request that is none of the known ones."""
    return [FieldError(str(name)[:_LONGEST_NAME], "there is no such field") for name in given if name not in known]


class RequestError(PlatformError):
    """A request that is not answered.

    Attributes:
        code: the reason in one word, the same in every protocol.
        http_status: the reason in HTTP.
        grpc_status: the name of the reason among gRPC's status codes.
        fields: what is wrong with single fields, at most `MOST_FIELDS` of them: a small request must not have a huge answer.
    """

    code: ClassVar[str]
    http_status: ClassVar[int]
    grpc_status: ClassVar[str]

    def __init__(self, message: str, fields: Sequence[FieldError] = ()) -> None:
        """Keep a sentence for people, and the fields that it is about."""
        super().__init__(message)
        self.fields = tuple(fields[:MOST_FIELDS])


class MalformedRequestError(RequestError):
    """It cannot be read at all, such as broken JSON."""

    code, http_status, grpc_status = "malformed_request", 400, "INVALID_ARGUMENT"


class InvalidRecordError(RequestError):
    """A record breaks the input contract of the model."""

    code, http_status, grpc_status = "invalid_record", 422, "INVALID_ARGUMENT"


class InvalidInstancesError(InvalidRecordError):
    """A request of Vertex AI breaks its form, or one of its instances the input contract; 400 is what its clients expect."""

    http_status = 400


class TooLargeError(RequestError):
    """Its body is larger, or its batch longer, than the service takes."""

    code, http_status, grpc_status = "too_large", 413, "RESOURCE_EXHAUSTED"


class UnknownModelError(RequestError):
    """No model has the name."""

    code, http_status, grpc_status = "unknown_model", 404, "NOT_FOUND"


class NotFoundError(RequestError):
    """What is asked about is not known, such as a car park."""

    code, http_status, grpc_status = "not_found", 404, "NOT_FOUND"


class NoChampionError(RequestError):
    """The model is known, but no version of it is champion, or it could not be loaded yet."""

    code, http_status, grpc_status = "no_champion", 503, "UNAVAILABLE"


class UnauthorizedError(RequestError):
    """The request has no key, or a wrong one."""

    code, http_status, grpc_status = "unauthorized", 401, "UNAUTHENTICATED"


class ForbiddenError(RequestError):
    """The key lets its owner ask, but not do this."""

    code, http_status, grpc_status = "forbidden", 403, "PERMISSION_DENIED"


class UnsupportedError(RequestError):
    """The model cannot do what is asked of it, such as explain itself."""

    code, http_status, grpc_status = "unsupported", 422, "FAILED_PRECONDITION"


class BodyTimeoutError(RequestError):
    """Its body did not arrive in time."""

    code, http_status, grpc_status = "timeout", 408, "DEADLINE_EXCEEDED"


class DeadlineError(RequestError):
    """The answer took longer than the service waits for one."""

    code, http_status, grpc_status = "timeout", 504, "DEADLINE_EXCEEDED"


class UnavailableError(RequestError):
    """Something that the answer needs cannot be reached just now."""

    code, http_status, grpc_status = "unavailable", 503, "UNAVAILABLE"


class InternalError(RequestError):
    """The service has made a mistake."""

    code, http_status, grpc_status = "internal", 500, "INTERNAL"


def request_error_of(error: BaseException | None, request_id: str) -> RequestError:
    """Return what a client is told of an error: itself, or, of one that is not the client's, where to read more."""
    if isinstance(error, RequestError):
        return error
    hint = f"its log says more of request {request_id}"
    if isinstance(error, TransientError):
        return UnavailableError(f"something that the answer needs cannot be reached; try again; {hint}")
    return InternalError(f"an error of the service; {hint}")
