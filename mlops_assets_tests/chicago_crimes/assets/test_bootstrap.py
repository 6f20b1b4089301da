"""The first history of crimes: a year to learn from and the month after it, as far as the source has them."""

from dataclasses import dataclass
from datetime import datetime, timezone

import pytest

from mlops_assets.chicago_crimes.assets.bootstrap import bootstrap_steps, is_published, last_month_of_first_history
from mlops_assets.chicago_crimes.sources.sample import SampleCrimeSource
from mlops_assets.errors import NotEnoughDataError
from mlops_assets.months import Month, months_from


@dataclass
class Source:
    """A source of certain months."""

    months: list[Month]

    def describe(self) -> str:
        return "a folder"

    def available_months(self) -> list[Month]:
        return self.months


def months(first: str, last: str, *, without: str = "") -> Source:
    return Source([month for month in months_from(Month.parse(first), Month.parse(last)) if month.key != without])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


@pytest.mark.parametrize(("now", "published"), [("2024-06-09T10:59", False), ("2024-06-09T11:00", True)])
def test_month_is_published_at_six_on_the_ninth(now: str, published: bool) -> None:
    """By Chicago's clocks, like the schedule that reads it."""
    assert is_published(Month(2024, 5), at(now)) is published


def test_last_published_month_is_scored() -> None:
    """The month that has just ended may lack a week."""
    assert last_month_of_first_history(months("2020-01", "2024-06"), at("2024-07-02")) == "2024-05"  # type: ignore[arg-type]


def test_old_export_is_scored_to_its_own_end() -> None:
    """Whoever downloaded 2016 and 2017 has a model of 2017."""
    source = months("2016-01", "2017-12")
    assert last_month_of_first_history(source, at("2024-07-02")) == "2017-12"  # type: ignore[arg-type]
    read, train, decide, score = bootstrap_steps(source, "2017-12")  # type: ignore[arg-type]
    assert (read.partitions[0], read.partitions[-1], len(read.partitions)) == ("2016-12", "2017-12", 13)
    assert [step.partitions for step in (train, decide, score)] == [("2017-12",)] * 3


def test_gap_in_an_export_is_not_asked_for() -> None:
    """Each stretch of months that are there is a run of its own."""
    source = months("2016-10", "2017-12", without="2017-03")
    reads = [step.partitions for step in bootstrap_steps(source, "2017-12") if step.job == "read_chicago_crimes"]  # type: ignore[arg-type]
    assert reads == [("2016-12", "2017-01", "2017-02"), tuple(month.key for month in months("2017-04", "2017-12").months)]


def test_too_short_a_history_is_said() -> None:
    """Six months to learn from and one to score are the least."""
    with pytest.raises(NotEnoughDataError, match="a folder has 6 published months; 6 to learn from and one to score are needed"):
        last_month_of_first_history(months("2024-01", "2024-06"), at("2024-08-01"))  # type: ignore[arg-type]
    assert last_month_of_first_history(months("2024-01", "2024-07"), at("2024-09-01")) == "2024-07"  # type: ignore[arg-type]


def test_simulated_portal_has_every_month_that_began() -> None:
    """As the live portal has."""
    source = SampleCrimeSource(1, 24_000, as_of=at("2024-03-10"))
    available = source.available_months()
    assert (available[0].key, available[-1].key) == ("2001-01", "2024-03")
