"""What this domain adds to serving: the contracts of the original system, next to those of the platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.serving.extension import DomainServing
from mlops_assets.song_preference import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    import grpc
    from fastapi import APIRouter

    from mlops_assets.serving.graphql import QueryField
    from mlops_assets.serving.service import PredictionService
    from mlops_assets.stores.registry import Stores


def _build_router(service: PredictionService, stores: Stores) -> APIRouter:
    from mlops_assets.song_preference.serving.rest import build_router

    return build_router(service)


def _graphql_fields(service: PredictionService) -> Sequence[QueryField]:
    from mlops_assets.song_preference.serving.graphql import query_fields

    return query_fields(service)


def _add_grpc(service: PredictionService, server: grpc.aio.Server) -> Sequence[str]:
    from mlops_assets.song_preference.serving.grpc import add_predictor

    return add_predictor(service, server)


SERVING = DomainServing(DOMAIN, ("preference_model",), _build_router, _graphql_fields, _add_grpc)
