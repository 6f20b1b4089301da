"""Objects in a bucket of Google Cloud Storage.

The URL is `gs://bucket/optional/prefix`. For a new bucket `?project=` names who pays for it, unless the credentials do, and
`?location=` where it is. The environment variable STORAGE_EMULATOR_HOST puts an emulator in the place of Google.
"""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import StoreUnavailableError
from mlops_assets.foreign_files import is_foreign
from mlops_assets.stores.health import HealthCheck
from mlops_assets.stores.objects.base import ObjectState
from mlops_assets.stores.objects.bucket_url import parse_bucket_url
from mlops_assets.stores.objects.gcs_client import DEFAULT_PATIENCE, naming_errors, shared_client
from mlops_assets.stores.objects.ranged import TAIL_BYTES, as_native_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from google.cloud.storage import Blob, Bucket, Client

    from mlops_assets.stores.objects.gcs_client import Patience


class GCSStorage:
    """Object storage in a bucket, below a prefix."""

    def __init__(
        self,
        client: Client,
        bucket: str,
        prefix: str = "",
        patience: Patience = DEFAULT_PATIENCE,
        *,
        project: str | None = None,
        location: str | None = None,
    ) -> None:
        """Use a bucket through a client; names are prefixed by `prefix` and a slash, if there is one.

        Args:
            client: from `connect`.
            bucket: the name of the bucket.
            prefix: where in the bucket the objects are.
            patience: how long requests may take.
            project: who pays for the bucket if it is made; the project of the credentials if None.
            location: where it is made; Google's choice if None.
        """
        self._client, self._bucket_name = client, bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._patience = patience
        self._project, self._location = project, location

    def put(self, name: str, data: pa.Buffer | bytes) -> None:
        """Store an object: visible when the last byte has arrived and its checksum fits, not before."""
        import pyarrow as pa

        body = pa.BufferReader(pa.py_buffer(data))
        with naming_errors(self.uri(name)):
            self._blob(name).upload_from_file(body, size=body.size(), **self._options())

    def open(self, name: str) -> pa.NativeFile:
        """Open an object: one request fetches the whole of a small one, or the end of a large one."""
        from google.api_core.exceptions import NotFound, RequestRangeNotSatisfiable

        blob = self._blob(name)
        with naming_errors(self.uri(name)):
            try:
                tail = self._download(blob, -TAIL_BYTES, None)
            except NotFound as error:
                self._require_bucket()
                raise FileNotFoundError(self.uri(name)) from error
            except RequestRangeNotSatisfiable:
                # An object of no bytes has no last ones.
                tail = b""
        if len(tail) != TAIL_BYTES:
            return as_native_file(len(tail), tail, lambda start, end: b"")
        # The answer said which generation of the object this is; from here on only that one is asked for.
        with naming_errors(self.uri(name)), _of_one_generation(self.uri(name)):
            blob.reload(**self._options())
        pinned = self._blob(name, blob.generation)

        def fetch(start: int, end: int) -> bytes:
            with naming_errors(self.uri(name)), _of_one_generation(self.uri(name)):
                return self._download(pinned, start, end - 1)

        return as_native_file(blob.size, tail, fetch)

    def exists(self, name: str) -> bool:
        """Tell whether there is an object of this name."""
        with naming_errors(self.uri(name)):
            if self._blob(name).exists(**self._options()):
                return True
            self._require_bucket()
        return False

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the names of all objects that begin with `prefix`, in order; foreign ones are passed over."""
        for state in self.states(prefix):
            yield state.name

    def states(self, prefix: str) -> Iterator[ObjectState]:
        """Yield size and generation of the objects that `names` yields."""
        with naming_errors(self.uri(prefix)):
            for blob in self._client.list_blobs(
                self._bucket_name,
                prefix=self._prefix + prefix,
                fields="items(name,size,generation),nextPageToken",
                **self._options(),
            ):
                name = blob.name.removeprefix(self._prefix)
                if name and not is_foreign(name):
                    yield ObjectState(name, int(blob.size or 0), str(blob.generation))

    def delete(self, name: str) -> None:
        """Remove an object."""
        from google.api_core.exceptions import NotFound

        with naming_errors(self.uri(name)):
            try:
                self._blob(name).delete(**self._options())
            except NotFound:
                self._require_bucket()

    def uri(self, name: str) -> str:
        """Return the `gs://` address of an object."""
        return f"gs://{self._bucket_name}/{self._prefix}{name}"

    def prepare(self, expiring_prefixes: Sequence[str] = (), days: int = 60) -> None:
        """Make the bucket if it does not exist, and add rules by which objects below some folders expire.

        Google's rules have no names: one that lets exactly such a folder expire is taken for ours and gets the new age, every
        other stays. Uploads that were never finished vanish by themselves after a week.
        """
        with naming_errors(f"gs://{self._bucket_name}"):
            bucket = self._make_bucket()
            folders = [f"{self._prefix}{folder.strip('/')}/" for folder in expiring_prefixes]
            before = [dict(rule) for rule in bucket.lifecycle_rules]
            rules = [rule for rule in before if _expired_folder(rule) not in folders]
            rules += [{"action": {"type": "Delete"}, "condition": {"age": days, "matchesPrefix": [folder]}} for folder in folders]
            if rules != before:
                bucket.lifecycle_rules = rules
                bucket.patch(if_metageneration_match=bucket.metageneration, **self._options())

    def check_health(self) -> HealthCheck:
        """Write an object, read it back and remove it."""
        name = f"mlops_assets_doctor/{uuid.uuid4().hex}"
        self.put(name, b"well")
        blob = self._blob(name)
        try:
            with naming_errors(self.uri(name)):
                self._download(blob, 0, None)
                blob.reload(**self._options())
        finally:
            self.delete(name)
        return HealthCheck(f"Google Cloud Storage at {self._client.api_endpoint}", blob.updated)

    def _options(self) -> dict[str, Any]:
        return self._patience.options()

    def _bucket(self) -> Bucket:
        return self._client.bucket(self._bucket_name)

    def _blob(self, name: str, generation: int | None = None) -> Blob:
        return self._bucket().blob(self._prefix + name, generation=generation)

    def _download(self, blob: Blob, start: int, last: int | None) -> bytes:
        # At a single shot: otherwise the client goes on after a broken connection at a place that it gets wrong for the last
        # bytes of an object smaller than these.
        data: bytes = blob.download_as_bytes(start=start, end=last, single_shot_download=True, **self._options())
        return data

    def _require_bucket(self) -> None:
        """Raise `NotFound` without the bucket, which answers like a bucket without the object."""
        next(iter(self._client.list_blobs(self._bucket_name, max_results=1, **self._options())), None)

    def _make_bucket(self) -> Bucket:
        from google.api_core.exceptions import Conflict

        found = self._client.lookup_bucket(self._bucket_name, **self._options())
        if found is not None:
            return found
        try:
            return self._client.create_bucket(self._bucket_name, project=self._project, location=self._location, **self._options())
        except Conflict:
            # Somebody else of us was quicker, or it belongs to others, who do not let us look at it.
            return self._client.get_bucket(self._bucket_name, **self._options())


@contextmanager
def _of_one_generation(uri: str) -> Iterator[None]:
    from google.api_core.exceptions import NotFound

    try:
        yield
    except NotFound as error:
        raise StoreUnavailableError(f"{uri}: it was replaced while it was read; try again") from error


def _expired_folder(rule: dict[str, Any]) -> str | None:
    """Return the folder that a rule lets expire, if it does nothing else."""
    folders = rule["condition"].get("matchesPrefix", [])
    is_plain = rule["action"]["type"] == "Delete" and rule["condition"].keys() == {"age", "matchesPrefix"} and len(folders) == 1
    return folders[0] if is_plain else None


def open_gcs(url: str) -> GCSStorage:
    """Return the storage that a URL such as `gs://bucket/lake` names.

    Raises:
        SettingsError: the URL names no bucket, or has options that nothing understands.
        StoreAccessError: there are no credentials.
    """
    place = parse_bucket_url(url, ("project", "location"))
    client = shared_client(os.environ.get("STORAGE_EMULATOR_HOST"))
    return GCSStorage(
        client, place.bucket, place.prefix, project=place.options.get("project"), location=place.options.get("location")
    )
