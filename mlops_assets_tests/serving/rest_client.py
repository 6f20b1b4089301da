"""REST of a service without a network, and champions that a test names."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from mlops_assets.errors import StoreUnavailableError
from mlops_assets.serving.champions import Champions, ModelName
from mlops_assets.serving.extension import DomainServing
from mlops_assets.serving.metrics import ServingMetrics
from mlops_assets.serving.prediction_log import PredictionLog
from mlops_assets.serving.rest.app import build_app
from mlops_assets.serving.service import PredictionService
from mlops_assets.serving.settings import ServingSettings
from mlops_assets_tests.serving.servers import NOON, Registry

COLOURS, SHAPES = ModelName("examples", "colour_model"), ModelName("examples", "shape_model")
PREDICT = "/v1/models/examples/colour_model/predict"
BALL: dict[str, Any] = {"kind": "ball", "size_m": 1.7, "is_new": True, "seen_at": "2024-01-01T00:00:00Z"}


@dataclass
class UnsteadyRegistry(Registry):
    """Champions that a test names, which cannot always be looked up.

    Attributes:
        is_down: whether they cannot be.
    """

    is_down: bool = False

    def names(self) -> list[ModelName]:
        if self.is_down:
            raise StoreUnavailableError("nobody answers")
        return sorted(self.champions)


class Client:
    """Asks an application as a client at some address does."""

    def __init__(self, app: Any, address: str = "127.0.0.1", headers: Mapping[str, str] | None = None) -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 50_000))
        self._headers = dict(headers or {})

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request and return its response."""

        async def send() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self._transport, base_url="http://serving", headers=self._headers, timeout=30
            ) as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Read."""
        return self.request("GET", path, **options)

    def post(self, path: str, content: Any = None, **options: Any) -> httpx.Response:
        """Send JSON as Python writes it, NaN included; bytes and parts of a body are sent as they are."""
        sent = content if isinstance(content, bytes) or hasattr(content, "__aiter__") else json.dumps(content)
        return self.request("POST", path, content=sent, **options)


async def in_parts(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield a body whose length no header tells."""
    for part in parts:
        yield part


def build_service(
    source: Any, log: PredictionLog | None = None, required: Sequence[ModelName] = (), **settings: Any
) -> PredictionService:
    """Return a service whose champions have been looked up once."""
    champions = Champions(source, lambda: NOON, required)
    champions.refresh()
    metrics = ServingMetrics()
    metrics.watch(champions, log)
    return PredictionService(champions, ServingSettings(_env_file=None, **settings), metrics, log, lambda: NOON)


def client_of(service: PredictionService, extensions: Sequence[DomainServing] = (), **options: Any) -> Client:
    """Return a client of a service's REST."""
    stores: Any = None
    return Client(build_app(service, extensions, stores), **options)


def error_of(response: httpx.Response, status: int, code: str) -> dict[str, str]:
    """Check the form of an error, and return its messages by field."""
    body = response.json()
    assert (response.status_code, body["error"]["code"]) == (status, code), body
    assert body.keys() == {"request_id", "error"}
    assert body["error"].keys() == {"code", "message", "fields"}
    assert body["error"]["message"]
    assert response.headers["x-request-id"] == body["request_id"]
    return {each["field"]: each["message"] for each in body["error"]["fields"]}


def access_lines(records: Iterable[logging.LogRecord]) -> list[dict[str, Any]]:
    """Return what the access log says of each request."""
    return [vars(record)["fields"] for record in records if record.name == "mlops_assets.serving.access"]
