"""A training window holds the hours before a moment and nothing else, and knows how long its feed has been silent."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.model_contracts import TRAINING_WINDOW
from mlops_assets.donostia_parking.modelling.training_window import LONGEST_SILENCE, build_training_window, silence
from mlops_assets.errors import NotEnoughDataError
from mlops_assets_tests.donostia_parking.hours import FIRST_HOUR, conformed, hourly_rows
from mlops_assets_tests.donostia_parking.snapshots import require_contract

NAN = float("nan")


def hours(number: float) -> pd.Timedelta:
    return pd.Timedelta(hours=number)


def window(*places: float) -> pd.DataFrame:
    """Return the training window over all hours of one car park."""
    return build_training_window(hourly_rows(harbour=places), FIRST_HOUR + hours(len(places)))


def test_window_is_half_open() -> None:
    """Two days that end with an hour: that hour is not in it, the one two days before is."""
    rows = hourly_rows(harbour=range(100))
    built = build_training_window(rows, FIRST_HOUR + hours(72), history_days=2)
    assert (built["hour_at"].min(), built["hour_at"].max()) == (FIRST_HOUR + hours(24), FIRST_HOUR + hours(71))
    assert built.groupby("car_park_id").size().to_dict() == {CITY_TOTAL_ID: 48, "harbour": 48}


def test_window_keeps_its_contract_whatever_the_order() -> None:
    """By car park and hour, so that equal hours are equal bytes."""
    rows = hourly_rows(harbour=range(30), arcade=range(30))
    end = FIRST_HOUR + hours(30)
    built = build_training_window(rows, end)
    require_contract(built, TRAINING_WINDOW)
    assert built["car_park_id"].unique().tolist() == ["arcade", CITY_TOTAL_ID, "harbour"]
    pd.testing.assert_frame_equal(build_training_window(rows.iloc[::-1], end), built)


def test_empty_window_says_which_hours_are_missing() -> None:
    """Whoever reads it knows which days to materialize."""
    with pytest.raises(NotEnoughDataError, match=r"no hour from 2022-01-10 00:00 to 2022-01-12 00:00 UTC; materialize hourly_free"):
        build_training_window(hourly_rows(harbour=[1, 2]), pd.Timestamp("2022-01-12", tz="UTC"), history_days=2)


def test_last_hour_read_is_no_silence() -> None:
    """A feed that spoke in the last hour is alive."""
    assert silence(window(5, NAN, 7)) == timedelta(0)


def test_silence_counts_hours_without_a_reading() -> None:
    """Two empty hours at the end are two hours of silence."""
    assert silence(window(5, 7, NAN, NAN)) == timedelta(hours=2)


def test_nothing_at_all_is_no_number() -> None:
    """A window without any reading has no newest one."""
    assert silence(window(NAN, NAN)) is None


@pytest.mark.parametrize("flag", [{"is_stale": True}, {"is_complete": False}])
def test_untrusted_hours_are_silence(flag: dict[str, bool]) -> None:
    """A feed that stands still says nothing, however often it answers; nor does a part of the city."""
    rows = hourly_rows(harbour=[5] * 20)
    is_late = rows["hour_at"] >= FIRST_HOUR + hours(7)
    name, value = next(iter(flag.items()))
    rows = conformed(rows, **{name: np.where(is_late, value, rows[name])})
    assert silence(build_training_window(rows, FIRST_HOUR + hours(20))) == timedelta(hours=13) > LONGEST_SILENCE


def test_repeated_values_are_silence() -> None:
    """A value that an earlier hour was read for tells nothing about its own."""
    rows = hourly_rows(harbour=[5, 5, 5])
    rows = conformed(rows, read_at=FIRST_HOUR, is_filled=rows["hour_at"] > FIRST_HOUR)
    assert silence(build_training_window(rows, FIRST_HOUR + hours(3))) == timedelta(hours=2)
