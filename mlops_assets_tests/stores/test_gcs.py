"""Objects in Google Cloud Storage: the contracts of object storages and of the lake, errors, and rules by which objects expire."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from google.cloud.storage import Client

from mlops_assets.errors import StoreAccessError
from mlops_assets.stores.objects import ObjectStorage, open_object_storage
from mlops_assets.stores.objects.bucket_url import parse_bucket_url
from mlops_assets.stores.objects.gcs import GCSStorage
from mlops_assets.stores.objects.gcs_client import connect
from mlops_assets.stores.objects.ranged import TAIL_BYTES
from mlops_assets_tests.services.buckets import fresh_bucket, fresh_prefix
from mlops_assets_tests.stores.lake_contract import LakeContract
from mlops_assets_tests.stores.object_storage_contract import ObjectStorageContract

FOREIGN_RULE = {"action": {"type": "Delete"}, "condition": {"age": 365, "matchesPrefix": ["audit/"]}}


class TestGCSStorage(ObjectStorageContract):
    @pytest.fixture
    def storage(self, gcs_url: str) -> ObjectStorage:
        storage = open_object_storage(fresh_bucket(gcs_url))
        storage.prepare()
        return storage


class TestLakeOverGCS(LakeContract):
    @pytest.fixture
    def storage(self, gcs_url: str) -> ObjectStorage:
        return open_object_storage(fresh_prefix(gcs_url))


@pytest.fixture
def client(gcs_url: str) -> Client:
    return connect(os.environ.get("STORAGE_EMULATOR_HOST"))


@pytest.fixture
def bucket(client: Client, gcs_url: str) -> str:
    """Give a bucket that exists, without any rule."""
    name = parse_bucket_url(fresh_bucket(gcs_url), ()).bucket
    client.create_bucket(name)
    return name


def rules_of(client: Client, bucket: str) -> list[dict[str, Any]]:
    return [dict(rule) for rule in client.get_bucket(bucket).lifecycle_rules]


def test_folder_markers_are_no_objects(client: Client, gcs_url: str) -> None:
    """The console of a bucket makes an object of no bytes for a folder; in our place it is nothing, at any depth."""
    url = fresh_prefix(gcs_url)
    storage, place = open_object_storage(url), parse_bucket_url(url, ("project", "location"))
    storage.put("a/object", b"1")
    for name in ("", "a/", "a/b/"):
        client.bucket(place.bucket).blob(f"{place.prefix}/{name}").upload_from_string(b"")
    assert list(storage.names("")) == ["a/object"]
    assert list(storage.names("a/")) == ["a/object"]


@pytest.mark.parametrize("size", [0, 1, TAIL_BYTES - 1, TAIL_BYTES, TAIL_BYTES + 1, 3 * TAIL_BYTES])
def test_object_of_any_size_comes_back(gcs_url: str, size: int) -> None:
    """Also where the end of an object is all of it, or nearly."""
    storage = open_object_storage(fresh_prefix(gcs_url))
    data = (bytes(range(256)) * (size // 256 + 1))[:size]
    storage.put("object", data)
    with storage.open("object") as file:
        assert file.size() == size
        assert file.read() == data
        file.seek(size // 3)
        assert file.read(100) == data[size // 3 : size // 3 + 100]


@pytest.mark.parametrize(
    "operation",
    [
        lambda storage: storage.put("object", b"1"),
        lambda storage: storage.open("object"),
        lambda storage: storage.exists("object"),
        lambda storage: storage.delete("object"),
        lambda storage: list(storage.names("object")),
    ],
    ids=["put", "open", "exists", "delete", "names"],
)
def test_missing_bucket(gcs_url: str, operation: Callable[[ObjectStorage], object]) -> None:
    """A bucket that does not exist is no empty bucket; the error says how to make it."""
    storage = open_object_storage(fresh_bucket(gcs_url))
    with pytest.raises(StoreAccessError) as raised:
        operation(storage)
    assert str(raised.value) == f"{storage.uri('object')}: the bucket does not exist; create it: mlops-assets prepare"


def test_missing_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials for Google nothing is opened, and the error says how to give some."""
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    with pytest.raises(StoreAccessError, match=r"/nowhere.json.*; set GOOGLE_APPLICATION_CREDENTIALS or run gcloud auth"):
        connect()


def test_health_check_tells_the_server_and_its_clock(gcs_url: str) -> None:
    """What answers is named by its address."""
    health = open_object_storage(gcs_url).check_health()
    assert health.version.startswith("Google Cloud Storage at http")
    assert health.clock_at is not None
    assert health.clock_at.utcoffset() is not None


def test_only_the_named_folders_expire(client: Client, bucket: str) -> None:
    """A rule is for one folder below the prefix, with its slash: `weather/scratch_of_others` is another folder."""
    GCSStorage(client, bucket, "lake").prepare(["weather/scratch"], days=60)
    assert rules_of(client, bucket) == [
        {"action": {"type": "Delete"}, "condition": {"age": 60, "matchesPrefix": ["lake/weather/scratch/"]}}
    ]


def test_rules_of_others_stay(client: Client, bucket: str) -> None:
    """Only a rule for one of the folders is replaced."""
    about = client.get_bucket(bucket)
    about.lifecycle_rules = [FOREIGN_RULE]
    about.patch()
    GCSStorage(client, bucket).prepare(["scratch"], days=60)
    GCSStorage(client, bucket).prepare(["scratch"], days=30)
    assert rules_of(client, bucket) == [
        FOREIGN_RULE,
        {"action": {"type": "Delete"}, "condition": {"age": 30, "matchesPrefix": ["scratch/"]}},
    ]


def test_preparing_again_changes_nothing(client: Client, bucket: str) -> None:
    """A bucket that is as it should be is not even written to."""
    GCSStorage(client, bucket).prepare(["a", "b"])
    version = client.get_bucket(bucket).metageneration
    GCSStorage(client, bucket).prepare(["a", "b"])
    assert client.get_bucket(bucket).metageneration == version
