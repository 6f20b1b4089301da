"""Objects in Google Cloud Storage when the network or the server fails."""

from __future__ import annotations

import json
import os

import pytest

from mlops_assets.stores.objects import ObjectStorage, open_object_storage
from mlops_assets.stores.objects.bucket_url import parse_bucket_url
from mlops_assets.stores.objects.gcs import GCSStorage
from mlops_assets.stores.objects.gcs_client import Patience
from mlops_assets.stores.objects.gcs_client import connect as connect_gcs
from mlops_assets_tests.services.buckets import fresh_prefix
from mlops_assets_tests.services.faulty_proxy import FaultyProxy
from mlops_assets_tests.stores.object_faults_contract import ClientFaultsContract, Connect, ServerFaultsContract

IMPATIENT = Patience(connect_seconds=1, read_seconds=1, retry_seconds=2.5)


def error_document(status: int, reason: str) -> str:
    error = {"code": status, "message": "Later.", "errors": [{"domain": "usageLimits", "reason": reason, "message": "Later."}]}
    return json.dumps({"error": error})


class TestFaultsOfGCS(ServerFaultsContract, ClientFaultsContract):
    BUSY = (
        (503, error_document(503, "backendError"), "application/json"),
        (429, error_document(429, "rateLimitExceeded"), "application/json"),
        (403, error_document(403, "rateLimitExceeded"), "application/json"),
        (502, "<html>bad gateway</html>", "text/html"),
    )

    @pytest.fixture
    def url(self, gcs_url: str) -> str:
        return fresh_prefix(gcs_url)

    @pytest.fixture
    def server(self, url: str) -> str:
        emulator = os.environ.get("STORAGE_EMULATOR_HOST")
        if emulator is None:
            pytest.skip("no proxy can stand before Google's own service")
        return emulator

    @pytest.fixture
    def direct(self, url: str) -> ObjectStorage:
        return open_object_storage(url)

    @pytest.fixture
    def connect(self, url: str) -> Connect:
        place = parse_bucket_url(url, ())

        def connect(address: str) -> ObjectStorage:
            return GCSStorage(connect_gcs(address), place.bucket, place.prefix, IMPATIENT)

        return connect

    @pytest.fixture
    def url_behind_proxy(self, url: str, proxy: FaultyProxy, direct: ObjectStorage, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{proxy.address}")
        return url
