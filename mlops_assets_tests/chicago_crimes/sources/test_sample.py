"""The simulated portal: repeatable, quirky, and with arrests that come late."""

import re
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_assets.chicago_crimes import TIME_ZONE
from mlops_assets.chicago_crimes.contracts import RAW_CRIMES
from mlops_assets.chicago_crimes.crimes.enrichment import enrich_crimes
from mlops_assets.chicago_crimes.crimes.parsing import ParsedCrimes, parse_crimes, parse_stations
from mlops_assets.chicago_crimes.sources.base import PORTAL_FIELDS
from mlops_assets.chicago_crimes.sources.export import ExportCrimeSource
from mlops_assets.chicago_crimes.sources.sample import SampleCrimeSource, write_export
from mlops_assets.chicago_crimes.sources.simulator.vocabulary import KINDS, all_details, all_places
from mlops_assets.contracts.checking import find_violations
from mlops_assets.errors import NotEnoughDataError, SettingsError
from mlops_assets.months import Month

LATE = datetime(2027, 1, 1, tzinfo=timezone.utc)
JANUARY = Month(2024, 1)


def portal(crimes_per_year: int = 24_000, as_of: datetime = LATE, seed: int = 7) -> SampleCrimeSource:
    return SampleCrimeSource(seed, crimes_per_year, as_of=as_of)


def on(month: int, day: int, year: int = 2024) -> datetime:
    """Return the evening of a day in Chicago, after the portal has published."""
    return datetime(year, month, day, 23, tzinfo=timezone.utc)


def parse(source: SampleCrimeSource, month: Month) -> ParsedCrimes:
    return parse_crimes(source.read_month(month), month)


@pytest.fixture(scope="module")
def large() -> ParsedCrimes:
    """Give a month large enough for rare things to occur."""
    return parse(portal(1_200_000), JANUARY)


def test_same_arguments_give_the_same_bytes() -> None:
    """A month is the same in every process, whatever was read before it; another seed is another city."""
    source = portal()
    source.read_month(Month(2024, 5))
    assert source.read_month(JANUARY).table.equals(portal().read_month(JANUARY).table)
    assert not source.read_month(JANUARY).table.equals(portal(seed=8).read_month(JANUARY).table)


def test_records_look_like_the_portals() -> None:
    """All portal fields, all text, in the portal's spelling."""
    table = portal().read_month(JANUARY).table
    assert table.column_names == [*PORTAL_FIELDS, "source_name"]
    assert {str(field.type) for field in table.schema} == {"string"}
    row = table.to_pylist()[0]
    patterns = {
        "id": r"\d{8}",
        "case_number": r"[A-Z]{2}\d{6}",
        "date": r"01/01/2024 (0[1-9]|1[0-2]):[0-5]\d:00 [AP]M",
        "block": r"\d{3}XX [NESW] [A-Z]+ (AVE|ST)",
        "iucr": r"\d{3}[0-9A-Z]",
        "arrest": "true|false",
        "beat": r"\d{4}",
        "x_coordinate": r"\d{7}",
        "updated_on": r"\d\d/\d\d/202\d 03:50:01 PM",
        "latitude": r"4[12]\.\d{5,9}",
        "longitude": r"-87\.\d{5,9}",
    }
    assert {name: row[name] for name, pattern in patterns.items() if not re.fullmatch(pattern, row[name])} == {}


def test_crimes_keep_their_contract_and_few_records_are_rejected(large: ParsedCrimes) -> None:
    """What parses is sound; about three records in ten thousand do not, for three different reasons."""
    assert find_violations(large.crimes, RAW_CRIMES).empty
    share = len(large.rejects) / len(large.crimes)
    assert 0.0001 < share < 0.0006
    fields = large.rejects["reason"].str.split(" ").str[0]
    assert set(fields) == {"date", "iucr", "arrest"}
    assert set(large.rejects["reason_code"]) == {"unreadable_value"}


def test_quirks_of_the_portal_are_there(large: ParsedCrimes) -> None:
    """Everything that makes the real data awkward occurs, at about the real rate."""
    crimes = large.crimes
    local = crimes["occurred_at"].dt.tz_convert(TIME_ZONE)
    located = crimes["x_ft"].notna()
    assert (~located).mean() == pytest.approx(0.01, abs=0.002)
    assert (crimes[["x_ft", "y_ft", "latitude_deg", "longitude_deg"]].notna().eq(located, axis=0)).all(axis=None)
    placeholder = crimes[crimes["x_ft"] == 0]
    assert 0 < len(placeholder) < 0.001 * len(crimes)
    assert set(placeholder["longitude_deg"]) == {-91.686565684}
    assert (local == local.dt.normalize()).mean() == pytest.approx(0.012, abs=0.004)
    assert 0 < crimes["location_description"].isna().mean() < 0.01
    assert 0 < crimes["community_area_code"].isna().mean() < 0.001
    assert 0 < crimes["case_number"].duplicated().mean() < 0.01
    assert 0 < (crimes["district_code"] == "031").sum() < 20
    counts = crimes["iucr_code"].value_counts()
    assert counts.max() / counts.min() > 1_000


