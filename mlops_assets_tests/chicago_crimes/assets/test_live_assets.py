"""The live portal through the definitions: its pages land first, and a month can be parsed again without asking."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.build import build_definitions
from mlops_assets.chicago_crimes import DOMAIN
from mlops_assets.chicago_crimes.assets import crimes
from mlops_assets.chicago_crimes.assets.automation import PORTAL_PAGES
from mlops_assets.chicago_crimes.contracts import RAW_CRIMES
from mlops_assets.errors import NotEnoughDataError, SourceError
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.partition import Partition
from mlops_assets.stores.landing import Landing
from mlops_assets_tests.chicago_crimes.portal_records import crime
from mlops_assets_tests.chicago_crimes.portal_server import Answer, PortalServer
from mlops_assets_tests.kills import FSYNC, bytes_of, kill_stage
from mlops_assets_tests.platforms import Platform, StoppedClock

JANUARY, FEBRUARY = "2018-01", "2018-02"
FIRST_READ = datetime(2018, 3, 9, 12, tzinfo=timezone.utc)
REPLAY = {"raw_crimes": {"config": {"replay": True}}}
TABLES = ("raw_crimes", "rejected_crimes")


def portal_crime(crime_id: int, month: str, *, arrest: bool = False) -> Answer:
    record = crime(id=str(crime_id), date=f"{month}-15T23:53:00.000", updated_on="2018-03-01T15:50:01.000")
    return {**record, "arrest": arrest, "domestic": False}


@pytest.fixture
def portal() -> Iterator[PortalServer]:
    with PortalServer([portal_crime(1, JANUARY), portal_crime(2, JANUARY), portal_crime(3, FEBRUARY)]) as server:
        yield server


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(FIRST_READ)


@pytest.fixture
def platform(tmp_path: Path, instance: dg.DagsterInstance, portal: PortalServer, clock: StoppedClock) -> Platform:
    return live_platform(tmp_path, instance, portal.url, clock)


def live_platform(folder: Path, instance: dg.DagsterInstance, url: str, clock: StoppedClock) -> Platform:
    platform = Platform(folder, instance, source="live", portal_url=url)
    platform.definitions = build_definitions(platform.settings, resources={"clock": clock})
    return platform


def read(platform: Platform, *, replay: bool = False, first: str = JANUARY, last: str = JANUARY) -> None:
    assert platform.materialize(*TABLES, months=(first, last), ops=REPLAY if replay else None).success


def landing_of(platform: Platform) -> Landing:
    return platform.stores.landing(DOMAIN, PORTAL_PAGES)


def rows_of(platform: Platform, month: str = JANUARY) -> pd.DataFrame:
    return read_partition(platform.stores.lake(DOMAIN), RAW_CRIMES, Partition("month", month))


def tables_in(folder: Path) -> dict[str, str]:
    """Return the digests of the tables in a lake, by path."""
    return {path: digest for path, digest in bytes_of(folder).items() if PORTAL_PAGES not in path}


def test_pages_land_and_are_replayed_without_the_portal(platform: Platform, portal: PortalServer, tmp_path: Path) -> None:
    """One object per month and request, named after both; the rows of a replay are the same bytes, and nobody was asked."""
    read(platform, last=FEBRUARY)
    folders = [f"month={month}/utc_month=2018-03/09T120000.000000Z-" for month in (JANUARY, FEBRUARY)]
    names = list(landing_of(platform).names())
    assert [name.startswith(folder) for name, folder in zip(names, folders, strict=True)] == [True, True]
    assert platform.metadata("raw_crimes", JANUARY)["landed_uri"] == landing_of(platform).uri_of(names[0])
    assert pd.read_json(tmp_path / "lake" / DOMAIN / PORTAL_PAGES / names[0])["id"].tolist() == [1, 2]

    tables, asked = tables_in(tmp_path), len(portal.queries)
    read(platform, last=FEBRUARY, replay=True)

    assert tables_in(tmp_path) == tables
    assert len(portal.queries) == asked
    assert list(landing_of(platform).names()) == names


def test_parser_that_failed_is_replayed(platform: Platform, portal: PortalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What landed before the parser broke is parsed by the mended one, although the portal does not answer any more."""

    def broken(*_: object) -> None:
        raise KeyError("a column that nobody has thought of")

    with monkeypatch.context() as patched:
        patched.setattr(crimes, "parse_crimes", broken)
        with pytest.raises(KeyError):
            read(platform)
    portal.every_fault = "forbidden"
    read(platform, replay=True)
    assert rows_of(platform)["crime_id"].tolist() == [1, 2]


