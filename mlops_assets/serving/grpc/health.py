"""Health by `grpc.health.v1`: a service is serving while a champion answers for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from grpc_health.v1.health import aio as health
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_assets.serving.service import PredictionService

WHOLE_SERVER = ""
_POLL_SECONDS = 0.5


class ChampionHealth(health.HealthServicer):
    """Says of each service whether a champion answers for it."""

    def __init__(self, service: PredictionService, domains: Mapping[str, str | None]) -> None:
        """Say how the services are.

        Args:
            service: answers.
            domains: the domain whose champions a service asks, by its name; None if it asks those of all.
        """
        super().__init__()
        self._service, self._domains = service, {WHOLE_SERVER: None, **domains}

    async def Check(self, request: HealthCheckRequest, context: Any) -> HealthCheckResponse:  # noqa: N802
        """Say how a service is."""
        await self.update()
        return await super().Check(request, context)

    async def update(self) -> None:
        """Look at the champions, and tell those who watch what has changed."""
        for service, domain in self._domains.items():
            await self.set(service, HealthCheckResponse.SERVING if self._is_ready(domain) else HealthCheckResponse.NOT_SERVING)

    async def update_forever(self) -> None:
        """Update twice a second."""
        while True:
            await self.update()
            await asyncio.sleep(_POLL_SECONDS)

    def _is_ready(self, domain: str | None) -> bool:
        if domain is None or not self._service.is_ready:
            return self._service.is_ready
        return any(status.served is not None for name, status in self._service.champions.models.items() if name.domain == domain)
