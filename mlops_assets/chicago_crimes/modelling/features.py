"""What a model of arrests may learn from, and which columns drift is watched in. Plain text, so that nothing heavy is loaded."""

from collections.abc import Collection

from mlops_assets.chicago_crimes.contracts import SEASONS, TIMES_OF_DAY
from mlops_assets.contracts import Column

FEATURE_SETS = ("encoded", "native")
"""Two ways to make features of columns. `encoded`: numbers that every kind of model takes: how frequent a code is and how often it
led to an arrest, sines, standardized positions. `native`: the columns as they are, for models that split categories themselves."""

POSITION_COLUMNS = ("x_ft", "y_ft")
FLAG_COLUMNS = ("is_domestic", "is_location_known")
PERIODS = {"local_hour": 24, "local_weekday": 7}
"""Columns that come round again, and after how many steps."""

CODE_COLUMNS = (
    "iucr_code",
    "primary_type",
    "fbi_code",
    "location_description",
    "beat_code",
    "district_code",
    "ward_code",
    "community_area_code",
    "nearest_station_code",
)
"""Columns with many values, each encoded by how frequent a value is and how often it led to an arrest."""

NATIVE_CATEGORIES = ("iucr_code", "primary_type", "fbi_code", "location_description")
"""Columns whose values have no order. Districts, wards and areas repeat what the position says, and as categories cost quality."""

NATIVE_NUMBERS = (*POSITION_COLUMNS, "distance_to_station_m", *PERIODS, "time_precision_min", "is_domestic")
NATIVE_CODES = (*NATIVE_CATEGORIES, "beat_code")
"""Beats are numbered across the city, neighbours alike, so that they are used in their order."""

TIME_PRECISIONS_MIN = (1, 5, 10, 15, 30, 60)
"""How exactly a time is known: the largest of these that divides its minutes. Somebody who saw the crime looks at a clock; somebody
who found it later says a full hour. It tells more of an arrest than the hour itself."""

DERIVED_COLUMNS = {"is_location_known": "location_status", "time_precision_min": "occurred_at"}
"""Columns that `enriched_crimes` does not have, and the one that each is made of."""

COLUMNS = (
    *CODE_COLUMNS,
    *POSITION_COLUMNS,
    "distance_to_station_m",
    *FLAG_COLUMNS,
    *PERIODS,
    "season",
    "time_of_day",
    "time_precision_min",
)
"""All columns that features are made of."""

LEVELS = {"season": SEASONS, "time_of_day": TIMES_OF_DAY, "time_precision_min": TIME_PRECISIONS_MIN}
"""Columns with few values, all known beforehand."""

SOURCE_COLUMNS = tuple(dict.fromkeys(DERIVED_COLUMNS.get(name, name) for name in COLUMNS))
"""The columns of `enriched_crimes` that they are made of."""


def _encoded_features() -> dict[str, dict[str, str]]:
    """Return, by column, the features of the encoded set and their meanings."""
    features = {
        "x_ft": {"x_ft": "East-west position, standardized; unknown positions at the median."},
        "y_ft": {"y_ft": "North-south position, standardized; unknown positions at the median."},
        "distance_to_station_m": {
            "distance_to_station_m": "Logarithm of 1 + distance to the nearest station, standardized; unknown ones at the median."
        },
        "is_domestic": {"is_domestic": "1 for domestic-related crimes."},
        "is_location_known": {"is_location_known": "1 where the position can be used."},
    }
    for column in PERIODS:
        features[column] = {
            f"{column}_sin": f"Sine of {column} on its circle.",
            f"{column}_cos": f"Cosine of {column} on its circle.",
        }
    for column, levels in LEVELS.items():
        features[column] = {f"{column}_{level}": f"1 where {column} is {level}." for level in levels}
    for column in CODE_COLUMNS:
        features[column] = {
            f"{column}_frequency": f"Share of training rows with this {column}, standardized; 0 share if never seen.",
            f"{column}_target_rate": f"Smoothed arrest rate of this {column} among other training rows, standardized; the overall "
            "rate if never seen.",
        }
    return features


_ENCODED = _encoded_features()

ENCODED_COLUMNS = tuple(Column(name, "float32", description) for of in _ENCODED.values() for name, description in of.items())
"""The features of the encoded set as columns of a contract, in their order everywhere."""


def encoded_names(columns: Collection[str]) -> list[str]:
    """Return the names of the features that the encoded set makes of some of `COLUMNS`, in their order."""
    return [name for column, of in _ENCODED.items() if column in columns for name in of]


PROFILED_NUMBERS = ("x_ft", "y_ft", "distance_to_station_m", "local_hour", "local_weekday")
PROFILED_CATEGORIES = (
    "primary_type",
    "iucr_code",
    "location_description",
    "district_code",
    "time_of_day",
    "is_domestic",
    "location_status",
)
"""Columns of `enriched_crimes` whose drift is watched: what people would recognize, not its encodings. The season is not among
them, for a single month never has the seasons of a year."""


def categories_among(feature_set: str, columns: Collection[str]) -> list[bool]:
    """Say of each feature of the native set, in order, whether it is a category; of the encoded set, none is."""
    if feature_set != "native":
        return []
    return [name in NATIVE_CATEGORIES for name in (*NATIVE_CODES, *NATIVE_NUMBERS) if name in columns]
