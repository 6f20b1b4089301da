"""The gRPC server of a process."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from mlops_assets.errors import SettingsError
from mlops_assets.serving.access import ClientCheck
from mlops_assets.serving.grpc import predictions
from mlops_assets.serving.grpc.calls import CallInterceptor
from mlops_assets.serving.grpc.health import ChampionHealth
from mlops_assets.serving.grpc.v1.predictions_pb2_grpc import add_PredictionsServicer_to_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_assets.serving.extension import DomainServing
    from mlops_assets.serving.service import PredictionService
    from mlops_assets.serving.settings import ServingSettings


class GrpcServer:
    """A server that is built and not started.

    Attributes:
        port: where it listens, also if the settings leave it to the system.
        services: full names of what it serves, as reflection lists them.
    """

    def __init__(self, server: grpc.aio.Server, port: int, services: Sequence[str], health: ChampionHealth) -> None:
        """Take a server with all its services."""
        self._server, self.port, self.services, self._health = server, port, tuple(services), health
        self._updates: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to answer; until a champion is ready, health says that nothing is served."""
        await self._health.update()
        await self._server.start()
        self._updates = asyncio.create_task(self._health.update_forever(), name="grpc-health")

    async def stop(self, grace: float | None) -> None:
        """Say that nothing is served any more, let calls in flight end for `grace` seconds, and stop."""
        if self._updates is not None:
            self._updates.cancel()
            with suppress(asyncio.CancelledError):
                await self._updates
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)


def build_grpc_server(service: PredictionService, extensions: Sequence[DomainServing], settings: ServingSettings) -> GrpcServer:
    """Return a server of all services, which listens once it is started. Call it within the event loop that runs it.

    Args:
        service: answers.
        extensions: what domains add.
        settings: host, port, keys and limits; with several workers, processes share the port.

    Raises:
        SettingsError: nobody may listen at the port.
    """
    server = grpc.aio.server(
        interceptors=[CallInterceptor(ClientCheck(settings), service.metrics, settings.max_body_bytes)],
        options=[
            # Otherwise a second server on the port would take half of the calls and nobody would notice.
            ("grpc.so_reuseport", int(settings.workers > 1)),
            ("grpc.max_receive_message_length", settings.max_body_bytes),
        ],
    )
    domains: dict[str, str | None] = {predictions.NAME: None}
    add_PredictionsServicer_to_server(predictions.Predictions(service), server)
    for extension in extensions:
        if extension.add_grpc is not None:
            domains |= dict.fromkeys(extension.add_grpc(service, server), extension.domain)
    health = ChampionHealth(service, domains)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    services = (*domains, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(services, server)
    return GrpcServer(server, _listen(server, settings), services, health)


def _listen(server: grpc.aio.Server, settings: ServingSettings) -> int:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"{host}:{settings.grpc_port}"
    try:
        port: int = server.add_insecure_port(address)
    except RuntimeError as error:
        raise SettingsError(f"cannot listen at {address} for gRPC; choose another port with MLOPS_SERVING_GRPC_PORT") from error
    return port
