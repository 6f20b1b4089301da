"""The live source against a real HTTP server on this machine."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from sodapy import Socrata

from mlops_assets.chicago_crimes.crimes.parsing import parse_crimes, parse_stations
from mlops_assets.chicago_crimes.sources.base import PORTAL_FIELDS, STATION_FIELDS
from mlops_assets.chicago_crimes.sources.landing import LandedPages
from mlops_assets.chicago_crimes.sources.live import LiveCrimeSource, open_portal
from mlops_assets.errors import NotEnoughDataError, SettingsError, SourceError, TransientError
from mlops_assets.http import RetryPolicy
from mlops_assets.months import Month
from mlops_assets.stores.landing import open_landing
from mlops_assets_tests.chicago_crimes.portal_records import crime, station
from mlops_assets_tests.chicago_crimes.portal_server import Fault, PortalServer
from mlops_assets_tests.shared_data import shared_data

JANUARY, FEBRUARY = Month(2018, 1), Month(2018, 2)
REQUESTED_AT = datetime(2018, 3, 1, 12, tzinfo=timezone.utc)
TOKEN = "secret-app-token"


def portal_crime(crime_id: int, **fields: Any) -> dict[str, Any]:
    """Return a crime as the web API gives it: ISO times, JSON flags, nothing for what is missing."""
    record = crime(id=str(crime_id), date="2018-01-15T23:53:00.000", updated_on="2018-02-10T15:50:01.000")
    return {**record, "arrest": False, "domestic": True, **fields}


@pytest.fixture
def portal() -> Iterator[PortalServer]:
    crimes = [portal_crime(number) for number in range(1, 8)]
    crimes.append(portal_crime(8, date="2018-02-01T00:00:00.000"))
    with PortalServer(crimes, [station(), station(district="Headquarters", address=None)]) as server:
        yield server


@pytest.fixture
def client(portal: PortalServer) -> Iterator[Socrata]:
    with open_portal(portal.url, TOKEN, timeout_seconds=0.4, most_seconds=0.6, most_bytes=2_000_000) as client:
        yield client


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def pages(tmp_path: Path) -> LandedPages:
    return LandedPages(open_landing(f"file:{tmp_path}/lake", ("chicago_crimes", "portal_pages")), lambda: REQUESTED_AT)


@pytest.fixture
def source(client: Socrata, pages: LandedPages, waits: list[float]) -> LiveCrimeSource:
    retries = RetryPolicy(attempts=4, longest_asked_seconds=900, sleep=waits.append)
    return LiveCrimeSource(client, pages, page_rows=3, retries=retries)


def test_month_is_read_page_by_page(portal: PortalServer, source: LiveCrimeSource) -> None:
    """All records of the month arrive, in the portal's order, by pages and local times."""
    table = source.read_month(JANUARY).table
    assert table["id"].to_pylist() == ["1", "2", "3", "4", "5", "6", "7"]
    assert [query.get("$offset") for query in portal.queries] == [None, "0", "3", "6"]
    assert {query["$where"] for query in portal.queries} == {"date >= '2018-01-01T00:00:00' and date < '2018-02-01T00:00:00'"}
    assert portal.queries[1]["$order"] == ":id"
    assert portal.queries[1]["$select"] == ",".join(PORTAL_FIELDS)


def test_records_become_text(portal: PortalServer, source: LiveCrimeSource) -> None:
    """JSON flags and numbers become text, a field that is left out becomes null, and the parser reads the result."""
    portal.crimes = [portal_crime(1, arrest=True, ward=None, x_coordinate=1176352)]
    records = source.read_month(JANUARY)
    row = records.table.to_pylist()[0]
    assert (row["arrest"], row["domestic"], row["ward"], row["x_coordinate"]) == ("true", "true", None, "1176352")
    assert row["source_name"] == f"{portal.url}/d/ijzp-q8t2"
    assert len(parse_crimes(records, JANUARY).crimes) == 1


