"""Objects in Ceph, which speaks the protocol of S3: the contracts, credentials and permissions, and objects that do expire."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mlops_assets.errors import StoreAccessError
from mlops_assets.stores.objects import ObjectStorage, open_object_storage
from mlops_assets.stores.objects.s3 import S3Storage
from mlops_assets.stores.objects.s3_client import connect
from mlops_assets_tests.services.buckets import fresh_bucket, fresh_prefix, s3_place
from mlops_assets_tests.services.s3_ceph import STRANGER, let_objects_expire
from mlops_assets_tests.stores.lake_contract import LakeContract
from mlops_assets_tests.stores.object_storage_contract import ObjectStorageContract

pytestmark = pytest.mark.services

OPERATIONS: list[Any] = [
    lambda storage: storage.put("object", b"1"),
    lambda storage: storage.open("object"),
    lambda storage: storage.exists("object"),
    lambda storage: list(storage.names("")),
    lambda storage: storage.prepare(["a"]),
    lambda storage: storage.check_health(),
]


class TestCephStorage(ObjectStorageContract):
    @pytest.fixture
    def storage(self, ceph_url: str) -> ObjectStorage:
        return open_object_storage(fresh_prefix(ceph_url))


class TestLakeOverCeph(LakeContract):
    @pytest.fixture
    def storage(self, ceph_url: str) -> ObjectStorage:
        return open_object_storage(fresh_prefix(ceph_url))


def storage_as(url: str, credentials: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> S3Storage:
    """Return the same place as others see it."""
    for name, value in credentials.items():
        monkeypatch.setenv(name, value)
    place = s3_place(url)
    return S3Storage(connect(place.options["endpoint"]), place.bucket, place.prefix)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    "credentials", [{"AWS_ACCESS_KEY_ID": "nobody"}, {"AWS_SECRET_ACCESS_KEY": "wrong-secret"}, STRANGER], ids=str
)
def test_wrong_credentials(ceph_url: str, credentials: dict[str, str], operation: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may not do something learns so at once, with the place and without the secret."""
    storage = storage_as(ceph_url, credentials, monkeypatch)
    with pytest.raises(StoreAccessError, match=r"^s3://mlops-assets-tests.*; check ") as raised:
        operation(storage)
    assert not any(secret in str(raised.value) for secret in ("testtest", "wrong-secret", "strangers-secret"))


def test_wrong_key_is_named(ceph_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which variables to look at."""
    storage = storage_as(ceph_url, {"AWS_SECRET_ACCESS_KEY": "wrong-secret"}, monkeypatch)
    with pytest.raises(StoreAccessError, match=r"SignatureDoesNotMatch; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY$"):
        storage.put("object", b"1")


def test_version_names_ceph(ceph_url: str) -> None:
    """The server is recognized although it does not say its name."""
    assert open_object_storage(ceph_url).check_health().version == "S3 (Ceph)"


def test_objects_expire_below_the_named_folder_alone(ceph_url: str) -> None:
    """After its days, which are seconds here, an object is gone; its neighbours stay."""
    storage = open_object_storage(fresh_bucket(ceph_url))
    storage.prepare(["weather/scratch"], days=2)
    names = ["weather/readings", "weather/scratch/a", "weather/scratch/b", "weather/scratch_of_others"]
    for name in names:
        storage.put(name, b"1")
    time.sleep(2.5)
    let_objects_expire()
    assert list(storage.names("")) == ["weather/readings", "weather/scratch_of_others"]