def test_city_has_the_size_of_the_real_one(large: ParsedCrimes) -> None:
    """As many kinds, codes, places, districts, beats, wards and areas as Chicago has, or nearly so."""
    distinct = large.crimes.nunique()
    assert distinct["primary_type"] == len(KINDS) == 31
    assert 300 <= distinct["iucr_code"] <= len(all_details()) == 326
    assert 100 <= distinct["location_description"] <= len(all_places()[0])
    assert distinct["district_code"] == 23
    assert distinct["beat_code"] == 276
    assert (distinct["ward_code"], distinct["community_area_code"]) == (50, 77)


def test_codes_are_distinct_and_belong_to_one_kind() -> None:
    """A code has one description and one kind; a description needs no other code of its kind."""
    details = pd.DataFrame([vars(detail) for detail in all_details()])
    assert details["iucr"].is_unique
    assert details["iucr"].str.fullmatch("[0-9]{3}[0-9A-Z]").all()
    assert not details.duplicated(["kind", "description"]).any()


def test_stations_stand_in_their_districts() -> None:
    """Twenty-two stations and Headquarters, with coordinates that agree, mostly nearest to the crimes of their own district."""
    source = portal()
    stations = parse_stations(source.read_stations())
    assert (len(stations), stations["is_headquarters"].sum()) == (23, 1)
    enriched = enrich_crimes(parse(source, JANUARY).crimes, stations)
    known = enriched[enriched["location_status"] == "known"]
    assert (known["nearest_station_code"] == known["district_code"]).mean() > 0.6
    assert 500 < known["distance_to_station_m"].median() < 3_000


def test_positions_agree_in_both_systems(large: ParsedCrimes) -> None:
    """Feet and degrees of a crime are the same place to a metre."""
    from pyproj import Transformer

    crimes = large.crimes[large.crimes["x_ft"] > 0].head(500)
    x, y = Transformer.from_crs(4326, 3435, always_xy=True).transform(crimes["longitude_deg"], crimes["latitude_deg"])
    assert np.abs(x - crimes["x_ft"]).max() < 3
    assert np.abs(y - crimes["y_ft"]).max() < 3


def test_volume_follows_the_setting_and_the_season() -> None:
    """A year has about as many crimes as asked for, July more than January."""
    source = portal(24_000)
    counts = {month: len(source.read_month(Month(2024, month)).table) for month in range(1, 13)}
    assert sum(counts.values()) == pytest.approx(24_000, rel=0.05)
    assert counts[7] > 1.1 * counts[1]


def test_arrests_become_rarer_and_kinds_shift() -> None:
    """Two years make a difference that drift should find: fewer arrests and drug crimes, more stolen vehicles."""
    before, after = (
        pd.concat([parse(portal(60_000), Month(year, month)).crimes for month in (1, 4, 7, 10)]) for year in (2023, 2025)
    )
    assert before["is_arrest"].mean() == pytest.approx(0.20, abs=0.03)
    assert after["is_arrest"].mean() < before["is_arrest"].mean() - 0.02
    shares = [frame["primary_type"].value_counts(normalize=True) for frame in (before, after)]
    change = shares[1] / shares[0]
    assert change["NARCOTICS"] < 0.75
    assert change["MOTOR VEHICLE THEFT"] > 1.5


def test_arrests_depend_mostly_on_the_code(large: ParsedCrimes) -> None:
    """Some codes nearly always lead to an arrest and some hardly ever, as in the real data."""
    by_kind = large.crimes.groupby("primary_type")["is_arrest"].mean()
    assert by_kind["NARCOTICS"] > 0.95
    assert by_kind["PROSTITUTION"] > 0.95
    assert by_kind["MOTOR VEHICLE THEFT"] < 0.12
    assert 0.06 < by_kind["THEFT"] < 0.2


def test_crimes_appear_after_their_report() -> None:
    """The current month grows day by day, and nothing is visible before it has happened."""
    half, whole = (parse(portal(as_of=on(1, day)), JANUARY).crimes for day in (15, 31))
    assert len(half) < 0.6 * len(whole)
    assert half["occurred_at"].max() < pd.Timestamp(on(1, 15))
    assert half["updated_at"].max() <= pd.Timestamp(on(1, 15))
    assert set(half["crime_id"]) < set(whole["crime_id"])


