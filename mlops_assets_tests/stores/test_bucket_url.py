"""URLs of places in buckets."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.errors import SettingsError
from mlops_assets.stores.objects import open_object_storage
from mlops_assets.stores.objects.bucket_url import BucketURL, parse_bucket_url


@pytest.mark.parametrize(
    ("url", "bucket", "prefix"),
    [
        ("s3://lake", "lake", ""),
        ("s3://lake/", "lake", ""),
        ("s3://lake/a/b", "lake", "a/b"),
        ("s3://lake/a/b/", "lake", "a/b"),
        ("gs://lake/my%20data", "lake", "my data"),
    ],
)
def test_bucket_and_prefix(url: str, bucket: str, prefix: str) -> None:
    """Slashes around a prefix mean nothing."""
    assert parse_bucket_url(url, ()) == BucketURL(bucket, prefix, {})


@given(st.lists(st.text(min_size=1).filter(lambda part: "/" not in part), max_size=3))
def test_any_prefix_can_be_written(parts: list[str]) -> None:
    """Whatever is quoted as URLs quote comes back."""
    prefix = "/".join(parts)
    assert parse_bucket_url(f"s3://lake/{quote(prefix)}", ()).prefix == prefix


def test_options() -> None:
    """Options may hold URLs themselves."""
    url = "s3://lake?endpoint=http://minio:9000&region=eu-west-1"
    assert parse_bucket_url(url, ("endpoint", "region")).options == {"endpoint": "http://minio:9000", "region": "eu-west-1"}


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("s3:///a/b", "'s3:///a/b' names no bucket; write s3://bucket/optional/prefix"),
        ("s3:lake", r"'s3:\*\*\*' is not a URL: two slashes are missing"),
        ("s3://lake:9000", "names a port, which a bucket has not"),
        ("s3://lake?region=a&region=b", "gives the option region more than once"),
        ("s3://lake?endpoint=http://me:hunter2@minio:9000", "an @ stands where it may belong to a password"),
        ("s3://lake?endpoint=http://me:hunter2%40minio:9000", "holds credentials, which belong in the environment"),
        ("gs://", "names no bucket"),
        ("s3://lake?endpiont=http://minio:9000", "unknown options endpiont; known: endpoint, region"),
        ("gs://lake?endpoint=http://minio:9000", "unknown options endpoint; known: project, location"),
        ("s3://lake?endpoint=minio:9000", "cannot connect to S3: .*; write an endpoint like http://minio:9000"),
    ],
)
def test_what_nothing_understands(url: str, complaint: str) -> None:
    """A URL that is not understood fails before anything is read or written, and says what to write instead."""
    with pytest.raises(SettingsError, match=complaint) as raised:
        open_object_storage(url)
    assert "hunter2" not in str(raised.value)


def test_credentials_do_not_belong_in_the_url() -> None:
    """They are refused, and not shown."""
    with pytest.raises(SettingsError, match="holds credentials, which belong in the environment") as raised:
        open_object_storage("s3://key:hunter2@lake")
    assert "hunter2" not in str(raised.value)
