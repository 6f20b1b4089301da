"""The contracts of this domain's tables from the forecast model to its accuracy.

A forecast is issued at the end of a day and about the hours after it. `issue_date` is that day, by the city's calendar.
"""

from mlops_assets.contracts import Column, TableContract
from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.contracts import HOURLY_FREE
from mlops_assets.ml.promotion import decision_columns

_ISSUE_DATE = Column("issue_date", "date", "Day in the city's time zone at whose end the forecast was issued: the partition.")
_CITY = HOURLY_FREE.column("city_code")
_CAR_PARK_ID = HOURLY_FREE.column("car_park_id")
_IS_CITY_TOTAL = HOURLY_FREE.column("is_city_total")
_HOUR_AT = HOURLY_FREE.column("hour_at")
_CAPACITY = HOURLY_FREE.column("capacity")
_CREATED_AT = Column("created_at", "timestamp", "When the forecast was made; it is about hours that began at this moment or later.")
_HORIZON_HOURS = Column(
    "horizon_hours", "int8", "Which of the hours from `created_at` on: 1 is the first whole one.", "hour", minimum=1
)
_METHOD = Column(
    "method", "string", "Method that the value comes from: the chosen one, or a fallback where that had nothing to say."
)
_MODEL_VERSION = Column("model_version", "int64", "Version of `forecast_model` in the registry.", minimum=1)
_MODEL_RUN_ID = Column("model_run_id", "string", "MLflow run that trained it.")


def _spaces(name: str, description: str) -> Column:
    former_name = name.replace("_spaces", "_places")
    return Column(name, "float64", description, "space", nullable=True, minimum=0, former_name=former_name)


def _share(name: str, description: str) -> Column:
    return Column(name, "float64", description, nullable=True, minimum=0, maximum=1)


_FORECAST_PLACES = _spaces(
    "forecast_spaces", "Expected free spaces, between 0 and its capacity; empty if nothing was ever known of it."
)
_SEASONAL_NAIVE_PLACES = _spaces(
    "seasonal_naive_spaces", "What the same hour of the day before would have said; empty if that is not known."
)

MODEL_INPUT = HOURLY_FREE.derive(
    "forecast_model_input",
    "What the forecast model needs to know of the last weeks: rows of `hourly_free`.",
    dropped=("is_city_total", "local_date", "local_hour", "is_filled", "is_stuck_at_zero"),
    key=(),
)

TRAINING_WINDOW = MODEL_INPUT.derive(
    "training_window",
    "One row per hour and car park, and per hour for the city, of the eight weeks up to the day's end: what its model learns from.",
    key=("city_code", "car_park_id", "hour_at"),
)

FORECAST_METRICS = TableContract(
    domain=DOMAIN,
    name="forecast_metrics",
    description=(
        "How good the day's model would have been in the past, by car park and hours ahead: rolling forecasts for which method and "
        "intervals were chosen by what was known at the time."
    ),
    columns=(
        _ISSUE_DATE,
        Column("run_at", "timestamp", "When the model was trained."),
        _CITY,
        _CAR_PARK_ID,
        Column("horizon_hours", "int8", "Hours ahead; 0 stands for all hours ahead together.", "hour", minimum=0),
        Column("method", "string", "Method that the model uses for this car park now."),
        Column("model_description", "string", "What the method does, and why it was chosen."),
        Column("training_point_count", "int64", "Hours with a trusted value in the training window.", minimum=0),
        Column("history_days", "int32", "Length of the training window.", "day", minimum=1),
        Column("forecast_horizon_hours", "int8", "How far the model forecasts.", "hour", minimum=1),
        Column("forecast_count", "int64", "Forecasts of the past that were compared with what happened.", minimum=0),
        _spaces("mae_spaces", "Mean absolute error; empty if there was nothing to compare."),
        _spaces("rmse_spaces", "Root of the mean squared error; empty if there was nothing to compare."),
        _spaces("seasonal_naive_mae_spaces", "Mean absolute error of repeating the day before, on the same hours."),
        Column(
            "skill",
            "float64",
            "1 minus the ratio of the two mean absolute errors: 1 is perfect, 0 as good as repeating the day before. Empty if that "
            "makes no error.",
            nullable=True,
            maximum=1,
        ),
        _share("coverage_80", "Share of what happened within the 80 % intervals; empty if there were none."),
        _share("coverage_95", "Share of what happened within the 95 % intervals; empty if there were none."),
        _MODEL_VERSION,
        _MODEL_RUN_ID,
    ),
    key=("issue_date", "city_code", "car_park_id", "horizon_hours"),
    partition_column="issue_date",
)

