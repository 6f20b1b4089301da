"""The contracts of this domain's data tables: car parks, readings, rejects, and the hourly series.

Snapshots are no table: they are the raw responses, one object per request; see `landing`. Partitions are calendar days in the
city's time zone: Europe/Madrid for Donostia, Europe/London for Birmingham. A day has 23, 24 or 25 hours.
"""

from mlops_assets.contracts import Column, TableContract
from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.tabular.export_files import export_files_contract

CITY_CODES = ("donostia", "birmingham")
CITY_TOTAL_ID = "city_total"
"""Stands as `car_park_id` on the rows of `hourly_free` that sum up the city."""

REJECT_REASONS = (
    "malformed_snapshot",
    "empty_snapshot",
    "malformed_record",
    "missing_value",
    "unreadable_value",
    "outside_day",
    "duplicate",
)

_CITY = Column("city_code", "string", "City that the car park is in.", allowed=CITY_CODES)
_CAR_PARK_ID = Column(
    "car_park_id",
    "string",
    "The feed's identifier of the car park, which outlives its names. In historical files with names alone: the identifier known "
    "for the name, or else the name.",
)
_SOURCE_NAME = Column("source_name", "string", "Landed object that the record came from.")
_NAME = Column("car_park_name", "string", "Name as the feed gave it at the time.")
_TOTAL = Column(
    "capacity",
    "int32",
    "Spaces of the car park, public and residents'; empty if not given.",
    "space",
    True,
    minimum=0,
    former_name="total_places",
)
_LATITUDE = Column("latitude_deg", "float64", "Latitude (WGS 84); empty if not given.", "degree", True, minimum=-90, maximum=90)
_LONGITUDE = Column(
    "longitude_deg", "float64", "Longitude (WGS 84); empty if not given.", "degree", True, minimum=-180, maximum=180
)
_IS_STALE = Column(
    "is_stale",
    "bool",
    "Whether the feed was stale: for at least three hours every car park had repeated its value in every reading.",
    former_name="is_frozen",
)
_IS_ALWAYS_ZERO = Column(
    "is_stuck_at_zero",
    "bool",
    "Whether the car park had shown 0 in every reading for at least a day: a missing sensor more likely than a full car park.",
    former_name="is_always_zero",
)

_ATTRIBUTES = (
    _NAME,
    Column("car_park_type", "string", "The feed's type, for example LIB.", nullable=True),
    _TOTAL,
    Column("public_spaces", "int32", "Spaces for everybody.", "space", True, minimum=0, former_name="public_places"),
    Column("resident_spaces", "int32", "Spaces for residents.", "space", True, minimum=0, former_name="resident_places"),
    Column("x_m", "float64", "Easting in UTM zone 30N (EPSG:25830); empty if not given.", "metre", True),
    Column("y_m", "float64", "Northing in UTM zone 30N (EPSG:25830); empty if not given.", "metre", True),
    _LATITUDE,
    _LONGITUDE,
    Column(
        "prices_eur",
        "json",
        "The feed's list of prices, ten of them and rising; for how long a stay each is, the feed does not say.",
        "euro",
        True,
    ),
)

CAR_PARK_SIGHTINGS = TableContract(
    domain=DOMAIN,
    name="car_park_sightings",
    description=(
        "One row per car park and stretch of the day in which the feed said the same about it, free spaces aside. "
        "`car_parks` is made from them."
    ),
    columns=(
        _CITY,
        _CAR_PARK_ID,
        Column("first_seen_at", "timestamp", "First reading of the stretch."),
        Column("last_seen_at", "timestamp", "Last reading of the stretch."),
        *_ATTRIBUTES,
    ),
    key=("city_code", "car_park_id", "first_seen_at"),
)

CAR_PARKS = TableContract(
    domain=DOMAIN,
    name="car_parks",
    description=(
        "One row per car park and version: a new row begins when its name, type, places, position or prices change. What a "
        "recording leaves out counts as unchanged."
    ),
    columns=(
        _CITY,
        _CAR_PARK_ID,
        Column("valid_from_at", "timestamp", "When the version was first seen."),
        Column(
            "valid_to_at",
            "timestamp",
            "When the next version was first seen, or this one last, if the car park has been missing for a week since; empty "
            "while the version stands.",
            nullable=True,
        ),
        Column("is_current", "bool", "Whether the version still stands."),
        Column("last_seen_at", "timestamp", "When the version was last seen."),
        *_ATTRIBUTES,
    ),
    key=("city_code", "car_park_id", "valid_from_at"),
)

