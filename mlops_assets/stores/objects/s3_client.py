"""Clients of S3 and of servers that speak its protocol (MinIO, Ceph), and what their errors mean.

boto3 directly: dagster_aws's `S3Resource` sets how often requests are repeated, but no timeouts, no size of the connection pool
and no addressing style, and a step must not hang for the minutes that the defaults allow.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from mlops_assets.errors import PlatformError, SettingsError, StoreAccessError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.client import BaseClient
    from botocore.exceptions import BotoCoreError, ClientError

_CONNECTIONS = 16

# Names that S3, MinIO and Ceph give to the same few causes; https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_WRONG_CREDENTIALS = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "AuthFailure"}
)
_BUSY = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestTimeout", "NoSuchUpload"})
_FULL = frozenset({"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded"})
_ELSEWHERE = frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"})
_CONFLICT, _PRECONDITION_FAILED, _TOO_MANY_REQUESTS, _SERVER_ERROR, _INSUFFICIENT_STORAGE = 409, 412, 429, 500, 507


def connect(
    endpoint: str | None = None,
    region: str | None = None,
    *,
    connect_seconds: float = 5,
    read_seconds: float = 60,
    attempts: int = 4,
) -> BaseClient:
    """Return a client, which threads may share. Credentials come from the environment or boto3's other usual places.

    Args:
        endpoint: the server's address, e.g. `http://minio:9000`; that of Amazon if None.
        region: the region of the bucket; boto3's default if None.
        connect_seconds: how long the server may take to accept a connection.
        read_seconds: how long it may be silent within a request.
        attempts: how often a request that fails for a transient reason is made, all told.

    Raises:
        SettingsError: the endpoint is no address.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import EndpointResolutionError

    config = Config(
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"mode": "standard", "max_attempts": attempts},
        max_pool_connections=_CONNECTIONS,
        # Servers other than Amazon's rarely have a host name per bucket, and know no checksums beyond those that S3 began with.
        s3={"addressing_style": "path" if endpoint else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    try:
        # A session of its own: boto3's default session must not be used by several threads at once.
        return boto3.session.Session().client("s3", endpoint_url=endpoint, region_name=region, config=config)
    except (ValueError, EndpointResolutionError) as error:
        raise SettingsError(f"cannot connect to S3: {error}; write an endpoint like http://minio:9000") from error


shared_client = cache(connect)
"""The client that everybody in this process shares who asks for the same: its connections are worth keeping."""


def status(error: ClientError) -> int:
    """Return the HTTP status of an error that the server answered with."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code(error: ClientError) -> str:
    """Return the name that the server gave to an error; the status where it could not say more, as after HEAD requests."""
    return str(error.response.get("Error", {}).get("Code") or status(error))


def broken_bodies() -> tuple[type[Exception], ...]:
    """Return the errors by which an answer that had begun well ends before all of it is there; boto3 does not ask again."""
    from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError

    return (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)


@contextmanager
def naming_errors(uri: str) -> Iterator[None]:
    """Raise what goes wrong with an object or bucket as the platform's errors, with its URI and what to do about it."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _answered(uri, error) from error
    except BotoCoreError as error:
        raise _unanswered(uri, error) from error
    except RecursionError as error:
        # boto3 follows redirections to where the bucket is without counting them.
        raise StoreAccessError(f"{uri}: the server redirects every request; check the endpoint: http or https?") from error


def _answered(uri: str, error: ClientError) -> PlatformError:
    name, number = code(error), status(error)
    said = f"{uri}: {name} {error.response.get('Error', {}).get('Message') or ''}".rstrip()
    if name in _WRONG_CREDENTIALS:
        return StoreAccessError(f"{said}; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if name in ("NoSuchBucket", "404"):
        return StoreAccessError(f"{uri}: the bucket does not exist; create it: mlops-assets prepare")
    if name in ("AccessDenied", "403"):
        return StoreAccessError(f"{said}; check the credentials and what they may do with the bucket")
    if name in _ELSEWHERE:
        return StoreAccessError(f"{said}; name the region of the bucket: ?region= or AWS_REGION")
    if name == "RequestTimeTooSkewed":
        return StoreAccessError(f"{said}; set the clock of this machine right")
    if name in _FULL or number == _INSUFFICIENT_STORAGE:
        return StoreAccessError(f"{said}; the storage is full: free space, or raise the quota")
    if number == _PRECONDITION_FAILED:
        return StoreUnavailableError(f"{uri}: it was replaced while it was read; try again")
    if name in _BUSY or number >= _SERVER_ERROR or number == _TOO_MANY_REQUESTS:
        return StoreUnavailableError(f"{said}; the server is too busy or has a failure of its own; try again later")
    if name == "BucketAlreadyExists":
        return StoreAccessError(f"{uri}: the bucket belongs to somebody else; choose another name")
    if number == _CONFLICT:
        return StoreUnavailableError(f"{said}; somebody else changes it at the same time; try again")
    return StoreAccessError(said)


def _unanswered(uri: str, error: BotoCoreError) -> PlatformError:
    from botocore import exceptions

    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return StoreAccessError(f"{uri}: {error}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if isinstance(error, exceptions.SSLError):
        return StoreAccessError(f"{uri}: {error}; check the certificate, or write http:// for a server without one")
    if isinstance(error, (exceptions.ConnectionError, exceptions.HTTPClientError, *broken_bodies())):
        return StoreUnavailableError(f"{uri}: {error}; is the server running, and is its address right?")
    return StoreAccessError(f"{uri}: {error}")
