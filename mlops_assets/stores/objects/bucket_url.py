"""URLs that name a place in a bucket: `s3://bucket/some/prefix?endpoint=...`, `gs://bucket`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from mlops_assets.errors import SettingsError
from mlops_assets.stores.urls import options_of, parse_url

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


@dataclass(frozen=True)
class BucketURL:
    """A bucket, a prefix in it without slashes around, and options such as `endpoint`."""

    bucket: str
    prefix: str
    options: Mapping[str, str]


def parse_bucket_url(url: str, known_options: Collection[str]) -> BucketURL:
    """Read the URL of a place in a bucket.

    Raises:
        SettingsError: it names no bucket, has an option that nothing understands, or holds credentials.
    """
    parts = parse_url(url)
    if parts.has_credentials:
        raise SettingsError(
            f"{parts.shown!r} holds credentials, which belong in the environment; write {parts.scheme}://bucket/..."
        )
    if not parts.hosts:
        raise SettingsError(f"{parts.shown!r} names no bucket; write {parts.scheme}://bucket/optional/prefix")
    if ":" in parts.hosts:
        raise SettingsError(f"{parts.shown!r} names a port, which a bucket has not; name a server by ?endpoint=http://host:port")
    return BucketURL(parts.hosts, unquote(parts.path).strip("/"), options_of(parts, known_options))
