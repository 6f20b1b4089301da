"""Documents in MongoDB: their contract, and a server that is away, silent, or refuses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import dns.exception
import pytest
from pymongo import MongoClient
from pymongo.errors import ConfigurationError, DocumentTooLarge

from mlops_assets.errors import ContractError, PermanentError, PlatformError, SettingsError, StoreAccessError, StoreUnavailableError
from mlops_assets.stores.documents import WriteCounts, open_documents
from mlops_assets.stores.documents.mongodb import MongoDocuments
from mlops_assets.stores.documents.mongodb_client import open_client, platform_errors
from mlops_assets_tests.documents import MESSAGES, message
from mlops_assets_tests.services.base import free_port
from mlops_assets_tests.services.faulty_proxy import FaultyProxy, faulty_proxy
from mlops_assets_tests.services.mongodb import own_database
from mlops_assets_tests.services.refusing_mongodb import refusing_mongodb
from mlops_assets_tests.stores.documents_contract import DocumentStoreContract


class TestMongoDocuments(DocumentStoreContract):
    @pytest.fixture
    def documents_url(self, mongodb_url: str) -> Iterator[str]:
        with own_database(mongodb_url) as url:
            yield url


@pytest.fixture
def url(mongodb_url: str) -> Iterator[str]:
    """Give the URL of an empty database."""
    with own_database(mongodb_url) as url:
        yield url


@pytest.fixture
def proxy(url: str) -> Iterator[FaultyProxy]:
    """Give a road to the server."""
    address = urlsplit(url)
    with faulty_proxy(address.hostname or "", address.port or 27017) as proxy:
        yield proxy


def by_way_of(proxy: FaultyProxy, url: str) -> MongoDocuments:
    """Return the store as it is seen through a proxy, by an impatient user."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    query = "&".join(filter(None, [parts.query, "directConnection=true"]))
    proxied = urlunsplit(parts._replace(netloc=f"{user}{at}{proxy.address}", query=query))
    return MongoDocuments(proxied, connect_seconds=1, answer_seconds=1, documents_per_batch=50)


