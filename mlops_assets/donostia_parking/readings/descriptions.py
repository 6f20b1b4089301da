"""What records say about car parks besides free spaces: typed once per description, for most repeat those of the reading before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mlops_assets.donostia_parking.readings.positions import read_position
from mlops_assets.donostia_parking.sources.feed_values import read_code, read_number, read_text, read_whole_number
from mlops_assets.tabular.words import is_missing

if TYPE_CHECKING:
    from mlops_assets.donostia_parking.cities import City

MOST_PLACES = 50_000
"""Numbers beyond this, in either direction, are no numbers of places."""


class Description(NamedTuple):
    """One typed description of a car park; the fields are columns of `CAR_PARKS`, and the last one of `READINGS`."""

    car_park_id: str
    car_park_name: str
    car_park_type: str | None
    capacity: int | None
    public_spaces: int | None
    resident_spaces: int | None
    x_m: float | None
    y_m: float | None
    latitude_deg: float | None
    longitude_deg: float | None
    prices_eur: str | None
    unread_values: str | None


class Fault(NamedTuple):
    """Why something cannot be read: one of the contract's reason codes, and the reason in words."""

    code: str
    reason: str


class DescriptionReader:
    """Types the descriptions of records and numbers them.

    Attributes:
        known: every different description or fault so far, by number.
    """

    def __init__(self, city: City) -> None:
        self.known: list[Description | Fault] = []
        self._city = city
        self._number_of: dict[Description | Fault, int] = {}
        self._number_of_raw: dict[Any, int] = {}

    def number(self, raw: tuple[Any, ...]) -> int:
        """Return the number of what `RawReading.description` says: the same one whenever the same is meant."""
        try:
            return self._number_of_raw[raw]
        except KeyError:
            key: Any = raw
        except TypeError:
            # JSON may hold a list or an object where the feed documents a text.
            key = repr(raw)
        if key not in self._number_of_raw:
            self._number_of_raw[key] = self._add(self._read(*raw))
        return self._number_of_raw[key]

    def _add(self, typed: Description | Fault) -> int:
        if typed not in self._number_of:
            self._number_of[typed] = len(self.known)
            self.known.append(typed)
        return self._number_of[typed]

    def _read(
        self, car_park_id: Any, name: Any, kind: Any, total: Any, public: Any, resident: Any, x: Any, y: Any, prices: Any
    ) -> Description | Fault:
        name = read_text(name)
        car_park_id = read_code(car_park_id) or (name and self._city.id_of(name))
        if car_park_id is None:
            return Fault("missing_value", "the record has neither an identifier nor a name of the car park")
        capacity, public_spaces, resident_spaces = map(_read_capacity, (total, public, resident))
        position, prices_eur, car_park_type = read_position(x, y), _read_prices(prices), read_text(kind)
        unread = _unread(
            {
                "type": (kind, car_park_type),
                "places": (total, capacity),
                "public places": (public, public_spaces),
                "residents' places": (resident, resident_spaces),
                "position": (_given_position(x, y), position.latitude_deg),
                "prices": (prices or None, prices_eur),
            }
        )
        if capacity is None and public_spaces is not None:
            capacity = public_spaces + (resident_spaces or 0)
        return Description(
            car_park_id,
            name or car_park_id,
            car_park_type,
            capacity,
            public_spaces,
            resident_spaces,
            *position,
            prices_eur,
            unread,
        )


def _unread(fields: Mapping[str, tuple[Any, Any]]) -> str | None:
    """Return the fields that have a value which could not be read, with these values; each is given with what was read."""
    parts = [f"{words} {value!r}" for words, (value, read) in fields.items() if read is None and not is_missing(value)]
    return "; ".join(parts) or None


def _given_position(x: Any, y: Any) -> tuple[Any, Any] | None:
    """Return a point of the feed; None for one that is absent or a placeholder."""
    is_given = not (is_missing(x) or is_missing(y)) and not read_number(x) == read_number(y) == 0
    return (x, y) if is_given else None


def read_spaces(value: Any) -> int | None:
    """Return a number of places, negative ones included, or nothing if the value is none."""
    places = read_whole_number(value)
    return places if places is not None and abs(places) <= MOST_PLACES else None


def _read_capacity(value: Any) -> int | None:
    places = read_spaces(value)
    return places if places is not None and places >= 0 else None


def is_absent(value: Any) -> bool:
    """Tell whether a field is not there, null or blank. What stands there for nothing, such as `-`, is there."""
    return value is None or (isinstance(value, str) and not value.strip())


def say_unreadable(words: str, value: Any) -> str:
    """Say that a value is no number of places."""
    return f"{words} {value!r} is no number of places"


def _read_prices(prices: Any) -> str | None:
    """Return prices as a JSON list; nothing if one of them cannot be read."""
    if not isinstance(prices, Sequence) or isinstance(prices, str):
        return None
    numbers = [read_number(price) for price in prices]
    return None if None in numbers or not numbers else json.dumps(numbers, separators=(",", ":"))
