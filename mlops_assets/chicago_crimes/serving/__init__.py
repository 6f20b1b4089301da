"""What this domain adds to serving: the contract of the original system, about crimes as the portal gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.chicago_crimes import DOMAIN
from mlops_assets.serving.extension import DomainServing

if TYPE_CHECKING:
    from fastapi import APIRouter

    from mlops_assets.serving.service import PredictionService
    from mlops_assets.stores.registry import Stores


def _build_router(service: PredictionService, stores: Stores) -> APIRouter:
    from mlops_assets.chicago_crimes.serving.rest import build_router

    return build_router(service)


SERVING = DomainServing(DOMAIN, ("arrest_model",), _build_router)