def test_app_token_is_sent_as_header_only(portal: PortalServer, source: LiveCrimeSource) -> None:
    """The token raises the rate limit and is nowhere in an address."""
    source.read_month(JANUARY)
    assert {headers["X-App-token"] for headers in portal.headers} == {TOKEN}
    assert TOKEN not in str(portal.queries)
    assert TOKEN not in source.describe()


@pytest.mark.parametrize("fault", ["too_many", "error", "drop", "hang", "html", "empty", "truncated", "object", "drip"])
def test_passing_fault_is_retried(portal: PortalServer, source: LiveCrimeSource, waits: list[float], fault: Fault) -> None:
    """Whatever may pass is tried again, on the count as well as on a page, and the result is the same."""
    portal.faults.extend([fault, "none", "none", fault])
    assert source.read_month(JANUARY).table.num_rows == 7
    assert len(waits) == 2


def test_waits_double_and_keep_what_the_portal_asks(portal: PortalServer, source: LiveCrimeSource, waits: list[float]) -> None:
    """The first waits are near 2, 4 and 8 seconds, jitter included; Retry-After lengthens them, in seconds or as a moment."""
    portal.faults.extend(["error", "error", "error"])
    source.read_month(JANUARY)
    assert [low <= wait <= 3 * low for wait, low in zip(waits, [1, 2, 4], strict=True)] == [True] * 3
    waits.clear()
    portal.faults.extend(["too_many", "too_many_until"])
    source.read_month(JANUARY)
    assert waits == [7.0, 45.0]


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("too_many", TransientError, "failed 4 times, the last time with: 429 Client Error"),
        ("error", TransientError, "failed 4 times, the last time with: 503 Server Error"),
        ("drop", TransientError, "failed 4 times, the last time with: .*Connection"),
        ("hang", TransientError, "failed 4 times, the last time with: .*[Tt]imed? ?out"),
        ("truncated", TransientError, "the answer is not complete JSON, 4 times"),
        ("object", TransientError, "the answer is not a list of records, 4 times"),
        ("html", SourceError, "the answer is not JSON but text/html; charset=utf-8, 4 times; is this the right address"),
        ("drip", TransientError, r"the answer is not complete after 0\.6 seconds, 4 times"),
        ("large", SourceError, "the answer is larger than 2000000 bytes; is this the right address"),
        ("forbidden", SourceError, r"access is refused \(403 Client Error.*a token or password may be wrong"),
        ("bad_query", SourceError, "the request is refused: 400 Client Error"),
    ],
)
def test_lasting_fault_is_the_right_error(
    portal: PortalServer,
    source: LiveCrimeSource,
    waits: list[float],
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    error: type[Exception],
    message: str,
) -> None:
    """What time may cure is transient, the rest permanent and not repeated; the token is in no message, cause or log."""
    caplog.set_level(logging.DEBUG)
    portal.every_fault = fault
    with pytest.raises(error, match=f"crimes of 2018-01: dataset ijzp-q8t2 at {portal.url}: {message}") as caught:
        source.read_month(JANUARY)
    assert len(waits) == (0 if fault in ("forbidden", "bad_query", "large") else 3)
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert TOKEN not in caplog.text


def test_short_page_is_completed(portal: PortalServer, source: LiveCrimeSource) -> None:
    """A page with fewer records than asked for is not taken for the last one."""
    portal.faults.extend(["none", "short"])
    assert source.read_month(JANUARY).table["id"].to_pylist() == ["1", "2", "3", "4", "5", "6", "7"]