FORECASTS = TableContract(
    domain=DOMAIN,
    name="forecasts",
    description=(
        "One row per car park and hour to come, and per hour for the city: the free spaces to expect, with intervals. The city is "
        "forecast by itself and not by adding up car parks."
    ),
    columns=(
        _ISSUE_DATE,
        _CREATED_AT,
        _CITY,
        _CAR_PARK_ID,
        _IS_CITY_TOTAL,
        _HOUR_AT,
        _HORIZON_HOURS,
        _FORECAST_PLACES,
        _spaces("low_80_spaces", "Lower end of the interval that holds what happens four times out of five."),
        _spaces("high_80_spaces", "Upper end of it; empty if neither past errors nor its capacity are known."),
        _spaces("low_95_spaces", "Lower end of the interval that holds what happens 19 times out of 20."),
        _spaces("high_95_spaces", "Upper end of it; empty if neither past errors nor its capacity are known."),
        _CAPACITY,
        _METHOD,
        _SEASONAL_NAIVE_PLACES,
        _MODEL_VERSION,
        _MODEL_RUN_ID,
    ),
    key=("issue_date", "city_code", "car_park_id", "hour_at"),
    partition_column="issue_date",
)

FORECAST_ACCURACY = TableContract(
    domain=DOMAIN,
    name="forecast_accuracy",
    description="One row per forecast about an hour of the day, beside what happened.",
    columns=(
        Column("local_date", "date", "Day in the city's time zone that the hour belongs to: the partition."),
        _ISSUE_DATE,
        _CREATED_AT,
        _CITY,
        _CAR_PARK_ID,
        _IS_CITY_TOTAL,
        _HOUR_AT,
        _HORIZON_HOURS,
        _METHOD,
        _FORECAST_PLACES,
        _spaces("actual_spaces", "Free spaces that the hour had; empty if there was no trusted reading."),
        Column(
            "error_spaces",
            "float64",
            "Forecast minus actual free spaces; empty if one of them is not known.",
            "space",
            nullable=True,
            former_name="error_places",
        ),
        Column(
            "seasonal_naive_error_spaces",
            "float64",
            "The same for repeating the day before; empty if one of them is not known.",
            "space",
            nullable=True,
            former_name="seasonal_naive_error_places",
        ),
        Column(
            "is_within_80", "bool", "Whether the 80 % interval held it; empty where one of the two is not known.", nullable=True
        ),
        Column(
            "is_within_95", "bool", "Whether the 95 % interval held it; empty where one of the two is not known.", nullable=True
        ),
        _MODEL_VERSION,
        _MODEL_RUN_ID,
    ),
    key=("local_date", "issue_date", "city_code", "car_park_id", "hour_at"),
    partition_column="local_date",
)

FORECAST_CHAMPION = TableContract(
    domain=DOMAIN,
    name="forecast_champion",
    description="One row per evaluated model version: whether it was promoted, and its backtest beside the naive forecast.",
    columns=(
        *decision_columns(
            ("promote_first", "promote", "rejected_by_gate"),
            "Outcome: promoted without or against a champion, or stopped by the quality gate.",
        ),
        Column(
            "mae_spaces",
            "float64",
            "Mean absolute error for the city total in rolling backtests.",
            "space",
            True,
            minimum=0,
            former_name="mae_places",
        ),
        Column(
            "seasonal_naive_mae_spaces",
            "float64",
            "Mean absolute error of repeating the day before (seasonal naive), on the same hours.",
            "space",
            True,
            minimum=0,
            former_name="seasonal_naive_mae_places",
        ),
    ),
    key=("challenger_version",),
)


MODEL_CONTRACTS = (TRAINING_WINDOW, FORECAST_METRICS, FORECASTS, FORECAST_ACCURACY, FORECAST_CHAMPION)
