"""Donostia's car parks: the original's two panels, with intervals, for the city and each car park."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.model_contracts import FORECAST_ACCURACY, FORECAST_METRICS, FORECASTS
from mlops_assets.grafana.dashboard import Choice, Dashboard
from mlops_assets.grafana.panels import Query, time_series

if TYPE_CHECKING:
    from mlops_assets.grafana.panels import Panel
    from mlops_assets.grafana.warehouses import GrafanaWarehouse

_SPACES = "suffix:spaces"
_BAND = {"lineWidth": 0, "fillOpacity": 15, "showPoints": "never"}


def dashboard(warehouse: GrafanaWarehouse) -> Dashboard:
    """Return the dashboard of a warehouse."""
    forecasts = warehouse.table(FORECASTS)
    return Dashboard(
        "donostia_parking",
        "Donostia parking",
        "Free spaces to expect in the city and in each car park, and how good the forecasts are and were.",
        since="now-14d",
        until="now+2d",
        refresh="5m",
        timezone="Europe/Madrid",
        choices=(
            Choice(
                "car_park",
                "Car park",
                "Whose spaces are shown; city_total is all of them, forecast by itself.",
                f"SELECT DISTINCT car_park_id FROM {forecasts} ORDER BY car_park_id",
                CITY_TOTAL_ID,
            ),
        ),
        panels=(
            _error_over_runs(warehouse.table(FORECAST_METRICS)),
            _latest_forecast(forecasts),
            _what_became_of_forecasts(warehouse, warehouse.table(FORECAST_ACCURACY)),
        ),
    )


def _error_over_runs(metrics: str) -> Panel:
    return time_series(
        "Error over runs",
        "Mean absolute error of each day's model in rolling forecasts of the past, beside that of repeating the day before. A "
        "model that is not better than that is of no use.",
        Query(
            f"SELECT run_at AS time, mae_spaces, seasonal_naive_mae_spaces\nFROM {metrics}\n"
            "WHERE car_park_id = ${car_park:sqlstring} AND horizon_hours = 0 AND $__timeFilter(run_at)\nORDER BY run_at"
        ),
        unit=_SPACES,
        decimals=0,
        minimum=0,
        labels={"mae_spaces": "model", "seasonal_naive_mae_spaces": "repeating the day before"},
        no_value="No model was trained in this time",
    )


def _latest_forecast(forecasts: str) -> Panel:
    return time_series(
        "Latest forecast with intervals",
        "Free spaces to expect in the coming hours. What happens lies in the inner band four times out of five, in the outer one "
        "19 times out of 20.",
        Query(
            "SELECT hour_at AS time, low_95_spaces, low_80_spaces, forecast_spaces, high_80_spaces, high_95_spaces, capacity\n"
            f"FROM {forecasts}\nWHERE car_park_id = ${{car_park:sqlstring}}\n"
            f"  AND created_at = (SELECT MAX(created_at) FROM {forecasts})\nORDER BY hour_at"
        ),
        unit=_SPACES,
        decimals=0,
        minimum=0,
        labels={
            "forecast_spaces": "forecast",
            "low_80_spaces": "80 % from",
            "high_80_spaces": "80 % to",
            "low_95_spaces": "95 % from",
            "high_95_spaces": "95 % to",
        },
        field_custom={
            "low_80_spaces": _BAND,
            "low_95_spaces": _BAND,
            "high_80_spaces": {**_BAND, "fillBelowTo": "low_80_spaces"},
            "high_95_spaces": {**_BAND, "fillBelowTo": "low_95_spaces"},
            "capacity": {"lineWidth": 1, "lineStyle": {"fill": "dash", "dash": [10, 10]}, "showPoints": "never"},
        },
        no_value="There is no forecast",
    )


def _what_became_of_forecasts(warehouse: GrafanaWarehouse, accuracy: str) -> Panel:
    return time_series(
        "What became of the forecasts",
        "Mean absolute error of the forecasts about each day, beside that of repeating the day before, once it was over.",
        Query(
            f"SELECT {warehouse.as_time('local_date')} AS time, AVG(ABS(error_spaces)) AS mae_spaces,\n"
            "  AVG(ABS(seasonal_naive_error_spaces)) AS seasonal_naive_mae_spaces\n"
            f"FROM {accuracy}\nWHERE car_park_id = ${{car_park:sqlstring}} AND error_spaces IS NOT NULL\n"
            "  AND $__timeFilter(hour_at)\nGROUP BY 1\nORDER BY 1"
        ),
        unit=_SPACES,
        decimals=0,
        minimum=0,
        labels={"mae_spaces": "forecast", "seasonal_naive_mae_spaces": "repeating the day before"},
        width=24,
    )