def test_latest_complete_request_counts(platform: Platform, portal: PortalServer, clock: StoppedClock) -> None:
    """A late arrest lands as a new request beside the old one; a request that broke off behind its count counts for nothing."""
    read(platform)
    portal.crimes[0] = portal_crime(1, JANUARY, arrest=True)
    clock.time += timedelta(days=1)
    read(platform)
    assert rows_of(platform)["is_arrest"].tolist() == [True, False]
    names = list(landing_of(platform).names())
    assert len(names) == 2

    portal.crimes = [portal_crime(4, JANUARY)]
    clock.time += timedelta(days=1)
    portal.faults.extend(["none", "forbidden"])
    with pytest.raises(SourceError, match="access is refused"):
        read(platform)
    assert list(landing_of(platform).names()) == names
    read(platform, replay=True)
    assert rows_of(platform)["is_arrest"].tolist() == [True, False]


def test_month_that_never_landed_cannot_be_replayed(platform: Platform) -> None:
    """The error names the month and says what to do."""
    with pytest.raises(NotEnoughDataError, match=r"month 2018-01: .* no page of the portal has landed in .*/portal_pages; read"):
        read(platform, replay=True)


def test_compacted_pages_are_replayed(platform: Platform, clock: StoppedClock, tmp_path: Path) -> None:
    """When the month of the requests is over they become one object, and a replay gives the same bytes as before."""
    for _ in range(3):
        clock.time += timedelta(days=1)
        read(platform)
    tables, names = tables_in(tmp_path), list(landing_of(platform).names())
    assert platform.run("compact_chicago_crimes").success
    assert list(landing_of(platform).single_names()) == names
    clock.time += timedelta(days=30)
    assert platform.run("compact_chicago_crimes").success
    assert list(landing_of(platform).single_names()) == []
    assert list(landing_of(platform).names()) == names
    read(platform, replay=True)
    assert tables_in(tmp_path) == tables


def test_other_sources_are_read_by_a_replay(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """A simulated city is drawn again: same bytes, and nothing lands."""
    platform = Platform(tmp_path, instance, crimes_per_year=2_000)
    read(platform)
    tables = bytes_of(tmp_path)
    read(platform, replay=True)
    assert bytes_of(tmp_path) == tables


def run_stage(stage: str, folder: Path) -> None:
    """Read January from the portal whose address is in `folder`."""
    assert stage == "read"
    with dg.DagsterInstance.ephemeral() as instance:
        read(live_platform(folder, instance, (folder / "portal_url").read_text(), StoppedClock(FIRST_READ)))


def test_run_that_is_killed_behind_the_landing_is_finished_by_a_replay(
    platform: Platform, portal: PortalServer, tmp_path: Path
) -> None:
    """Killed before the pages have their name nothing has landed; killed behind that, they are what is parsed."""
    (tmp_path / "portal_url").write_text(portal.url)
    kill_stage(__name__, "read", tmp_path, FSYNC, 1)
    assert list(landing_of(platform).names()) == []
    kill_stage(__name__, "read", tmp_path, FSYNC, 2)
    assert len(list(landing_of(platform).names())) == 1
    portal.every_fault = "forbidden"
    read(platform, replay=True)
    assert rows_of(platform)["crime_id"].tolist() == [1, 2]
    assert not [path for path in bytes_of(tmp_path) if path.endswith(".writing")]