READINGS = TableContract(
    domain=DOMAIN,
    name="readings",
    description=(
        "One row per car park and reading of the day, as the feed gave it. Suspect values are flagged, not changed. The "
        "partition is a calendar day in the city's time zone."
    ),
    columns=(
        _CITY,
        Column("read_at", "timestamp", "When the feed was read; in the Birmingham recording, when the car park last reported."),
        _CAR_PARK_ID,
        _NAME,
        Column(
            "free_spaces",
            "int32",
            "Free spaces as given, even below 0.",
            "space",
            minimum=-100_000,
            maximum=100_000,
            former_name="free_places",
        ),
        _TOTAL,
        _LATITUDE,
        _LONGITUDE,
        Column("is_negative", "bool", "Whether fewer than no places are free."),
        Column("is_over_capacity", "bool", "Whether more places are free than there are; false if the places are not known."),
        _IS_STALE,
        _IS_ALWAYS_ZERO,
        _SOURCE_NAME,
        Column(
            "unread_values",
            "string",
            "What the record says besides free spaces and cannot be read, such as `public places 'many'`; it counts as not given.",
            nullable=True,
        ),
    ),
    key=("city_code", "read_at", "car_park_id"),
)

REJECTED_READINGS = TableContract(
    domain=DOMAIN,
    name="rejected_readings",
    description=(
        "One row per record, or whole snapshot, of the day that did not become a reading, with the reason and the text as it was."
    ),
    columns=(
        Column("requested_at", "timestamp", "When the snapshot was requested."),
        _SOURCE_NAME,
        Column("reason_code", "string", "Kind of reason.", allowed=REJECT_REASONS),
        Column("reason", "string", "The reason in words, naming the field and the value."),
        Column(
            "raw_text",
            "string",
            "The record as it came: JSON, or a line of CSV; of a snapshot without records the first 2 000 characters.",
        ),
        Column(
            "car_park_id", "string", "Car park that the record describes, as in `readings`; empty if it does not say.", None, True
        ),
        Column("car_park_name", "string", "Its name as the feed gave it at the time.", nullable=True),
    ),
)

EXPORT_FILES = export_files_contract(DOMAIN, partition="day")

HOURLY_FREE = TableContract(
    domain=DOMAIN,
    name="hourly_free",
    description=(
        "One row per hour of the day and car park, and per hour for the city: the last reading of the hour. An hour without a "
        "reading repeats the last one for a few hours, flagged, and then stays empty. The partition is a calendar day of 23, 24 "
        "or 25 hours in the city's time zone."
    ),
    columns=(
        _CITY,
        Column("car_park_id", "string", f"The car park, or `{CITY_TOTAL_ID}` for the sum over those that have a value."),
        Column("hour_at", "timestamp", "Beginning of the hour."),
        Column("is_city_total", "bool", "Whether the row is the city's, and not a car park's."),
        Column("local_date", "date", "Day in the city's time zone: the partition."),
        Column(
            "local_hour",
            "int8",
            "Hour by the city's clocks; one occurs twice in autumn, one is missing in spring.",
            None,
            False,
            minimum=0,
            maximum=23,
        ),
        Column(
            "free_spaces",
            "int32",
            "Free spaces at the last reading, kept between 0 and its capacity; empty without a reading.",
            "space",
            True,
            minimum=0,
            former_name="free_places",
        ),
        Column(
            "capacity",
            "int32",
            "Spaces of the car park, or of those summed up; empty if not known.",
            "space",
            True,
            minimum=0,
            former_name="total_places",
        ),
        Column("read_at", "timestamp", "Moment of the reading; of the newest one for the city.", nullable=True),
        Column("is_filled", "bool", "Whether the value is repeated from an earlier hour; for the city, any of its values."),
        Column(
            "is_complete",
            "bool",
            "Whether there is a value; for the city, whether there is one for every car park seen that day or the day before.",
        ),
        Column(
            "is_stale",
            "bool",
            "Whether the reading came from a stale feed; for the city, any of its readings. Not for training.",
            former_name="is_frozen",
        ),
        Column(
            "is_stuck_at_zero",
            "bool",
            "Whether the car park has shown 0 for at least a day; for the city, whether all have.",
            former_name="is_always_zero",
        ),
    ),
    key=("city_code", "car_park_id", "hour_at"),
)

DATA_CONTRACTS = (CAR_PARKS, CAR_PARK_SIGHTINGS, READINGS, REJECTED_READINGS, EXPORT_FILES, HOURLY_FREE)
