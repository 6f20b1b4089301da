"""The first history of readings: days of a historical file, or today of a live feed, always those of the present source."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from mlops_assets.donostia_parking.assets.bootstrap import may_end_first_history
from mlops_assets.donostia_parking.cities import DONOSTIA
from mlops_assets.donostia_parking.definition import build_domain
from mlops_assets.donostia_parking.settings import DonostiaParkingSettings
from mlops_assets_tests.donostia_parking.snapshots import utc

NOW = utc("2026-03-10 12:00")


@dataclass
class Source:
    """A historical file of a span, or a live feed."""

    span: tuple[datetime, datetime] | None

    def describe(self) -> str:
        return "a historical file"

    def available_range(self) -> tuple[datetime, datetime] | None:
        return self.span


RECORDING = Source((utc("2024-05-01 10:00"), utc("2024-05-05 10:00")))


@pytest.mark.parametrize(
    ("source", "day", "may"),
    [
        (RECORDING, "2024-05-01", False),
        (RECORDING, "2024-05-02", True),
        (RECORDING, "2024-05-04", True),
        (RECORDING, "2024-05-05", False),
        (RECORDING, "2026-03-09", False),
        (Source(None), "2026-03-10", True),
        (Source(None), "2026-03-09", False),
    ],
)
def test_history_ends_with_a_day_that_the_source_has(source: Source, day: str, may: bool) -> None:
    """A day that is over, with a day before it to learn from; a live feed has today only."""
    assert may_end_first_history(source, DONOSTIA, day, NOW) is may  # type: ignore[arg-type]


def test_recording_of_the_past_takes_the_place_of_the_simulated_feed(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """Begun with the sample and interrupted, the bootstrap reads the days of the file and not empty ones of the sample."""

    def days(recorded: Source, **settings: object) -> tuple[str, ...]:
        own = DonostiaParkingSettings(**settings, _env_file=None)  # type: ignore[arg-type]
        bootstrap = build_domain(own, cache=tmp_path, automation_enabled=False).bootstrap
        assert bootstrap is not None
        return bootstrap.remaining(instance, recorded, NOW)[0].partitions

    assert days(Source((utc("2022-01-01 00:00"), NOW)))[-1] == "2026-03-09"
    later = Source((utc("2024-05-01 10:00"), utc("2026-03-10 10:00")))
    assert days(RECORDING, source="export", export_path=tmp_path)[-1] == "2024-05-04"
    assert days(later, source="export", export_path=tmp_path)[-1] == "2024-05-04"
    assert days(later, source="export", export_path=tmp_path / "other")[-1] == "2026-03-09"