def test_documents_of_many_batches_are_all_written(url: str) -> None:
    """The counts are those of all batches together."""
    store = MongoDocuments(url, documents_per_batch=3)
    assert store.upsert(MESSAGES, [message(f"m{number}") for number in range(7)]) == WriteCounts(new=7)
    assert store.upsert(MESSAGES, [message(f"m{number}", number // 9) for number in range(10)]) == WriteCounts(3, 0, 7)
    assert store.update(MESSAGES, [{"message_id": f"m{number}", "score": 1} for number in range(5, 12)]) == WriteCounts(0, 5, 0, 2)
    assert len(store.fetch(MESSAGES, [f"m{number}" for number in range(12)])) == 10


def test_other_tools_see_ordinary_documents(url: str) -> None:
    """A collection has the contract's name, documents its fields, `_id` the id; indexes begin with what reads go by."""
    open_documents(url).upsert(MESSAGES, [message("m1")])
    with MongoClient[dict[str, Any]](url, tz_aware=True) as client:
        collection = client.get_default_database()["chat.messages"]
        assert collection.find_one() == {"_id": "m1", **message("m1"), "state": "landed", "attempts": 0}
        indexes = {tuple(field for field, _ in index["key"]) for index in collection.index_information().values()}
    assert indexes >= {("_id",), ("sent_at", "message_id"), ("state", "sent_at", "message_id"), ("user_id", "sent_at")}


def test_health_check_knows_the_servers_clock(url: str) -> None:
    """The time is the server's, in UTC; nothing is left behind."""
    health = open_documents(url).check_health()
    assert health.version.startswith("MongoDB ")
    assert health.clock_at is not None
    assert health.clock_at.tzinfo is timezone.utc
    assert abs(health.clock_at - datetime.now(timezone.utc)) < timedelta(minutes=5)
    with MongoClient[dict[str, Any]](url) as client:
        assert client.get_default_database().list_collection_names() == []


def test_server_that_is_away_is_transient_and_soon_known() -> None:
    """A refused connection may be accepted later; nobody waits long to hear of it."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError, match=r"mongodb://127\.0\.0\.1:\d+/mlops_assets cannot be reached"):
        MongoDocuments(f"mongodb://127.0.0.1:{free_port()}", connect_seconds=0.3).upsert(MESSAGES, [message("m1")])
    assert time.monotonic() - began < 5


def test_store_works_again_when_its_server_does(url: str, proxy: FaultyProxy) -> None:
    """The same store object outlives a server that was restarted."""
    store = by_way_of(proxy, url)
    store.upsert(MESSAGES, [message("m1")])
    proxy.refuse()
    with pytest.raises(StoreUnavailableError):
        store.read(MESSAGES)
    proxy.heal()
    assert len(store.read(MESSAGES)) == 1


def test_connection_lost_in_mid_write_is_completed_by_the_same_call(url: str, proxy: FaultyProxy) -> None:
    """Some batches arrive, some do not; written again, all are there once, and what others wrote meanwhile is kept."""
    store, documents = by_way_of(proxy, url), [message(f"m{number:03}") for number in range(500)]
    store.check_health()
    proxy.drop_after(bytes_to_server=60_000)
    with pytest.raises(StoreUnavailableError, match="cannot be reached or is too busy"):
        store.upsert(MESSAGES, documents)
    proxy.heal()
    arrived = len(store.read(MESSAGES))
    assert 0 < arrived < 500
    store.update(MESSAGES, [{"message_id": "m000", "state": "scored"}])
    assert store.upsert(MESSAGES, documents) == WriteCounts(new=500 - arrived, same=arrived)
    assert store.count_by_state(MESSAGES) == {"landed": 499, "scored": 1, "failed": 0}


def test_silent_server_is_transient(url: str, proxy: FaultyProxy) -> None:
    """Whoever does not answer is not waited for beyond the patience that was asked for."""
    store = by_way_of(proxy, url)
    store.upsert(MESSAGES, [message("m1")])
    proxy.black_hole()
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        store.read(MESSAGES)
    assert time.monotonic() - began < 10


def _complaint(code: int, text: str = "no") -> dict[str, Any]:
    return {"ok": 0, "code": code, "errmsg": text}


def _write_error(code: int) -> dict[str, Any]:
    return {"ok": 1, "n": 0, "nModified": 0, "writeErrors": [{"index": 0, "code": code, "errmsg": "no"}]}


@pytest.mark.parametrize(
    ("command", "answer", "expected"),
    [
        pytest.param("saslStart", _complaint(18), StoreAccessError, id="wrong password"),
        pytest.param("createIndexes", _complaint(13), StoreAccessError, id="no permission"),
        pytest.param("update", _complaint(14031), StoreAccessError, id="full disk"),
        pytest.param("update", _complaint(8000), StoreAccessError, id="quota of MongoDB's cloud"),
        pytest.param("update", _complaint(10107, "not primary"), StoreUnavailableError, id="not the primary"),
        pytest.param("update", _complaint(91), StoreUnavailableError, id="shutting down"),
        pytest.param("update", _complaint(462), StoreUnavailableError, id="too many requests"),
        pytest.param(
            "update", _complaint(1) | {"errorLabels": ["SystemOverloadedError"]}, StoreUnavailableError, id="too much to do"
        ),
        pytest.param("update", _write_error(16500), StoreUnavailableError, id="throttled"),
        pytest.param("update", _write_error(11000), StoreUnavailableError, id="two made the same document"),
        pytest.param(
            "update",
            {"ok": 1, "n": 1, "nModified": 1, "writeConcernError": {"code": 64, "errmsg": "no", "errInfo": {"wtimeout": True}}},
            StoreUnavailableError,
            id="not replicated in time",
        ),
        pytest.param("update", _write_error(121), PermanentError, id="refused by a rule of the collection"),
        pytest.param("update", _write_error(17419), ContractError, id="document too large after an update"),
        pytest.param("update", _complaint(10334), ContractError, id="document too large"),
        pytest.param("createIndexes", _complaint(86), PermanentError, id="index of the same name"),
    ],
)
def test_refusal_is_sorted_by_whether_time_cures_it(command: str, answer: dict[str, Any], expected: type[PlatformError]) -> None:
    """The error says what the server said, but neither the password nor what stands in documents."""
    with refusing_mongodb({command: answer}) as address:
        user = "user:secret@" if command == "saslStart" else ""
        store = MongoDocuments(f"mongodb://{user}{address}/chat", connect_seconds=2)
        with pytest.raises(PlatformError, match=rf"document store mongodb://{address}/chat .*no.*") as raised:
            store.upsert(MESSAGES, [message("m1")])
    assert raised.type is expected
    assert "secret" not in str(raised.value)
    assert "Hola" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://user:pa/ss-secret@server/chat",
        "mongodb://user:pa@ss-secret@server/chat",
        "mongodb://user:pass-secret@server:port/chat",
        "mongodb://user:pass-secret@/chat",
    ],
)
def test_url_that_cannot_be_read_is_not_repeated(url: str) -> None:
    """A password that was not encoded looks like something else; so nothing of the URL is shown."""
    with pytest.raises(
        SettingsError, match=r"the URL of the MongoDB document store cannot be read|'mongodb:\*\*\*' is not"
    ) as raised:
        open_documents(url).read(MESSAGES)
    assert "ss-secret" not in str(raised.value)


@pytest.mark.parametrize(
    "option", ["conectTimeoutMS=1", "tls=maybe", "maxPoolSize=many", "appname=a&appname=b", "authMechanism=NONE"]
)
def test_option_that_cannot_be_used_is_refused(option: str) -> None:
    """Pymongo would only warn, and connect without it: a misspelled `tls` would send everything in the clear."""
    with pytest.raises(SettingsError, match="has an option that cannot be used: "):
        open_documents(f"mongodb://user:hunter2@server/chat?{option}").read(MESSAGES)


def test_file_that_is_not_there_is_a_matter_of_settings() -> None:
    """The sentence names it."""
    with pytest.raises(SettingsError, match=r"names cannot be read: .*/no/such/file"):
        open_documents("mongodb://server/chat?tls=true&tlsCAFile=/no/such/file").read(MESSAGES)


def test_database_of_an_impossible_name_is_a_matter_of_settings() -> None:
    """It will never exist."""
    with pytest.raises(SettingsError):
        open_documents("mongodb://server/a.b").read(MESSAGES)


def test_document_beyond_a_message_is_refused() -> None:
    """The client itself refuses what no message can carry; trying again would not make it less."""
    with pytest.raises(ContractError, match="document store here takes no document as large"), platform_errors("here"):
        raise DocumentTooLarge("BSON document too large")


@pytest.mark.parametrize(("cause", "expected"), [(dns.exception.Timeout(), StoreUnavailableError), (None, SettingsError)])
def test_servers_that_cannot_be_looked_up(cause: Exception | None, expected: type[PlatformError]) -> None:
    """Behind `mongodb+srv` stands a name service: it may be down for a while, or not know the name."""
    with pytest.raises(expected, match=r"mongodb\+srv://cluster/chat"), platform_errors("mongodb+srv://cluster/chat"):
        raise ConfigurationError("cannot look it up") from cause


def test_location_shows_no_secrets() -> None:
    """People see server, database and collection; neither user nor options."""
    url = "mongodb+srv://user:secret@cluster.example/chat%20room?tlsCertificateKeyFilePassword=secret"
    assert open_documents(url).location(MESSAGES) == "mongodb+srv://cluster.example/chat room: chat.messages"
    assert open_documents("mongodb://a:1,b:2").location(MESSAGES) == "mongodb://a:1,b:2/mlops_assets: chat.messages"


def test_options_of_the_url_win(url: str) -> None:
    """A deployment may be more patient than the code."""
    patient = url + ("&" if "?" in url else "?") + "serverselectiontimeoutms=1234&socketTimeoutMS=4321"
    options = open_client(patient, 5, 60).options
    assert options.server_selection_timeout == 1.234
    assert options.pool_options.socket_timeout == 4.321
    assert options.pool_options.connect_timeout == 5
