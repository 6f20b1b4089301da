"""Places for the objects of one test, on any server of objects. A server named by the environment must be there for tests alone."""

from __future__ import annotations

import uuid
from urllib.parse import urlsplit, urlunsplit

from mlops_assets.stores.objects.bucket_url import BucketURL, parse_bucket_url

BUCKET = "mlops-assets-tests"


def fresh_prefix(url: str) -> str:
    """Return the URL of a prefix below which nothing is, in the bucket of `url`."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path}/{uuid.uuid4().hex}"))


def fresh_bucket(url: str) -> str:
    """Return the URL of a bucket that does not exist, on the server of `url`."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{BUCKET}-{uuid.uuid4().hex}", path=""))


def s3_place(url: str) -> BucketURL:
    """Return the parts of a URL of S3."""
    return parse_bucket_url(url, ("endpoint", "region"))
