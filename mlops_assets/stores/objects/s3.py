"""Objects in a bucket of S3, or of a server that speaks its protocol: MinIO, Ceph.

The URL is `s3://bucket/optional/prefix?endpoint=http://minio:9000&region=...`; without `endpoint` the environment variables of
boto3, `AWS_ENDPOINT_URL_S3` and `AWS_ENDPOINT_URL`, name the server.
"""

from __future__ import annotations

import os
import uuid
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import SettingsError
from mlops_assets.foreign_files import is_foreign
from mlops_assets.stores.health import HealthCheck
from mlops_assets.stores.objects.base import ObjectState
from mlops_assets.stores.objects.bucket_url import parse_bucket_url
from mlops_assets.stores.objects.ranged import TAIL_BYTES, as_native_file
from mlops_assets.stores.objects.s3_client import broken_bodies, code, naming_errors, shared_client, status
from mlops_assets.stores.objects.s3_lifecycle import expire
from mlops_assets.urls import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    from botocore.client import BaseClient

_ONE_REQUEST_BYTES = 64 << 20
"""Up to this size an object is written by one request; above, its parts are sent side by side and put together at the end."""

_PART_BYTES = 16 << 20
_PARTS_AT_ONCE = 4
_READ_ATTEMPTS = 3
_NOT_FOUND = 404


class S3Storage:
    """Object storage in a bucket, below a prefix."""

    def __init__(self, client: BaseClient, bucket: str, prefix: str = "") -> None:
        """Use a bucket through a client; names are prefixed by `prefix` and a slash, if there is one."""
        self._client, self._bucket = client, bucket
        self._prefix = f"{prefix}/" if prefix else ""

    def put(self, name: str, data: pa.Buffer | bytes) -> None:
        """Store an object: visible when the last byte has arrived, not before."""
        import pyarrow as pa
        from boto3.s3.transfer import TransferConfig

        # A reader of Arrow's gives a buffer to the client piece by piece, so that it is not copied as a whole.
        body = pa.BufferReader(pa.py_buffer(data))
        with naming_errors(self.uri(name)):
            if body.size() <= _ONE_REQUEST_BYTES:
                self._client.put_object(**self._address(name), Body=body)
            else:
                parts = TransferConfig(multipart_chunksize=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE)
                self._client.upload_fileobj(body, **self._address(name), Config=parts)

    def open(self, name: str) -> pa.NativeFile:
        """Open an object: one request fetches the whole of a small one, or the end of a large one."""
        from botocore.exceptions import ClientError

        with naming_errors(self.uri(name)):
            try:
                answer, tail = self._get(name, f"bytes=-{TAIL_BYTES}")
            except ClientError as error:
                if code(error) == "NoSuchKey":
                    raise FileNotFoundError(self.uri(name)) from error
                if code(error) != "InvalidRange":
                    raise
                # An object of no bytes has no last ones.
                return as_native_file(0, b"", lambda start, end: b"")
        # The whole object, if the server knows nothing of ranges.
        size = int(answer["ContentRange"].rpartition("/")[2]) if "ContentRange" in answer else len(tail)
        # Ceph compares tags without their quotes only; S3 and MinIO take either.
        version = answer["ETag"].strip('"')

        def fetch(start: int, end: int) -> bytes:
            with naming_errors(self.uri(name)):
                return self._get(name, f"bytes={start}-{end - 1}", IfMatch=version)[1]

        return as_native_file(size, tail, fetch)

    def exists(self, name: str) -> bool:
        """Tell whether there is an object of this name."""
        from botocore.exceptions import ClientError

        with naming_errors(self.uri(name)):
            try:
                self._client.head_object(**self._address(name))
            except ClientError as error:
                if status(error) != _NOT_FOUND:
                    raise
                # A bucket that does not exist answers the same, and must not pass for an empty one.
                self._client.head_bucket(Bucket=self._bucket)
                return False
        return True

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the names of all objects that begin with `prefix`, in order; foreign ones are passed over."""
        for state in self.states(prefix):
            yield state.name

    def states(self, prefix: str) -> Iterator[ObjectState]:
        """Yield size and ETag of the objects that `names` yields."""
        with naming_errors(self.uri(prefix)):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix + prefix)
            for page in pages:
                for entry in page.get("Contents", ()):
                    name = entry["Key"].removeprefix(self._prefix)
                    if name and not is_foreign(name):
                        yield ObjectState(name, entry["Size"], entry["ETag"])

    def delete(self, name: str) -> None:
        """Remove an object."""
        with naming_errors(self.uri(name)):
            self._client.delete_object(**self._address(name))

    def uri(self, name: str) -> str:
        """Return the `s3://` address of an object."""
        return f"s3://{self._bucket}/{self._prefix}{name}"

    def prepare(self, expiring_prefixes: Sequence[str] = (), days: int = 60) -> None:
        """Make the bucket if it does not exist, and set the rules by which objects below some prefixes expire."""
        with naming_errors(f"s3://{self._bucket}"):
            self._make_bucket()
            expire(self._client, self._bucket, self._prefix, expiring_prefixes, days)

    def check_health(self) -> HealthCheck:
        """Write an object, read it back and remove it."""
        name = f"mlops_assets_doctor/{uuid.uuid4().hex}"
        self.put(name, b"well")
        try:
            with naming_errors(self.uri(name)):
                answer, _ = self._get(name, "bytes=0-")
        finally:
            self.delete(name)
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        return HealthCheck(f"S3 ({_server_name(headers)})", parsedate_to_datetime(headers["date"]))

    def _get(self, name: str, byte_range: str, **conditions: str) -> tuple[dict[str, Any], bytes]:
        """Return the answer to a request for some bytes, and the bytes; ask again if the connection breaks between."""
        attempts = _READ_ATTEMPTS
        while True:
            answer = self._client.get_object(**self._address(name), Range=byte_range, **conditions)
            try:
                return answer, answer["Body"].read()
            except broken_bodies():
                attempts -= 1
                if not attempts:
                    raise

    def _make_bucket(self) -> None:
        from botocore.exceptions import ClientError

        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if status(error) != _NOT_FOUND:
                raise
        else:
            return
        try:
            self._client.create_bucket(Bucket=self._bucket, **_location(self._client))
        except ClientError as error:
            # Somebody else of us was quicker.
            if code(error) != "BucketAlreadyOwnedByYou":
                raise

    def _address(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + name}


def open_s3(url: str) -> S3Storage:
    """Return the storage that a URL such as `s3://bucket/lake?endpoint=http://minio:9000` names.

    Raises:
        SettingsError: the URL names no bucket, has options that nothing understands, or an endpoint with credentials.
    """
    place = parse_bucket_url(url, ("endpoint", "region"))
    endpoint = place.options.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint and "@" in endpoint:
        raise SettingsError(f"the endpoint {redact(endpoint)!r} of S3 holds credentials, which belong in the environment")
    return S3Storage(shared_client(endpoint, place.options.get("region")), place.bucket, place.prefix)


def _location(client: BaseClient) -> dict[str, Any]:
    """Return where to make a bucket: Amazon must be told unless it is its first region, and other servers know best."""
    region = client.meta.region_name
    if "amazonaws.com" not in client.meta.endpoint_url or region in (None, "us-east-1", "aws-global"):
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}


def _server_name(headers: Mapping[str, str]) -> str:
    """Return what answers, from its headers: `AmazonS3`, `MinIO`; Ceph says so by headers of its own only."""
    if any(name.startswith("x-rgw-") for name in headers):
        return "Ceph"
    return headers.get("server", "of an unknown server")
