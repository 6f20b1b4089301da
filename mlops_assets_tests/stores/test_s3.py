"""Objects in S3: the contracts of object storages and of the lake, requests, errors, and rules by which objects expire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient

from mlops_assets.errors import StoreAccessError
from mlops_assets.stores.objects import ObjectStorage, open_object_storage, s3
from mlops_assets.stores.objects.ranged import TAIL_BYTES
from mlops_assets.stores.objects.s3 import S3Storage
from mlops_assets.stores.objects.s3_client import connect
from mlops_assets_tests.services.answering_server import answering_server
from mlops_assets_tests.services.buckets import fresh_bucket, fresh_prefix, s3_place
from mlops_assets_tests.stores.lake_contract import LakeContract
from mlops_assets_tests.stores.object_storage_contract import ObjectStorageContract

FOREIGN_RULE = {"ID": "audit", "Filter": {"Prefix": "audit/"}, "Status": "Enabled", "Expiration": {"Days": 365}}


class TestS3Storage(ObjectStorageContract):
    @pytest.fixture
    def storage(self, s3_url: str) -> ObjectStorage:
        storage = open_object_storage(fresh_bucket(s3_url))
        storage.prepare()
        return storage


class TestLakeOverS3(LakeContract):
    @pytest.fixture
    def storage(self, s3_url: str) -> ObjectStorage:
        return open_object_storage(fresh_prefix(s3_url))


@pytest.fixture
def client(s3_url: str) -> BaseClient:
    """Give a client of its own, which a test may listen to."""
    return connect(s3_place(s3_url).options.get("endpoint"))


@pytest.fixture
def storage(client: BaseClient, s3_url: str) -> S3Storage:
    """Give an empty storage below a prefix of a bucket that exists."""
    place = s3_place(fresh_prefix(s3_url))
    return S3Storage(client, place.bucket, place.prefix)


@pytest.fixture
def bucket(client: BaseClient, s3_url: str) -> str:
    """Give a bucket that exists, without any rule."""
    name = s3_place(fresh_bucket(s3_url)).bucket
    client.create_bucket(Bucket=name)
    return name


def requests_of(client: BaseClient) -> list[str]:
    """Return a list to which every request of a client is added, as method and range."""
    requests: list[str] = []

    def note(request: Any, **_: Any) -> None:
        requests.append(f"{request.method} {request.headers.get('Range', b'').decode()}".strip())

    client.meta.events.register("before-send.s3", note)
    return requests


def rules_of(client: BaseClient, bucket: str) -> dict[str, dict[str, Any]]:
    return {rule["ID"]: rule for rule in client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}


def test_server_may_be_named_by_the_environment(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL without an endpoint means the server that boto3's own variable names."""
    place = s3_place(fresh_prefix(s3_url))
    if "endpoint" in place.options:
        monkeypatch.setenv("AWS_ENDPOINT_URL", place.options["endpoint"])
    storage = open_object_storage(f"s3://{place.bucket}/{place.prefix}")
    storage.put("object", b"1")
    assert list(storage.names("")) == ["object"]
    assert storage.uri("object") == f"s3://{place.bucket}/{place.prefix}/object"


def test_folder_markers_are_no_objects(client: BaseClient, storage: S3Storage, s3_url: str) -> None:
    """The console of a bucket makes an object of no bytes for a folder; in our place it is nothing, at any depth."""
    storage.put("a/object", b"1")
    place = s3_place(storage.uri(""))
    for name in ("", "a/", "a/b/"):
        client.put_object(Bucket=place.bucket, Key=f"{place.prefix}/{name}", Body=b"")
    assert list(storage.names("")) == ["a/object"]
    assert list(storage.names("a/")) == ["a/object"]


@pytest.mark.parametrize("size", [0, 1, TAIL_BYTES - 1, TAIL_BYTES])
def test_small_object_is_read_by_one_request(client: BaseClient, storage: S3Storage, size: int) -> None:
    """Opening and reading it cost one request, also at its limits."""
    storage.put("object", b"1" * size)
    requests = requests_of(client)
    with storage.open("object") as file:
        assert file.size() == size
        assert file.read() == b"1" * size
    assert requests == [f"GET bytes=-{TAIL_BYTES}"]


