"""Objects in S3 when the network or the server fails."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from mlops_assets.stores.objects import ObjectStorage, open_object_storage
from mlops_assets.stores.objects.s3 import S3Storage
from mlops_assets.stores.objects.s3_client import connect as connect_s3
from mlops_assets_tests.services.buckets import fresh_prefix, s3_place
from mlops_assets_tests.services.faulty_proxy import FaultyProxy
from mlops_assets_tests.stores.object_faults_contract import ClientFaultsContract, Connect, Places, ServerFaultsContract


def error_document(code: str) -> str:
    return f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>Later.</Message></Error>"


class S3Places(Places):
    @pytest.fixture
    def url(self) -> str:
        """Give the URL of an empty place."""
        raise NotImplementedError

    @pytest.fixture
    def server(self, url: str) -> str:
        endpoint = s3_place(url).options.get("endpoint")
        if endpoint is None:
            pytest.skip("no proxy can stand before a server whose URL names no endpoint")
        return endpoint

    @pytest.fixture
    def direct(self, url: str) -> ObjectStorage:
        return open_object_storage(url)

    @pytest.fixture
    def connect(self, url: str) -> Connect:
        place = s3_place(url)

        def connect(address: str) -> ObjectStorage:
            client = connect_s3(address, connect_seconds=1, read_seconds=1, attempts=2)
            return S3Storage(client, place.bucket, place.prefix)

        return connect

    @pytest.fixture
    def url_behind_proxy(self, url: str, proxy: FaultyProxy) -> str:
        return urlsplit(url)._replace(query=f"endpoint=http://{proxy.address}").geturl()


class TestFaultsOfS3(S3Places, ServerFaultsContract, ClientFaultsContract):
    BUSY = (
        (503, error_document("SlowDown"), "application/xml"),
        (429, error_document("TooManyRequests"), "application/xml"),
        (500, error_document("InternalError"), "application/xml"),
        (502, "<html>bad gateway</html>", "text/html"),
    )

    @pytest.fixture
    def url(self, s3_url: str) -> str:
        return fresh_prefix(s3_url)


@pytest.mark.services
class TestFaultsOfCeph(S3Places, ServerFaultsContract):
    @pytest.fixture
    def url(self, ceph_url: str) -> str:
        return fresh_prefix(ceph_url)
