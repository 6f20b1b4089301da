"""The champion's forecasts from the last full hour on, made once in a while and kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.cities import fold_name
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.modelling.training_window import LONGEST_SILENCE, newest_trusted_hour
from mlops_assets.donostia_parking.serving.recent_hours import read_names, read_recent_hours
from mlops_assets.errors import NotEnoughDataError
from mlops_assets.serving.errors import FieldError, InvalidRecordError, NotFoundError, UnavailableError

if TYPE_CHECKING:
    from mlops_assets.serving.champions import ServedModel
    from mlops_assets.serving.service import PredictionService
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
        rows: by identifier of the car park, for each hour the forecaster's outputs without what is the same in all of them.
        names: what car parks are called, by identifier; of those without a name, the identifier.
    """

    served: ServedModel
    created_at: datetime
    data_until: datetime
    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    names: Mapping[str, str]

    def of_car_park(self, wanted: str | None) -> list[Mapping[str, Any]]:
        """Return the forecasts of a car park, by its identifier or its name in any spelling; those of all of them for None.

        Raises:
            NotFoundError: there is none; the message names those that are known.
        """
        if wanted is None:
            return [row for rows in self.rows.values() for row in rows]
        for each, name in self.names.items():
            if each == wanted or fold_name(name) == fold_name(wanted):
                return list(self.rows[each])
        known = ", ".join(sorted(f"{name} ({each})" if name != each else each for each, name in self.names.items()))
        raise NotFoundError(f"there is no car park {wanted[:100]!r}; car parks: {known}")


class Forecasts:
    """Makes forecasts; those of one champion and hour are kept for a minute."""

    def __init__(self, service: PredictionService, stores: Stores, now: Callable[[], datetime]) -> None:
        """Ask the champion of `service` about the hours in the lake of `stores`; `now` is the clock."""
        self._service, self._stores, self._now = service, stores, now
        self._made_for: tuple[ServedModel, datetime] | None = None
        self._making: asyncio.Future[CurrentForecasts] | None = None
        self._made_at = 0.0

    async def current(self, hours: int | None) -> CurrentForecasts:
        """Return the forecasts from the last full hour on.

        Args:
            hours: how far ahead somebody wants to look; None for as far as the champion forecasts.

        Raises:
            NoChampionError: there is no champion.
            InvalidRecordError: the champion does not forecast so far ahead.
            UnavailableError: the lake has no hour that is recent.
            TransientError: the lake cannot be reached.
            DeadlineError: it takes too long.
        """
        served = self._service.champions.get(DOMAIN, _MODEL)
        longest = served.bundle.predictor.horizon_hours
        if hours is not None and hours > longest:
            raise InvalidRecordError(
                "a parameter is not what is expected", [FieldError("hours", f"it must be a whole number from 1 to {longest}")]
            )
        # As batch does of a day that is not over.
        created_at = self._now().replace(minute=0, second=0, microsecond=0)
        # Whoever comes meanwhile waits for what is being made.
        making = self._begun(served, created_at)
        try:
            return await asyncio.shield(making)
        except Exception:
            if self._making is making:
                self._making = None
            raise

    def _begun(self, served: ServedModel, created_at: datetime) -> asyncio.Future[CurrentForecasts]:
        is_old = time.monotonic() - self._made_at >= _KEPT_SECONDS
        if self._making is None or is_old or self._made_for != (served, created_at):
            self._made_for, self._made_at = (served, created_at), time.monotonic()
            making = self._service.execution.run_alone(DOMAIN, lambda: self._make(served, created_at))
            self._making = asyncio.ensure_future(making)
        return self._making

    def _make(self, served: ServedModel, created_at: datetime) -> CurrentForecasts:
        import pyarrow as pa

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
        known = {**read_names(lake, forecaster.city_code), CITY_TOTAL_ID: CITY_TOTAL_ID}
        names = {each: known.get(each, each) for each in table["car_park_id"].unique()}
        table = table.assign(car_park_name=table["car_park_id"].map(names)).drop(columns=["created_at", "city_code"])
        rows = pa.Table.from_pandas(table, preserve_index=False).to_pylist()
        by_car_park = {each: [row for row in rows if row["car_park_id"] == each] for each in names}
        return CurrentForecasts(served, created_at, newest + forecaster.step, by_car_park, names)