def test_large_object_is_read_by_its_ranges(client: BaseClient, storage: S3Storage) -> None:
    """The end comes with opening it, other places when they are asked for, and one that is both is put together."""
    data = bytes(range(256)) * (3 * TAIL_BYTES // 512)
    storage.put("object", data)
    start_of_tail = len(data) - TAIL_BYTES
    requests = requests_of(client)
    with storage.open("object") as file:
        assert file.size() == len(data)
        file.seek(-10, 2)
        assert file.read(100) == data[-10:]
        file.seek(300)
        assert file.read(5) == data[300:305]
        file.seek(start_of_tail - 2)
        assert file.read(4) == data[start_of_tail - 2 : start_of_tail + 2]
        assert file.tell() == start_of_tail + 2
    assert requests == [
        f"GET bytes=-{TAIL_BYTES}",
        "GET bytes=300-304",
        f"GET bytes={start_of_tail - 2}-{start_of_tail - 1}",
    ]


def test_very_large_object_is_written_in_parts(client: BaseClient, storage: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a limit, which is lowered here, the parts are put together at the end, and the object is the same."""
    monkeypatch.setattr(s3, "_ONE_REQUEST_BYTES", TAIL_BYTES)
    data = bytes(range(256)) * (20_000_000 // 256)
    requests = requests_of(client)
    storage.put("object", data)
    assert requests == ["POST", "PUT", "PUT", "POST"]
    with storage.open("object") as file:
        assert file.read() == data


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
def test_missing_bucket(s3_url: str, operation: Callable[[ObjectStorage], object]) -> None:
    """A bucket that does not exist is no empty bucket; the error says how to make it."""
    storage = open_object_storage(fresh_bucket(s3_url))
    with pytest.raises(StoreAccessError) as raised:
        operation(storage)
    assert str(raised.value) == f"{storage.uri('object')}: the bucket does not exist; create it: mlops-assets prepare"


def test_missing_credentials(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials nothing is asked, and the error names the variables to set."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    storage = S3Storage(connect(s3_place(s3_url).options.get("endpoint")), "bucket")
    with pytest.raises(StoreAccessError, match=r"^s3://bucket/object: .*; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY$"):
        storage.put("object", b"1")


@pytest.mark.parametrize(
    ("status", "answer", "complaint"),
    [
        (301, "<html>to https, please</html>", "the server redirects every request; check the endpoint: http or https?"),
        (
            507,
            "<Error><Code>XMinioStorageFull</Code></Error>",
            "XMinioStorageFull; the storage is full: free space, or raise the quota",
        ),
        (403, "<Error><Code>RequestTimeTooSkewed</Code></Error>", "RequestTimeTooSkewed; set the clock of this machine right"),
        (400, "<html>what?</html>", "400"),
    ],
)
@pytest.mark.usefixtures("s3_url")
def test_what_needs_a_person(status: int, answer: str, complaint: str) -> None:
    """Answers that time does not change say what to do; what is not understood says what was answered."""
    with answering_server(status, answer, "application/xml") as address:
        storage = S3Storage(connect(address), "bucket")
        with pytest.raises(StoreAccessError) as raised:
            storage.put("object", b"1")
    assert str(raised.value) == f"s3://bucket/object: {complaint}"


def test_health_check_tells_the_server_and_its_clock(storage: S3Storage) -> None:
    """What answers is named by its headers."""
    health = storage.check_health()
    assert health.version.startswith("S3 (")
    assert health.clock_at is not None
    assert health.clock_at.utcoffset() is not None


def test_only_the_named_folders_expire(client: BaseClient, bucket: str) -> None:
    """A rule is for one folder below the prefix, with its slash: `weather/scratch_of_others` is another folder."""
    S3Storage(client, bucket, "lake").prepare(["weather/scratch"], days=60)
    rules = rules_of(client, bucket)
    assert rules.keys() == {"mlops-assets-expire-lake/:weather/scratch/", "mlops-assets-abort-uploads-lake/:"}
    expiry = rules["mlops-assets-expire-lake/:weather/scratch/"]
    assert (expiry["Filter"], expiry["Expiration"]["Days"]) == ({"Prefix": "lake/weather/scratch/"}, 60)
    assert "Expiration" not in rules["mlops-assets-abort-uploads-lake/:"]


def test_rules_of_others_stay(client: BaseClient, bucket: str) -> None:
    """Other people's rules, and those of another lake in the bucket, are kept as they are."""
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [FOREIGN_RULE]})
    S3Storage(client, bucket, "other").prepare(["weather/scratch"], days=7)
    before = rules_of(client, bucket)
    S3Storage(client, bucket).prepare(["weather/scratch"])
    assert before.items() <= rules_of(client, bucket).items()
    assert before["audit"] == FOREIGN_RULE


def test_preparing_again_changes_nothing(client: BaseClient, bucket: str) -> None:
    """The rules are those that the last call asks for, however often it is made."""
    storage = S3Storage(client, bucket)
    storage.prepare(["a", "b"], days=30)
    once = rules_of(client, bucket)
    storage.prepare(["a", "b"], days=30)
    assert rules_of(client, bucket) == once
    storage.prepare(["a"], days=60)
    again = rules_of(client, bucket)
    assert again.keys() == {"mlops-assets-expire-:a/", "mlops-assets-abort-uploads-:"}
    assert again["mlops-assets-expire-:a/"]["Expiration"]["Days"] == 60


def test_server_that_cannot_abort_uploads(client: BaseClient, bucket: str) -> None:
    """MinIO refuses rules that only abort uploads; objects expire there all the same."""

    def refuse(request: Any, **_: Any) -> AWSResponse | None:
        if request.method != "PUT" or b"AbortIncompleteMultipartUpload" not in request.body:
            return None
        answer = AWSResponse(request.url, 400, {}, None)
        answer._content = b"<Error><Code>MalformedXML</Code></Error>"
        return answer

    client.meta.events.register("before-send.s3.PutBucketLifecycleConfiguration", refuse)
    S3Storage(client, bucket).prepare(["a"])
    assert rules_of(client, bucket).keys() == {"mlops-assets-expire-:a/"}