def test_arrests_come_late_and_say_so() -> None:
    """A crime seen without an arrest may have one later, with a newer update; none is ever taken back."""
    early, late = (parse(portal(as_of=as_of), JANUARY).crimes.set_index("crime_id") for as_of in (on(2, 10), LATE))
    both = early.join(late, rsuffix="_late")
    is_new = ~both["is_arrest"] & both["is_arrest_late"]
    assert 0.005 < is_new.mean() < 0.1
    assert not (both["is_arrest"] & ~both["is_arrest_late"]).any()
    assert (both.loc[is_new, "updated_at_late"] > both.loc[is_new, "updated_at"]).all()
    assert (both.loc[~is_new, "updated_at_late"] == both.loc[~is_new, "updated_at"]).all()


def test_changed_months_are_exactly_those_whose_records_differ() -> None:
    """Two looks at the portal differ in the months named, and in no other."""
    before, after = portal(as_of=on(3, 5)), portal(as_of=on(3, 8))
    cursor = before.changed_months(None).cursor
    assert before.changed_months(None).months == before.changed_months(cursor).months == ()
    changed = after.changed_months(cursor).months
    months = [Month(2023, 1).plus(offset) for offset in range(15)]
    different = [month for month in months if not before.read_month(month).table.equals(after.read_month(month).table)]
    assert [month for month in changed if month in months] == different
    assert Month(2024, 3) in different
    assert after.changed_months(after.changed_months(cursor).cursor).months == ()


@pytest.mark.parametrize("cursor", ["", "{}", "2018-02-10T15:50:01.000", '{"export": {}}'])
def test_cursor_of_another_source_starts_over(cursor: str) -> None:
    """After a change of source the old cursor counts as none."""
    assert portal().changed_months(cursor).months == ()


@pytest.mark.parametrize("month", [Month(2000, 12), Month(2024, 3)])
def test_month_outside_the_portals_time_has_nothing(month: Month) -> None:
    """Before the portal began, and before the month itself has begun, there is nothing to read."""
    with pytest.raises(NotEnoughDataError, match=f"crimes of {month}: the simulated portal"):
        portal(as_of=on(2, 20)).read_month(month)


def test_moment_needs_a_time_zone() -> None:
    """A moment without a zone could be six hours off."""
    with pytest.raises(SettingsError, match="has no time zone"):
        SampleCrimeSource(7, as_of=datetime(2024, 1, 1))  # noqa: DTZ001


def test_every_month_since_2001_can_be_read() -> None:
    """Trends stop at some point, so that also the far past and future look like a city."""
    source = SampleCrimeSource(7, 3_000, as_of=datetime(2040, 1, 1, tzinfo=timezone.utc))
    seen: set[int] = set()
    for month in (Month(2001, 1), Month(2001, 2), Month(2012, 11), Month(2024, 2), Month(2039, 11)):
        crimes = parse(source, month).crimes
        assert 100 < len(crimes) < 500
        assert seen.isdisjoint(crimes["crime_id"])
        seen |= set(crimes["crime_id"])


def test_export_of_the_sample_reads_back_the_same(tmp_path: Path) -> None:
    """The files are in the portal's layout: what the export source reads is what the simulated portal gave."""
    paths = write_export(tmp_path / "export", JANUARY, JANUARY.plus(1), seed=7, crimes_per_year=6_000)
    assert [path.name for path in paths] == ["crimes_2024-01.csv", "crimes_2024-02.csv"]
    exported = ExportCrimeSource(tmp_path / "export", tmp_path / "cache")
    sample = SampleCrimeSource(7, 6_000, as_of=datetime(2040, 1, 1, tzinfo=timezone.utc))
    for month in (JANUARY, JANUARY.plus(1)):
        assert exported.read_month(month).table.select(PORTAL_FIELDS).equals(sample.read_month(month).table.select(PORTAL_FIELDS))
    pd.testing.assert_frame_equal(parse_stations(exported.read_stations()), parse_stations(sample.read_stations()))
    header, first = paths[0].read_bytes().split(b"\r\n")[:2]
    assert header.split(b",")[:3] == [b"ID", b"Case Number", b"Date"]
    assert len(header.split(b",")) == 22
    assert re.search(rb',2024,0\d/\d\d/2024 03:50:01 PM,41\.\d+,-87\.\d+,"\(41\.\d+, -87\.\d+\)"$', first)
