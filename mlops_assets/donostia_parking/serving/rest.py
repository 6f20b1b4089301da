"""`GET /v1/donostia_parking/forecasts`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Response

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.serving.forecasts import CurrentForecasts, Forecasts
from mlops_assets.serving.errors import FieldError, InvalidRecordError
from mlops_assets.serving.request_ids import current_request_id
from mlops_assets.serving.rest.replies import JSONReply

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.serving.service import PredictionService
    from mlops_assets.stores.registry import Stores

_CAR_PARK = "Identifier or name of a car park, or `city_total` for all of them together; every car park if left out."
_HOURS = "How many hours ahead, at most as many as the champion forecasts; all of them if left out."


def build_router(
    service: PredictionService, stores: Stores, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
) -> APIRouter:
    """Return the route; errors of requests leave it.

    Args:
        service: knows the champion.
        stores: where the hours are.
        now: the clock.
    """
    router, forecasts = APIRouter(tags=[DOMAIN]), Forecasts(service.champions, stores, now)

    @router.get(f"/v1/{DOMAIN}/forecasts", summary="How many spaces will be free?")
    async def forecast(
        car_park: Annotated[str | None, Query(max_length=200, description=_CAR_PARK)] = None,
        hours: Annotated[int | None, Query(ge=1, description=_HOURS)] = None,
    ) -> Response:
        """Forecast free spaces from the last full hour on, with intervals that hold 80 and 95 % of what happens."""

        def answer() -> JSONReply:
            current = forecasts.current()
            longest = current.served.bundle.predictor.horizon_hours
            if hours is not None and hours > longest:
                raise InvalidRecordError(
                    "a parameter is not what is expected", [FieldError("hours", f"it must be a whole number from 1 to {longest}")]
                )
            table = current.table if car_park is None else current.of_car_park(car_park)
            return JSONReply({"request_id": request_id, **_body(current, table[table["horizon_hours"] <= (hours or longest)])})

        request_id = current_request_id()
        return await service.execution.run_in_thread(answer)

    return router


def _body(current: CurrentForecasts, table: pd.DataFrame) -> dict[str, Any]:
    served = current.served
    rows = table.drop(columns=["created_at", "city_code"]).to_dict("records")
    return {
        "model": {
            "domain": served.name.domain,
            "name": served.name.name,
            "version": served.version.version,
            "run_id": served.version.run_id,
        },
        "city_code": served.bundle.predictor.city_code,
        "created_at": current.created_at,
        "data_until": current.data_until,
        "forecasts": [{name: _plain(value) for name, value in row.items()} for row in rows],
    }


def _plain(value: Any) -> Any:
    import pandas as pd

    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return None if pd.isna(value) else value
