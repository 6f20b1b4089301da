"""The champion's forecasts from the last full hour on, made once in a while and kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.cities import fold_name
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.modelling.training_window import LONGEST_SILENCE, newest_trusted_hour
from mlops_assets.donostia_parking.serving.recent_hours import read_names, read_recent_hours
from mlops_assets.errors import NotEnoughDataError
from mlops_assets.serving.errors import NotFoundError, UnavailableError

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.serving.champions import Champions, ServedModel
    from mlops_assets.stores.registry import Stores

_MODEL = "forecast_model"
_KEPT_SECONDS = 60.0
_HINT = "run: mlops-assets run read_donostia_parking"


@dataclass(frozen=True, eq=False)
class CurrentForecasts:
    """What a champion says of the hours to come.

    Attributes:
        served: the champion.
        created_at: the moment from which on it forecasts (UTC).
        data_until: the end of the newest hour with a value that can be trusted (UTC).
        table: the columns of the forecaster's outputs and `car_park_name`, by car park and hour.
    """

    served: ServedModel
    created_at: datetime
    data_until: datetime
    table: pd.DataFrame

    def of_car_park(self, wanted: str) -> pd.DataFrame:
        """Return the forecasts of a car park, by its identifier or its name in any spelling.

        Raises:
            NotFoundError: there is none; the message names those that are known.
        """
        names = dict(zip(self.table["car_park_id"], self.table["car_park_name"], strict=True))
        matching = [each for each, name in names.items() if each == wanted or fold_name(name) == fold_name(wanted)]
        if not matching:
            known = ", ".join(sorted(f"{name} ({each})" if name != each else each for each, name in names.items()))
            raise NotFoundError(f"there is no car park {wanted[:100]!r}; car parks: {known}")
        return self.table[self.table["car_park_id"] == matching[0]]


class Forecasts:
    """Makes forecasts; those of one champion and hour are kept for a minute."""

    def __init__(self, champions: Champions, stores: Stores, now: Callable[[], datetime]) -> None:
        """Ask the champion among `champions` about the hours in the lake of `stores`; `now` is the clock."""
        self._champions, self._stores, self._now = champions, stores, now
        self._making = threading.Lock()
        self._kept: tuple[float, CurrentForecasts] | None = None

    def current(self) -> CurrentForecasts:
        """Return the forecasts from the last full hour on.

        Raises:
            NoChampionError: there is no champion.
            UnavailableError: the lake has no hour that is recent.
            TransientError: the lake cannot be reached.
        """
        served = self._champions.get(DOMAIN, _MODEL)
        # As batch does of a day that is not over.
        created_at = self._now().replace(minute=0, second=0, microsecond=0)
        # Whoever comes meanwhile waits for what is being made.
        with self._making:
            if self._kept is not None:
                made_at, kept = self._kept
                is_fresh = time.monotonic() - made_at < _KEPT_SECONDS
                if is_fresh and kept.served is served and kept.created_at == created_at:
                    return kept
            made = self._make(served, created_at)
            self._kept = time.monotonic(), made
            return made

    def _make(self, served: ServedModel, created_at: datetime) -> CurrentForecasts:
        forecaster, lake = served.bundle.predictor, self._stores.lake(DOMAIN)
        rows = read_recent_hours(lake, forecaster, served.bundle.input_contract.column_names, created_at)
        newest = newest_trusted_hour(rows)
        if newest is None or created_at - newest > LONGEST_SILENCE:
            since = "there is none" if newest is None else f"the newest is that of {newest:%Y-%m-%d %H:%M} UTC"
            hours = LONGEST_SILENCE.total_seconds() / 3_600
            raise UnavailableError(
                f"forecasts need a trusted value of the last {hours:g} hours in hourly_free, and {since}; {_HINT}"
            )
        try:
            table = served.bundle.predict(rows, created_at=created_at)
        except NotEnoughDataError as error:
            raise UnavailableError(f"{error}; {_HINT}") from error
        names = {**read_names(lake, forecaster.city_code), CITY_TOTAL_ID: CITY_TOTAL_ID}
        table = table.assign(car_park_name=table["car_park_id"].map(lambda each: names.get(each, each)))
        return CurrentForecasts(served, created_at, newest + forecaster.step, table)
