"""What happens in the imaginary city: free spaces at any moment, stale feeds, outages of the collector. All follows from the seed.

Every draw belongs to a day or a week by itself, so that any moment can be looked at without those before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from functools import lru_cache

import numpy as np
import pandas as pd

from mlops_assets.donostia_parking.sources.simulator.city import SampleCarPark, build_city, habits, pull_of_events

ZONE = "Europe/Madrid"

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DAY, _WEEK, _KNOT = 1_440, 7 * 1_440, 180
"""Minutes of a day, of a week, and between the knots of what is not habit."""

_FREEZE_SHARE, _OUTAGE_SHARE, _EVENT_SHARE = 0.15, 0.1, 0.4
"""Share of weeks in which the feed freezes, the collector fails for some hours, and something happens at the stadium."""

_MISSED_SHARE = 0.01
_FREEZE_HOURS = (4, 160)
_MOST_BELOW_ZERO = 2


class SampleHistory:
    """Free spaces in the city of a seed."""

    def __init__(self, seed: int) -> None:
        self.car_parks: tuple[SampleCarPark, ...] = build_city(seed)
        self._seed = seed
        self._knots = lru_cache(maxsize=64)(self._draw_knots)
        self._jitter = lru_cache(maxsize=8)(self._draw_jitter)
        self._public = np.array([car_park.public for car_park in self.car_parks])
        self._is_dead = np.array([car_park.kind == "dead" for car_park in self.car_parks])

    def free_spaces(self, minutes: np.ndarray) -> np.ndarray:
        """Return what the feed says at some minutes since 1970: a row per minute and a column per car park."""
        shown = self.shown_minutes(minutes)
        local = pd.DatetimeIndex(shown.astype("datetime64[m]").astype("datetime64[s]"), tz="UTC").tz_convert(ZONE)
        hour = (local.hour + local.minute / 60).to_numpy()
        share = habits(self.car_parks, hour, local.weekday.to_numpy(), local.dayofyear.to_numpy())
        share = share + self._moods(shown) + self._events(shown)[:, None] * pull_of_events(self.car_parks)
        free = np.round(self._public * (1 - np.maximum(share, 0))).astype(np.int64) + self._jitter_at(shown)
        free = np.clip(free, -_MOST_BELOW_ZERO, self._public + 1)
        return np.where(self._is_dead, 0, free)

    def shown_minutes(self, minutes: np.ndarray) -> np.ndarray:
        """Return from which minute the feed's values are: the minute itself, or that at which the feed went stale."""
        shown = minutes.copy()
        for start, end in reversed(self._freezes(minutes)):
            shown = np.where((shown >= start) & (shown < end), start, shown)
        return shown

    def collected_moments(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """Yield when an hourly collector asked in a window: some minutes past the hour, a few times not at all."""
        for day in range((since - _EPOCH) // timedelta(days=1), (until - _EPOCH) // timedelta(days=1) + 1):
            rng = np.random.default_rng([self._seed, 3, day])
            delays_s = rng.uniform(120, 840, 24)
            is_missed = rng.random(24) < _MISSED_SHARE
            for hour in np.flatnonzero(~is_missed).tolist():
                moment = _EPOCH + timedelta(days=day, hours=hour, seconds=float(delays_s[hour]))
                if since <= moment < until and not self._is_out((moment - _EPOCH) // timedelta(minutes=1)):
                    yield moment

    def fault_draw(self, minute: int) -> float:
        """Return a number from 0 to 1 that decides whether the answer of a minute is faulty."""
        return float(np.random.default_rng([self._seed, 4, minute]).random())

    def _moods(self, minutes: np.ndarray) -> np.ndarray:
        """Return what is not habit: weather, and whatever else makes one day differ from another."""
        knot = minutes // _KNOT
        part = (minutes % _KNOT / _KNOT)[:, None]
        per_day = _DAY // _KNOT
        days = np.unique(np.concatenate([knot, knot + 1]) // per_day)
        values = np.concatenate([self._knots(int(day)) for day in days])

        def at(number: np.ndarray) -> np.ndarray:
            return values[np.searchsorted(days, number // per_day) * per_day + number % per_day]

        return at(knot) * (1 - part) + at(knot + 1) * part

    def _draw_knots(self, day: int) -> np.ndarray:
        rng = np.random.default_rng([self._seed, 1, day])
        width = len(self.car_parks)
        return rng.normal(0, 0.05) + rng.normal(0, 0.04, width) + rng.normal(0, 0.035, (_DAY // _KNOT, width))

    def _jitter_at(self, minutes: np.ndarray) -> np.ndarray:
        days = minutes // _DAY
        jitter = np.empty((len(minutes), len(self.car_parks)), np.int64)
        for day in np.unique(days):
            jitter[days == day] = self._jitter(int(day))[minutes[days == day] % _DAY]
        return jitter

    def _draw_jitter(self, day: int) -> np.ndarray:
        return np.random.default_rng([self._seed, 2, day]).integers(-2, 3, (_DAY, len(self.car_parks)))

    def _events(self, minutes: np.ndarray) -> np.ndarray:
        """Return how much of an event there is: 0 to 1, on some evenings from Friday to Sunday."""
        strength = np.zeros(len(minutes))
        for week in _weeks(minutes):
            rng = np.random.default_rng([self._seed, 5, week])
            if rng.random() < _EVENT_SHARE:
                # 1970 began on a Thursday, so that days 1 to 3 of these weeks are Friday to Sunday.
                middle = week * _WEEK + rng.integers(1, 4) * _DAY + rng.integers(17 * 60, 20 * 60)
                strength += np.clip(1.6 - np.abs(minutes - middle) / 100, 0, 1)
        return strength

    def _freezes(self, minutes: np.ndarray) -> list[tuple[int, int]]:
        """Return the periods, by their beginnings, in which the feed stood still; they may begin a week earlier."""
        found = []
        weeks = _weeks(minutes)
        for week in range(weeks.start - 1, weeks.stop):
            rng = np.random.default_rng([self._seed, 6, week])
            if rng.random() < _FREEZE_SHARE:
                start = week * _WEEK + int(rng.integers(_WEEK))
                found.append((start, start + int(60 * np.clip(rng.lognormal(2.6, 1), *_FREEZE_HOURS))))
        return found

    def _is_out(self, minute: int) -> bool:
        """Tell whether the collector is out of order."""
        week = minute // _WEEK
        rng = np.random.default_rng([self._seed, 7, week])
        start = week * _WEEK + int(rng.integers(_WEEK - 600))
        return bool(rng.random() < _OUTAGE_SHARE) and start <= minute < start + int(rng.integers(180, 600))


def _weeks(minutes: np.ndarray) -> range:
    return range(int(minutes.min()) // _WEEK, int(minutes.max()) // _WEEK + 1)
