"""Connections to MongoDB, and what it complains of in this platform's words."""

from __future__ import annotations

import atexit
import threading
import warnings
from contextlib import contextmanager
from datetime import timezone
from functools import cache
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import (
    ContractError,
    PermanentError,
    PlatformError,
    SettingsError,
    StoreAccessError,
    StoreUnavailableError,
)
from mlops_assets.stores.urls import parse_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bson.codec_options import TypeRegistry
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

_TRANSIENT_CODES = {
    6: "HostUnreachable",
    7: "HostNotFound",
    24: "LockTimeout",
    46: "LockBusy",
    50: "MaxTimeMSExpired",
    64: "WriteConcernTimeout",
    89: "NetworkTimeout",
    91: "ShutdownInProgress",
    112: "WriteConflict",
    134: "ReadConcernMajorityNotAvailableYet",
    189: "PrimarySteppedDown",
    202: "NetworkInterfaceExceededTimeLimit",
    262: "ExceededTimeLimit",
    317: "ConnectionPoolExpired",
    462: "IngressRequestRateLimitExceeded",
    9001: "SocketException",
    10107: "NotWritablePrimary",
    # Two writers made the same new document at once.
    11000: "DuplicateKey",
    11600: "InterruptedAtShutdown",
    11602: "InterruptedDueToReplStateChange",
    13435: "NotPrimaryNoSecondaryOk",
    13436: "NotPrimaryOrSecondary",
    # Throttling of services that speak MongoDB's protocol.
    16500: "RequestRateTooLarge",
}
_TRANSIENT_LABELS = ("RetryableWriteError", "RetryableError", "SystemOverloadedError", "TransientTransactionError")
_ACCESS_CODES = {
    11: "UserNotFound",
    13: "Unauthorized",
    18: "AuthenticationFailed",
    # Of MongoDB's own cloud: wrong credentials, a quota.
    8000: "AtlasError",
    14031: "OutOfDiskSpace",
}
_TOO_LARGE_CODES = {
    10334: "BSONObjectTooLarge",
    # These two have no names: what an update, or an upsert, would have made.
    17419: "DocumentAfterUpdateTooLarge",
    17420: "DocumentToUpsertTooLarge",
}
_LOCK = threading.Lock()


def open_client(url: str, connect_seconds: float, answer_seconds: float) -> MongoClient[dict[str, Any]]:
    """Return the client of a URL, one per process: it keeps connections and knows which server is the primary.

    Raises:
        SettingsError: the URL cannot be read. Nothing is contacted yet.
    """
    with _LOCK:
        return _made_client(url, connect_seconds, answer_seconds)


@cache
def _made_client(url: str, connect_seconds: float, answer_seconds: float) -> MongoClient[dict[str, Any]]:
    from pymongo import MongoClient
    from pymongo.errors import ConfigurationError

    wanted = {
        "serverSelectionTimeoutMS": round(connect_seconds * 1000),
        "connectTimeoutMS": round(connect_seconds * 1000),
        "socketTimeoutMS": round(answer_seconds * 1000),
    }
    given = {name.lower() for name, _ in parse_url(url).options}
    options: dict[str, Any] = {name: value for name, value in wanted.items() if name.lower() not in given}
    try:
        # pymongo only warns of options that it does not understand, and does without them.
        with warnings.catch_warnings(record=True) as ignored:
            warnings.simplefilter("always")
            client: MongoClient[dict[str, Any]] = MongoClient(
                url, connect=False, tz_aware=True, tzinfo=timezone.utc, type_registry=_plain_integers(), **options
            )
    except (ConfigurationError, ValueError):
        # What pymongo says may quote a part of the password that it took for something else.
        raise SettingsError(
            "the URL of the MongoDB document store cannot be read; write mongodb://server:27017/database, or user:password@ before "
            "the server, with special characters in both percent-encoded"
        ) from None
    except OSError as error:
        raise SettingsError(f"a file that the URL of the MongoDB document store names cannot be read: {error}") from error
    if ignored:
        raise SettingsError(f"the URL of the MongoDB document store has an option that cannot be used: {ignored[0].message}")
    atexit.register(client.close)
    return client


def _plain_integers() -> TypeRegistry:
    from bson.codec_options import TypeDecoder, TypeRegistry
    from bson.int64 import Int64

    class PlainInteger(TypeDecoder):
        bson_type = Int64

        def transform_bson(self, value: int) -> int:
            return int(value)

    return TypeRegistry([PlainInteger()])


@contextmanager
def platform_errors(place: str) -> Iterator[None]:
    """Raise what pymongo raises inside the block as an error of this platform, which names the place and what to do."""
    from pymongo.errors import BulkWriteError, DocumentTooLarge, PyMongoError

    try:
        yield
    except DocumentTooLarge as error:
        raise _too_large(place, str(error)) from error
    except BulkWriteError as error:
        # Its text holds the documents.
        raise _translated(place, error) from None
    except PyMongoError as error:
        raise _translated(place, error) from error


def _translated(place: str, error: PyMongoError) -> PlatformError:
    from pymongo.errors import ConfigurationError, ConnectionFailure, CursorNotFound, InvalidName

    code, complaint = _complaint(error)
    if code in _TOO_LARGE_CODES:
        return _too_large(place, complaint)
    if isinstance(error, (ConfigurationError, InvalidName)) and not _is_name_service_down(error):
        return SettingsError(f"the URL of the document store {place} leads nowhere: {complaint}")
    if code in _ACCESS_CODES:
        return StoreAccessError(f"the document store {place} refuses; look at user, password, permissions, space: {complaint}")
    is_transient = code in _TRANSIENT_CODES or any(map(error.has_error_label, _TRANSIENT_LABELS))
    if is_transient or isinstance(error, (ConnectionFailure, ConfigurationError, CursorNotFound)):
        return StoreUnavailableError(f"the document store {place} cannot be reached or is too busy: {complaint}")
    return PermanentError(f"the document store {place} cannot do this: {complaint}")


def _too_large(place: str, complaint: str) -> ContractError:
    return ContractError(f"the document store {place} takes no document as large as one of these: {complaint}")


def _complaint(error: PyMongoError) -> tuple[int | None, str]:
    """Return the server's code, if it was the server that complained, and what it said."""
    from pymongo.errors import BulkWriteError, OperationFailure

    if isinstance(error, BulkWriteError):
        errors = [*error.details["writeErrors"], *error.details["writeConcernErrors"]]
        first = errors[0]
        return first["code"], f"{first['errmsg']} ({len(errors)} errors, the first with code {first['code']})"
    if isinstance(error, OperationFailure):
        return error.code, f"{(error.details or {}).get('errmsg', error)} (code {error.code})"
    return None, str(error)


def _is_name_service_down(error: PyMongoError) -> bool:
    """Tell whether the servers behind `mongodb+srv` could not be looked up; an unknown name is a matter of settings."""
    from dns.exception import Timeout
    from dns.resolver import NoNameservers

    return isinstance(error.__cause__, (Timeout, NoNameservers))
