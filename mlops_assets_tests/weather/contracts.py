"""The contracts of this domain's tables."""

from mlops_assets.contracts import Column, TableContract

from . import DOMAIN

_MONTH = Column("month", "date", "First day of the calendar month (UTC): the partition.")

TEMPERATURES = TableContract(
    DOMAIN,
    "temperatures",
    "One row per day: how warm it was.",
    (
        Column("measured_date", "date", "Day of the measurement."),
        Column("temperature_c", "float64", "Mean temperature of the day.", "degree Celsius", minimum=-90, maximum=60),
    ),
    key=("measured_date",),
)

MONTHLY_MEANS = TableContract(
    DOMAIN,
    "monthly_means",
    "One row per month: the mean of its days.",
    (_MONTH, TEMPERATURES.column("temperature_c")),
    key=("month",),
    partition_column="month",
)

STATION_NOTES = TableContract(
    DOMAIN,
    "station_notes",
    "One row per note about a station.",
    (Column("station", "string", "Which station: the partition."), Column("note", "string", "What somebody noted.")),
    key=("station", "note"),
    partition_column="station",
)

CONTRACTS = (TEMPERATURES, MONTHLY_MEANS, STATION_NOTES)