def test_count_that_differs_is_tried_once_more(
    portal: PortalServer, source: LiveCrimeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that goes while pages are read starts the reading over; the second time everything fits."""
    complete = portal.answer

    def lose_one(dataset: str, query: dict[str, str]) -> list[dict[str, Any]]:
        answer = complete(dataset, query)
        if query.get("$offset") == "0" and len(portal.crimes) == 8:
            portal.crimes.pop(0)
        return answer

    monkeypatch.setattr(portal, "answer", lose_one)
    assert source.read_month(JANUARY).table["id"].to_pylist() == ["2", "3", "4", "5", "6", "7"]


def test_count_that_keeps_differing_is_transient(
    portal: PortalServer, source: LiveCrimeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A month that never agrees with the portal's own count is not stored."""
    complete = portal.answer

    def differ(dataset: str, query: dict[str, str]) -> list[dict[str, Any]]:
        return [{"crimes": "8"}] if "count" in query["$select"] else complete(dataset, query)

    monkeypatch.setattr(portal, "answer", differ)
    with pytest.raises(TransientError, match=r"crimes of 2018-01: on two attempts .* a different number of records than its count"):
        source.read_month(JANUARY)


def test_identifier_that_the_portal_has_twice_costs_no_month(
    portal: PortalServer, source: LiveCrimeSource, waits: list[float]
) -> None:
    """Time does not cure it: the newest version is kept, the other is a reject, and nobody tries for ever."""
    portal.crimes = [portal_crime(1), portal_crime(2), portal_crime(1, arrest=True, updated_on="2018-03-01T15:50:01.000")]
    parsed = parse_crimes(source.read_month(JANUARY), JANUARY)
    assert parsed.crimes[["crime_id", "is_arrest"]].to_numpy().tolist() == [[1, True], [2, False]]
    assert parsed.rejects["reason_code"].tolist() == ["superseded"]
    assert sum("count" in query["$select"] for query in portal.queries) == 2
    assert waits == []


def test_record_that_only_one_attempt_gives_twice_is_no_version(
    portal: PortalServer, source: LiveCrimeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages that shift while they are read give a record twice and lose another: the next attempt gives all of them."""
    complete = portal.answer
    pages = iter(range(100))

    def shift(dataset: str, query: dict[str, str]) -> list[dict[str, Any]]:
        is_second_page = "count" not in query["$select"] and next(pages) == 1
        return complete(dataset, {**query, "$offset": "2"} if is_second_page else query)

    monkeypatch.setattr(portal, "answer", shift)
    assert source.read_month(JANUARY).table["id"].to_pylist() == ["1", "2", "3", "4", "5", "6", "7"]


def test_records_without_an_identifier_are_rejects(portal: PortalServer, source: LiveCrimeSource) -> None:
    """That several lack one makes them no versions of each other."""
    portal.crimes = [portal_crime(1), portal_crime(2, id=None), portal_crime(3, id=None)]
    parsed = parse_crimes(source.read_month(JANUARY), JANUARY)
    assert parsed.crimes["crime_id"].tolist() == [1]
    assert parsed.rejects["reason"].tolist() == ["id is empty"] * 2


def test_half_a_surrogate_pair_is_repaired(portal: PortalServer, source: LiveCrimeSource) -> None:
    """JSON may hold what is no text; one letter is lost, in a crime as in a reject, and not the month."""
    portal.crimes = [portal_crime(1, block="A\ud83d"), portal_crime(2, iucr="\ud800", primary_type="B\udfff")]
    parsed = parse_crimes(source.read_month(JANUARY), JANUARY)
    assert parsed.crimes["block"].tolist() == ["A\ufffd"]
    assert '"primary_type": "B\ufffd"' in parsed.rejects["raw_text"].item()


def test_month_without_records_is_not_enough_data(source: LiveCrimeSource, waits: list[float]) -> None:
    """An empty month is named, and asked for once."""
    with pytest.raises(NotEnoughDataError, match=r"crimes of 2019-05: .* has none"):
        source.read_month(Month(2019, 5))
    assert waits == []


def test_field_missing_from_a_whole_month_is_schema_drift(portal: PortalServer, client: Socrata, pages: LandedPages) -> None:
    """One record without a type is chance; a thousand and one are a renamed column. Without a ward there still are crimes."""
    source = LiveCrimeSource(client, pages)
    portal.crimes = [portal_crime(number, primary_type=None, ward=None) for number in range(1, 1002)]
    with pytest.raises(SourceError, match=r"not one of 1001 records from .* has primary_type; dataset"):
        source.read_month(JANUARY)
    portal.crimes.pop()
    assert source.read_month(JANUARY).table["primary_type"].null_count == 1000
    portal.crimes = [portal_crime(number, ward=None) for number in range(1, 1002)]
    assert parse_crimes(source.read_month(JANUARY), JANUARY).crimes["ward_code"].isna().sum() == 1001


def test_stations_are_read(portal: PortalServer, source: LiveCrimeSource) -> None:
    """The stations come as text and parse; none at all is an error."""
    table = source.read_stations()
    assert table.column_names == list(STATION_FIELDS)
    assert parse_stations(table)["station_code"].tolist() == ["001", "headquarters"]
    portal.stations = []
    with pytest.raises(SourceError, match=r"police stations: dataset z8bn-74gv at .* is empty"):
        source.read_stations()


def test_first_tick_only_sets_the_cursor(source: LiveCrimeSource) -> None:
    """Without a cursor nothing counts as changed; the cursor is the newest update."""
    changed = source.changed_months(None)
    assert (changed.months, changed.cursor) == ((), "2018-02-10T15:50:01.000")


@pytest.mark.parametrize("cursor", ["", "{}", "yesterday", "2018-02-10'; drop"])
def test_cursor_of_another_source_starts_over(source: LiveCrimeSource, cursor: str) -> None:
    """A cursor that is no moment counts as none, and never gets into a query."""
    assert source.changed_months(cursor).months == ()


def test_months_updated_since_the_cursor_are_named(portal: PortalServer, source: LiveCrimeSource) -> None:
    """A late arrest changes the month of its crime; the cursor moves to the newest update, and then nothing is new."""
    cursor = source.changed_months(None).cursor
    assert source.changed_months(cursor).months == ()
    portal.crimes[0]["updated_on"] = "2018-05-01T15:50:01.000"
    portal.crimes[7]["updated_on"] = "2018-06-01T15:50:01.000"
    changed = source.changed_months(cursor)
    assert (changed.months, changed.cursor) == ((JANUARY, FEBRUARY), "2018-06-01T15:50:01.000")
    assert source.changed_months(changed.cursor) == type(changed)((), changed.cursor)


def test_strange_aggregate_is_an_error(portal: PortalServer, source: LiveCrimeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer without the number asked for is not taken for zero."""
    monkeypatch.setattr(portal, "answer", lambda *_: [{"something": "else"}])
    with pytest.raises(SourceError, match="answer to an aggregating query has no 'crimes'"):
        source.read_month(JANUARY)


@pytest.mark.parametrize("url", ["data.cityofchicago.org", "ftp://x.org", "https://x.org/path", "https://"])
def test_portal_address_that_is_none_is_a_setting_error(url: str) -> None:
    """A wrong address fails when the source is made, not at the first request."""
    with pytest.raises(SettingsError, match="is not like https://data"):
        open_portal(url)


def test_portal_that_is_not_there_is_transient(pages: LandedPages, waits: list[float]) -> None:
    """Nobody listening may be a restart; the error says which host."""
    with (
        open_portal("http://127.0.0.1:9", timeout_seconds=0.4) as client,
        pytest.raises(TransientError, match=r"at http://127\.0\.0\.1:9: failed 2 times"),
    ):
        LiveCrimeSource(client, pages, retries=RetryPolicy(attempts=2, sleep=waits.append)).read_month(JANUARY)


def test_portal_speaks_https_by_default(pages: LandedPages) -> None:
    """The real portal is asked over TLS."""
    with open_portal() as client:
        assert (
            LiveCrimeSource(client, pages).describe() == "portal https://data.cityofchicago.org (datasets ijzp-q8t2 and z8bn-74gv)"
        )


def test_recorded_api_record_is_read(portal: PortalServer, source: LiveCrimeSource) -> None:
    """One record exactly as the API gave it in 2017 becomes one crime."""
    path: Path = shared_data("crimes/crime_api_record_example.json")
    portal.crimes = json.loads(path.read_text())
    parsed = parse_crimes(source.read_month(Month(2017, 11)), Month(2017, 11))
    assert parsed.crimes["crime_id"].tolist() == [11160347]
    assert parsed.crimes["is_arrest"].tolist() == [True]
    assert parsed.rejects.empty
