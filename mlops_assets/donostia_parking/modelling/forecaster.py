"""The fitted forecast model of a city. Rows of the last weeks in, forecasts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlops_assets.contracts import Column
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.model_contracts import FORECASTS
from mlops_assets.donostia_parking.modelling.backtesting import BASELINE, build_city_panel
from mlops_assets.errors import ContractError, PermanentError
from mlops_assets.ml.forecasting.selection import LEVELS
from mlops_assets.ml.forecasting.slots import SeasonalIndex
from mlops_assets.ml.predictors import Forecaster

if TYPE_CHECKING:
    from mlops_assets.ml.forecasting.candidates import FittedCandidate
    from mlops_assets.ml.forecasting.panel import Panel
    from mlops_assets.ml.forecasting.selection import IntervalWidths

_KNOWN_TO_THE_REGISTRY = ("issue_date", "model_version", "model_run_id")
"""Columns of `forecasts` that a model does not know of itself."""
NO_METHOD = "none"
"""Stands as method where nothing was ever known of a car park, so that there is no forecast."""


@dataclass(frozen=True, eq=False)
class CarParkModel:
    """What the model knows of one car park, or of the city.

    Attributes:
        method: the chosen candidate.
        reason: why it was chosen.
        training_points: hours with a trusted value in the training window.
        widths: how wide the intervals are.
        figures: rows of `horizon_table` without the series: what method and intervals reached in rolling forecasts of the past.
    """

    method: str
    reason: str
    training_points: int
    widths: IntervalWidths
    figures: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class CarParkForecaster(Forecaster):
    """A fitted model of all car parks of a city. Equal training gives equal bytes.

    Attributes:
        city_code: which city.
        time_zone: the city's.
        car_parks: what is known of each car park and the city, by identifier.
        forecasters: the fitted methods that are in use, by name; fallbacks last.
        descriptions: what each of them does, by name.
        fallbacks: names of the methods that answer, in this order, where the chosen one has nothing to say.
        horizon_hours: how far the model forecasts.
        history_days: how many days of rows it wants to see.
    """

    city_code: str
    time_zone: str
    car_parks: Mapping[str, CarParkModel]
    forecasters: Mapping[str, FittedCandidate]
    descriptions: Mapping[str, str]
    fallbacks: tuple[str, ...]
    horizon_hours: int
    history_days: int

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        # Bundles of format 1 pickled their provenance along, which the envelope of format 2 says.
        self.__dict__.update({each.name: state[each.name] for each in fields(self)})

    @property
    def time_column(self) -> str:
        """The column of the rows that says which hour each is about."""
        return "hour_at"

    @property
    def outputs(self) -> tuple[Column, ...]:
        """The columns of a forecast."""
        return tuple(column for column in FORECASTS.columns if column.name not in _KNOWN_TO_THE_REGISTRY)

    def forecast(self, records: pd.DataFrame, created_at: datetime) -> pd.DataFrame:
        """Forecast every car park of the rows from a moment on.

        Args:
            records: rows of `hourly_free`, best of the last `history_days` days; fewer do. Hours that begin at `created_at` or
                later are not looked at.
            created_at: the moment of the forecast, with a time zone. The first hour that begins then or later has horizon 1.

        Returns:
            The columns of the contract `FORECASTS` without those of issue and model, by car park and hour.

        Raises:
            ContractError: there are rows of another city.
            NotEnoughDataError: no row is recent.
            PermanentError: the moment has no time zone.
        """
        if created_at.utcoffset() is None:
            raise PermanentError(f"the moment of a forecast needs a time zone, unlike {created_at.isoformat()}")
        others = sorted(set(records["city_code"].unique()) - {self.city_code})
        if others:
            raise ContractError(f"the forecast model knows {self.city_code}, and the rows are of {', '.join(others)}")
        end_at = pd.Timestamp(created_at).tz_convert("UTC").ceil("h")
        start_at = end_at - timedelta(days=self.history_days)
        rows = records[(records["hour_at"] >= start_at) & (records["hour_at"] < end_at)]
        panel = build_city_panel(rows, self.time_zone, end_at=end_at.to_pydatetime())
        said = self._ask_methods(panel)
        places = rows.sort_values("hour_at").groupby("car_park_id")["capacity"].last()
        parts = [self._forecast_car_park(panel, column, said, places[name]) for column, name in enumerate(panel.names)]
        forecast = pd.concat(parts, ignore_index=True).assign(
            created_at=pd.Timestamp(created_at).tz_convert("UTC").as_unit("us"), city_code=self.city_code
        )
        return forecast[[column.name for column in self.outputs]]

    def _ask_methods(self, panel: Panel) -> dict[str, np.ndarray]:
        """Return what each method in use says from the end of the panel on: series, horizon."""
        origin = np.array([len(panel)])
        return {name: method.predict(panel, origin, self.horizon_hours)[0] for name, method in self.forecasters.items()}

    def _forecast_car_park(self, panel: Panel, column: int, said: Mapping[str, np.ndarray], capacity: int | None) -> pd.DataFrame:
        name = panel.names[column]
        known = self.car_parks.get(name)
        limit = np.inf if pd.isna(capacity) else float(capacity)
        forecast, method = np.full(self.horizon_hours, np.nan), np.full(self.horizon_hours, NO_METHOD, dtype=object)
        for candidate in (known.method if known else BASELINE, *self.fallbacks):
            is_answered = np.isnan(forecast) & ~np.isnan(said[candidate][column])
            forecast[is_answered], method[is_answered] = said[candidate][column][is_answered], candidate
        forecast = np.clip(forecast, 0, limit)
        ends = {}
        for level, width in self._half_widths(panel, column).items():
            ends[f"low_{level * 100:.0f}_spaces"] = np.clip(forecast - width, 0, limit)
            ends[f"high_{level * 100:.0f}_spaces"] = np.clip(forecast + width, 0, limit)
        return pd.DataFrame(
            {
                "car_park_id": name,
                "is_city_total": name == CITY_TOTAL_ID,
                "hour_at": pd.date_range(panel.end_at, periods=self.horizon_hours, freq="h", unit="us"),
                "horizon_hours": np.arange(1, self.horizon_hours + 1, dtype=np.int8),
                "forecast_spaces": forecast,
                # Where neither errors nor the car park's places are known, nothing can be said of the upper end.
                **{end: np.where(np.isfinite(values), values, np.nan) for end, values in ends.items()},
                "capacity": pd.array([capacity] * self.horizon_hours, dtype="Int32"),
                "method": method.astype(str),
                "seasonal_naive_spaces": np.clip(said[BASELINE][column], 0, limit),
            }
        )

    def _half_widths(self, panel: Panel, column: int) -> dict[float, np.ndarray]:
        """Return by level how far the ends of a car park's intervals are from its forecasts."""
        known = self.car_parks.get(panel.names[column])
        if known is None:
            return dict.fromkeys(LEVELS, np.full(self.horizon_hours, np.inf))
        slots = SeasonalIndex(panel, self.horizon_hours).hour_of_day[len(panel) :]
        delay = len(panel) - 1 - int(panel.last_known[len(panel), column])
        return {level: known.widths.half_widths(level, slots, delay=delay) for level in LEVELS}


ForecastBundle = CarParkForecaster
"""The class by its name in bundles of format 1."""
