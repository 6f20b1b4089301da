"""`GET /v1/donostia_parking/forecasts`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, create_model

from mlops_assets.donostia_parking import DOMAIN, defaults
from mlops_assets.donostia_parking.model_contracts import FORECASTS
from mlops_assets.donostia_parking.serving.forecasts import Forecasts
from mlops_assets.serving.request_ids import current_request_id
from mlops_assets.serving.rest.replies import JSONReply

if TYPE_CHECKING:
    from mlops_assets.serving.service import PredictionService
    from mlops_assets.stores.registry import Stores

_TYPES: dict[str, Any] = {"string": str, "bool": bool, "timestamp": datetime, "int8": int, "int32": int, "float64": float}
_SAID_ONCE = ("issue_date", "created_at", "city_code", "model_version", "model_run_id")


class Question(BaseModel):
    """What may be asked."""

    model_config = ConfigDict(extra="forbid")

    car_park: str | None = Field(
        None,
        max_length=200,
        description="Identifier or name of a car park, or `city_total` for all of them together; every car park if left out.",
    )
    hours: int | None = Field(
        None,
        ge=1,
        le=defaults.LONGEST_HORIZON_HOURS,
        description="How many hours ahead, at most as many as the champion forecasts; all of them if left out.",
    )


class ModelVersion(BaseModel):
    """Who answered."""

    domain: str
    name: str
    version: int | None = Field(description="Null of a bundle from a folder.")
    run_id: str | None = Field(description="The MLflow run that trained it; null of a bundle from a folder.")


_FORECAST_FIELDS: dict[str, Any] = {
    "car_park_name": (str, Field(description="What the car park is called now; its identifier if that is not known.")),
    **{
        column.name: (_TYPES[column.type] | None if column.nullable else _TYPES[column.type], Field(description=column.description))
        for column in FORECASTS.columns
        if column.name not in _SAID_ONCE
    },
}
Forecast = create_model("Forecast", __doc__="The free spaces to expect in an hour, as in `forecasts`.", **_FORECAST_FIELDS)


class CityForecasts(BaseModel):
    """The answer."""

    request_id: str
    model: ModelVersion
    city_code: str
    created_at: datetime = Field(description="The last full hour; forecasts are about hours that began then or later.")
    data_until: datetime = Field(description="End of the newest hour with a trusted value.")
    forecasts: list[Forecast] = Field(description="By car park and hour.")


def build_router(
    service: PredictionService, stores: Stores, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
) -> APIRouter:
    """Return the route; errors of requests leave it.

    Args:
        service: knows the champion.
        stores: where the hours are.
        now: the clock.
    """
    router, forecasts = APIRouter(tags=[DOMAIN]), Forecasts(service, stores, now)

    @router.get(f"/v1/{DOMAIN}/forecasts", summary="How many spaces will be free?", response_model=CityForecasts)
    async def forecast(question: Annotated[Question, Query()]) -> JSONReply:
        """Forecast free spaces from the last full hour on, with intervals that hold 80 and 95 % of what happens."""
        started = time.perf_counter()
        current = await forecasts.current(question.hours)
        rows = current.of_car_park(question.car_park)
        if question.hours is not None:
            rows = [row for row in rows if row["horizon_hours"] <= question.hours]
        served = current.served
        service.metrics.count_predictions(served.name, "rest", len(rows), time.perf_counter() - started)
        return JSONReply(
            {
                "request_id": current_request_id(),
                "model": served.identity,
                "city_code": served.bundle.predictor.city_code,
                "created_at": current.created_at,
                "data_until": current.data_until,
                "forecasts": rows,
            }
        )

    return router
