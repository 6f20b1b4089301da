"""What this domain adds to serving: forecasts from the hours that are in the lake by now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.serving.extension import DomainServing

if TYPE_CHECKING:
    from fastapi import APIRouter

    from mlops_assets.serving.service import PredictionService
    from mlops_assets.stores.registry import Stores


def _build_router(service: PredictionService, stores: Stores) -> APIRouter:
    from mlops_assets.donostia_parking.serving.rest import build_router

    return build_router(service, stores)


SERVING = DomainServing(DOMAIN, ("forecast_model",), _build_router)
