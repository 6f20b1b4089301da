"""What a domain adds to serving, in its module `serving`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import grpc
    from fastapi import APIRouter

    from mlops_assets.serving.graphql import QueryField
    from mlops_assets.serving.service import PredictionService
    from mlops_assets.stores.registry import Stores


@dataclass(frozen=True)
class DomainServing:
    """A domain's part of serving.

    Attributes:
        domain: its name.
        models: names of its models, whether or not one of their versions is champion.
        build_router: makes REST routes of its own; None if it has none.
        graphql_fields: makes fields of the GraphQL query of its own; None if it has none.
        add_grpc: adds gRPC services of its own to a server, and returns their full names for reflection; None if it has none.
    """

    domain: str
    models: Sequence[str]
    build_router: Callable[[PredictionService, Stores], APIRouter] | None = None
    graphql_fields: Callable[[PredictionService], Sequence[QueryField]] | None = None
    add_grpc: Callable[[PredictionService, grpc.aio.Server], Sequence[str]] | None = None
