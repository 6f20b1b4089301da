"""The cities: their time zones, and what is known of their car parks beyond what every reading says."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_assets.donostia_parking.days import LocalDay


@dataclass(frozen=True)
class City:
    """A city whose car parks are read.

    Attributes:
        code: stands in every row.
        name: for people.
        time_zone: bounds its days.
        car_park_ids: the identifier of a car park by each of its names, folded; for historical files that have names only.
    """

    code: str
    name: str
    time_zone: str
    car_park_ids: Mapping[str, str] = field(default_factory=dict, repr=False)

    def day(self, key: str) -> LocalDay:
        """Return the day of this city that a partition key names."""
        return LocalDay.parse(key, self.time_zone)

    def id_of(self, name: str) -> str:
        """Return the identifier of the car park of this name; the name itself if it is not a known one."""
        return self.car_park_ids.get(fold_name(name), name)


def fold_name(name: str) -> str:
    """Return a name without accents, capitals and spare spaces, for comparison."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return " ".join(plain.casefold().split())


_DONOSTIA_NAMES = {
    "12598E650F907CF7C1257D6B0031061A": ("Arcco", "Arcco Amara"),
    "8E22E64858B632A2C1257F2B0049C6A5": ("Atotxa",),
    "C6EF619B328BF329C1257D6B00310623": ("Boulevard",),
    "2B9CDBE60709ED8DC1257D6B0031061C": ("Buen Pastor",),
    "9D6E93D73A81A188C1257D6B00310616": ("Easo",),
    "CD4155CEED7AEB61C1257D6B0031061F": ("Estación", "Geltokia"),
    "D39EEF11D1D46A73C1257D6B00310622": ("Illumbe",),
    "39E7DD65430D295EC1257D6B0031061E": ("Katalunia",),
    "5DA2C43447FBC90CC1257D6B0031061D": ("Kontxa",),
    "AF85AB440B495D06C1257D6B00310617": ("Kursaal",),
    "48A33E02F7226AC9C1257D6B00310620": ("Okendo",),
    "6B5330CB89D4342EC1257D6B00310618": ("Ondarreta",),
    "83CC4C0610134FAEC1257D6B0031061B": ("Pio XII",),
    "A8C4DD6C19C157A2C1257D6B00310619": ("San Martin",),
    "EDD6201FD941E7DAC1257D6B00310614": ("Txofre",),
    "53062265B4628988C1257D6B00310615": ("Zuatzu",),
}
"""The names that each `noteId` of the city's feed has had."""

DONOSTIA = City(
    code="donostia",
    name="Donostia / San Sebastián",
    time_zone="Europe/Madrid",
    car_park_ids={fold_name(name): note_id for note_id, names in _DONOSTIA_NAMES.items() for name in names},
)

BIRMINGHAM = City(code="birmingham", name="Birmingham", time_zone="Europe/London")
"""Known from a historical file, whose `SystemCodeNumber` is identifier and name at once."""

CITIES = {city.code: city for city in (DONOSTIA, BIRMINGHAM)}
