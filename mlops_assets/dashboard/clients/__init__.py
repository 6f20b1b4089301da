"""How the dashboard asks serving: the same question by REST, GraphQL and gRPC, and how long each takes to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.dashboard.clients.answers import Answer, Effect, PredictionClient, RefusedQuestionError
from mlops_assets.dashboard.clients.graphql import GraphQLClient
from mlops_assets.dashboard.clients.grpc import GrpcClient
from mlops_assets.dashboard.clients.rest import RestClient

if TYPE_CHECKING:
    from mlops_assets.dashboard.settings import DashboardSettings

__all__ = [
    "Answer",
    "Effect",
    "GraphQLClient",
    "GrpcClient",
    "PredictionClient",
    "RefusedQuestionError",
    "RestClient",
    "open_clients",
]


def open_clients(settings: DashboardSettings) -> dict[str, PredictionClient]:
    """Return a client for each protocol, by its name for people. Nothing is asked yet."""
    key = settings.api_key.get_secret_value() if settings.api_key else None
    return {
        "REST": RestClient(settings.serving_url, key),
        "GraphQL": GraphQLClient(settings.serving_url, key),
        "gRPC": GrpcClient(settings.grpc_target, key),
    }
