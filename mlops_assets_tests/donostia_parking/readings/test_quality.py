"""Stale feeds and car parks that are stuck at zero, found by looking back."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.donostia_parking.readings.quality import find_stale, find_stuck_at_zero

HOUR = np.timedelta64(1, "h")


def moments(*hours: float) -> np.ndarray:
    """Return moments some hours after a midnight."""
    seconds = (np.array(hours) * 3600).round().astype("timedelta64[s]")
    return (np.datetime64("2022-02-11T00:00:00", "us") + seconds).astype("datetime64[us]")


def stale(hours: list[float], *car_parks: list[int]) -> list[bool]:
    """Return the flag of each moment, from one list of free spaces per car park."""
    read_at = np.repeat(moments(*hours), len(car_parks))
    numbers = np.tile(np.arange(len(car_parks)), len(hours))
    flags = find_stale(read_at, numbers, np.array(car_parks).T.ravel())
    by_moment = flags.reshape(len(hours), len(car_parks))
    assert (by_moment == by_moment[:, :1]).all()
    return by_moment[:, 0].tolist()


def test_feed_is_frozen_after_three_hours() -> None:
    """The first reading of the stretch is news, and so may be those of the next three hours."""
    assert stale([0, 1, 2, 3, 3.9, 4, 5], [9, 8, 8, 8, 8, 8, 7]) == [False] * 5 + [True, False]


def test_one_car_park_that_moves_keeps_the_feed_alive() -> None:
    """A car park that stands still alone is a quiet car park."""
    assert not any(stale([0, 2, 4, 6, 8], [5, 5, 5, 5, 5], [1, 2, 3, 4, 5]))


def test_long_pause_proves_nothing() -> None:
    """The same values after a night without readings are no evidence; the count begins anew."""
    assert stale([0, 1, 16, 17, 18, 19], [5] * 6) == [False] * 5 + [True]


def test_pause_of_a_frozen_feed_needs_new_evidence() -> None:
    """A gap of 112 days is not 112 days of stillness."""
    assert stale([0, 1, 2, 3, 112 * 24], [5] * 5) == [False, False, False, True, False]


def test_car_park_that_appears_is_news() -> None:
    """A feed that lists something new is alive."""
    read_at = moments(0, 2, 4, 4, 6)
    assert not find_stale(read_at, np.array([0, 0, 0, 1, 0]), np.array([5, 5, 5, 9, 5])).any()


def test_partial_moments_are_judged_by_what_they_hold() -> None:
    """Where car parks report at different moments, one that changed makes the next hours good for all."""
    read_at = moments(0, 0.5, 2, 2.5, 3.2, 4.9, 5.2)
    flags = find_stale(read_at, np.array([0, 1, 0, 1, 0, 1, 0]), np.array([5, 7, 6, 7, 6, 7, 6]))
    assert flags.tolist() == [False] * 6 + [True]


def test_zero_for_a_day_is_no_sensor() -> None:
    """A car park full for 23 hours is believed, one for 24 is not; any other value starts the day again."""
    read_at = moments(*range(0, 60, 1))
    free = np.zeros(60, int)
    free[30] = 4
    flags = find_stuck_at_zero(read_at, np.zeros(60, int), free)
    assert np.flatnonzero(flags).tolist() == [*range(24, 30), *range(55, 60)]


def test_zero_is_a_matter_of_each_car_park() -> None:
    """A car park without a sensor does not make its neighbours suspect."""
    read_at = np.repeat(moments(*range(30)), 2)
    flags = find_stuck_at_zero(read_at, np.tile([0, 1], 30), np.tile([0, 3], 30)).reshape(30, 2)
    assert flags[:, 0].sum() == 6
    assert not flags[:, 1].any()


def test_nothing_read_has_no_flags() -> None:
    """A day may be empty."""
    nothing = moments()
    assert len(find_stale(nothing, nothing.astype(int), nothing.astype(int))) == 0
    assert len(find_stuck_at_zero(nothing, nothing.astype(int), nothing.astype(int))) == 0


@pytest.mark.parametrize("find", [find_stale, find_stuck_at_zero])
@given(
    steps=st.lists(st.tuples(st.sampled_from([0.2, 1, 2, 3, 5]), st.integers(0, 1)), min_size=1, max_size=40),
    cut=st.integers(0, 40),
)
def test_flags_look_back_only(find: object, steps: list[tuple[float, int]], cut: int) -> None:
    """Later readings change no earlier flag, and a flagged reading repeats all those of the time before it."""
    read_at = moments(*np.cumsum([step for step, _ in steps]))
    car_park, free = np.zeros(len(steps), int), np.array([value for _, value in steps])
    after = timedelta(hours=4)
    assert callable(find)
    flags = find(read_at, car_park, free, after)
    assert (find(read_at[:cut], car_park[:cut], free[:cut], after) == flags[:cut]).all()
    for number in np.flatnonzero(flags):
        recent = free[: number + 1][read_at[: number + 1] >= read_at[number] - 4 * HOUR]
        assert len(set(recent.tolist())) == 1
