"""The names and meanings of the model's features. Plain text, so that contracts can speak of features without loading anything."""

from mlops_assets.chicago_crimes.contracts import SEASONS, TIMES_OF_DAY
from mlops_assets.contracts import Column

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

POSITION_COLUMNS = ("x_ft", "y_ft")
PERIODS = {"local_hour": 24, "local_weekday": 7}
"""Columns that come round again, and after how many steps."""


def _features() -> dict[str, tuple[str, str]]:
    """Return, by feature, the column it is made from and its meaning."""
    features = {
        "x_ft": ("x_ft", "East-west position, standardized; unknown positions at the middle."),
        "y_ft": ("y_ft", "North-south position, standardized; unknown positions at the middle."),
        "distance_to_station_log": ("distance_to_station_m", "Logarithm of the distance to the nearest station, standardized."),
        "is_location_known": ("location_status", "1 where the position can be used."),
        "is_domestic": ("is_domestic", "1 for domestic-related crimes."),
    }
    for column in PERIODS:
        features[f"{column}_sin"] = (column, f"Sine of {column} on its circle.")
        features[f"{column}_cos"] = (column, f"Cosine of {column} on its circle.")
    features |= {f"is_season_{season}": ("season", f"1 in {season}.") for season in SEASONS}
    features |= {f"is_time_of_day_{time}": ("time_of_day", f"1 for {time}.") for time in TIMES_OF_DAY}
    for column in CODE_COLUMNS:
        features[f"{column}_frequency"] = (column, f"Share of training rows with this {column}, standardized; 0 share if unseen.")
        features[f"{column}_target_rate"] = (
            column,
            f"Smoothed arrest rate of this {column} in other training rows, standardized; the overall rate if unseen.",
        )
    return features


FEATURES = _features()
"""By feature name: the column that it is made from, and its meaning. The order is the order of columns everywhere."""

FEATURE_NAMES = tuple(FEATURES)

SOURCE_COLUMNS = tuple(dict.fromkeys(source for source, _ in FEATURES.values()))
"""The columns of `enriched_crimes` from which features are made."""

FEATURE_COLUMNS = tuple(Column(name, "float32", meaning) for name, (_, meaning) in FEATURES.items())
"""The features as columns of a contract."""

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
