"""The contracts of this domain's source tables: stations, crimes as the portal gives them, rejects, and enriched crimes."""

from mlops_assets.chicago_crimes import DOMAIN
from mlops_assets.contracts import Column, TableContract
from mlops_assets.tabular.export_files import export_files_contract

SEASONS = ("winter", "spring", "summer", "autumn")
TIMES_OF_DAY = ("night", "morning", "afternoon", "evening")
LOCATION_STATUSES = ("known", "missing", "placeholder", "outside_illinois")
REJECT_REASONS = ("malformed_record", "missing_value", "unreadable_value", "outside_month", "superseded")

PROVENANCE_COLUMNS = ("source_name", "unread_values")
"""What a row of `raw_crimes` says about its record; tables made from it leave this out."""

_SOURCE_NAME = Column("source_name", "string", "File or request that the record came from.")

_X = Column("x_ft", "float64", "East-west position in the Illinois East state plane (EPSG:3435).", "US survey foot", True)
_Y = Column("y_ft", "float64", "North-south position in the Illinois East state plane (EPSG:3435).", "US survey foot", True)
_LATITUDE = Column("latitude_deg", "float64", "Latitude (WGS 84).", "degree", nullable=True, minimum=-90, maximum=90)
_LONGITUDE = Column("longitude_deg", "float64", "Longitude (WGS 84).", "degree", nullable=True, minimum=-180, maximum=180)

POLICE_STATIONS = TableContract(
    domain=DOMAIN,
    name="police_stations",
    description=(
        "One row per police station of the city, from the portal's dataset z8bn-74gv. "
        "Headquarters is marked: it serves no district."
    ),
    columns=(
        Column("station_code", "string", "The station's district, or `headquarters`.", pattern=r"\d{3}|headquarters"),
        Column(
            "district_code",
            "string",
            "District that the station serves; empty for Headquarters.",
            None,
            True,
            pattern=r"\d{3}",
        ),
        Column("station_name", "string", "Name of the station's district, for example Central."),
        Column("is_headquarters", "bool", "Whether this is Headquarters, which is never anybody's nearest station."),
        Column("address", "string", "Street address.", nullable=True),
        Column("zip_code", "string", "Postal code.", nullable=True, pattern=r"\d{5}"),
        Column("x_ft", "float64", _X.description, _X.unit),
        Column("y_ft", "float64", _Y.description, _Y.unit),
        Column("latitude_deg", "float64", "Latitude (WGS 84).", "degree", minimum=36.9, maximum=42.6),
        Column("longitude_deg", "float64", "Longitude (WGS 84).", "degree", minimum=-91.6, maximum=-87.0),
    ),
    key=("station_code",),
)

RAW_CRIMES = TableContract(
    domain=DOMAIN,
    name="raw_crimes",
    description=(
        "One row per reported crime of the month, typed and otherwise as the portal's dataset ijzp-q8t2 gives it; of several "
        "versions of a crime the one with the newest `updated_at`."
    ),
    columns=(
        Column("crime_id", "int64", "The portal's identifier of the crime.", minimum=1),
        Column("case_number", "string", "Police records number; several victims of one homicide share it.", nullable=True),
        Column(
            "occurred_at",
            "timestamp",
            "When the crime happened, as reported; midnight often stands for an unknown time.",
        ),
        Column("block", "string", "Street block, house number masked.", nullable=True),
        Column("iucr_code", "string", "Illinois Uniform Crime Reporting code.", pattern="[0-9]{3}[0-9A-Z]"),
        Column("primary_type", "string", "Kind of crime: the first level of the IUCR code."),
        Column("description", "string", "Second level of the IUCR code.", nullable=True),
        Column("location_description", "string", "Kind of place, for example STREET.", nullable=True),
        Column("is_arrest", "bool", "Whether an arrest was made, as known at `updated_at`."),
        Column("is_domestic", "bool", "Whether the crime was domestic-related."),
        Column("beat_code", "string", "Smallest police area.", nullable=True, pattern=r"\d{4}"),
        Column("district_code", "string", "Police district.", nullable=True, pattern=r"\d{3}"),
        Column("ward_code", "string", "City Council ward.", nullable=True, pattern=r"\d{1,2}"),
        Column("community_area_code", "string", "Community area 1 to 77.", nullable=True, pattern=r"\d{1,2}"),
        Column("fbi_code", "string", "FBI crime classification.", nullable=True, pattern=r"\d{2}[A-Z]?"),
        _X,
        _Y,
        Column("updated_at", "timestamp", "When the portal last changed the record.", nullable=True),
        _LATITUDE,
        _LONGITUDE,
        _SOURCE_NAME,
        Column(
            "unread_values",
            "string",
            "Optional values that the record has and that cannot be read, such as `ward 'North'`; their columns are empty.",
            nullable=True,
        ),
    ),
    key=("crime_id",),
)

REJECTED_CRIMES = TableContract(
    domain=DOMAIN,
    name="rejected_crimes",
    description="One row per record that did not become a row of `raw_crimes`, with the reason and the record as it was.",
    columns=(
        _SOURCE_NAME,
        Column("reason_code", "string", "Kind of reason.", allowed=REJECT_REASONS),
        Column("reason", "string", "The reason in words, naming the column and the value."),
        Column("raw_text", "string", "The record as the source gave it: JSON, or the line of a damaged CSV file."),
    ),
)

ENRICHED_CRIMES = RAW_CRIMES.derive(
    "enriched_crimes",
    "One row per crime of the month with where and when in usable form. Coordinates that stand for nothing are emptied; "
    "the row stays.",
    dropped=PROVENANCE_COLUMNS,
    added=(
        Column("location_status", "string", "Whether the position can be used, and if not, why.", allowed=LOCATION_STATUSES),
        Column(
            "nearest_station_code",
            "string",
            "Nearest police station that serves a district.",
            nullable=True,
            pattern=r"\d{3}",
        ),
        Column("distance_to_station_m", "float64", "Straight distance to that station.", "metre", nullable=True, minimum=0),
        Column("season", "string", "Meteorological season.", allowed=SEASONS),
        Column("local_weekday", "int8", "Day of the week in Chicago: 0 Sunday to 6 Saturday.", minimum=0, maximum=6),
        Column("local_hour", "int8", "Hour of the day in Chicago.", minimum=0, maximum=23),
        Column("time_of_day", "string", "Night 0-5, morning 6-11, afternoon 12-17, evening 18-23.", allowed=TIMES_OF_DAY),
    ),
)

EXPORT_FILES = export_files_contract(DOMAIN, partition="month")

DATA_CONTRACTS = (POLICE_STATIONS, RAW_CRIMES, REJECTED_CRIMES, EXPORT_FILES, ENRICHED_CRIMES)
