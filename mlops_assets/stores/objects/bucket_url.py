"""URLs that name a place in a bucket: `s3://bucket/some/prefix?endpoint=...`, `gs://bucket`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from mlops_assets.errors import SettingsError
from mlops_assets.stores.urls import redact

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
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise SettingsError(
            f"{redact(url)!r} holds credentials, which belong in the environment; write {parts.scheme}://bucket/..."
        )
    if not parts.netloc:
        raise SettingsError(f"{url!r} names no bucket; write {parts.scheme}://bucket/optional/prefix")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = options.keys() - set(known_options)
    if unknown:
        raise SettingsError(f"{url!r} has unknown options {', '.join(sorted(unknown))}; known: {', '.join(known_options)}")
    return BucketURL(parts.netloc, unquote(parts.path).strip("/"), options)
