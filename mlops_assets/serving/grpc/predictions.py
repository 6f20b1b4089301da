"""The service `mlops_assets.v1.Predictions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.serving.errors import RequestError
from mlops_assets.serving.grpc.messages import answer_message, model_message, outcome_message, record_of, status_message
from mlops_assets.serving.grpc.v1 import predictions_pb2 as pb
from mlops_assets.serving.grpc.v1.predictions_pb2_grpc import PredictionsServicer
from mlops_assets.serving.request_ids import current_request_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc

    from mlops_assets.serving.metrics import ServingMetrics
    from mlops_assets.serving.service import Answer, PredictionService

NAME = pb.DESCRIPTOR.services_by_name["Predictions"].full_name


class Predictions(PredictionsServicer):
    """Answers by the service; what it raises becomes status codes in `calls`."""

    def __init__(self, service: PredictionService) -> None:
        """Answer by `service`."""
        self._service = service
        self._metrics: ServingMetrics = service.metrics

    async def Predict(self, request: pb.PredictRequest, context: grpc.aio.ServicerContext) -> pb.Answer:  # noqa: N802
        """Answer for one record."""
        return answer_message(await self._answer(request))

    async def PredictBatch(  # noqa: N802
        self, request: pb.PredictBatchRequest, context: grpc.aio.ServicerContext
    ) -> pb.PredictBatchResponse:
        """Answer for many records, or say for each why not."""
        self._service.require_batch_size(len(request.records))
        outcomes = await self._service.predict_batch_soon(
            request.domain,
            request.model,
            [record_of(record) for record in request.records],
            protocol="grpc",
            request_id=current_request_id(),
        )
        return pb.PredictBatchResponse(outcomes=map(outcome_message, outcomes))

    async def PredictStream(  # noqa: N802
        self, requests: AsyncIterator[pb.PredictRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.Outcome]:
        """Answer for one record after the other, or say why not, and go on."""
        async for request in requests:
            try:
                outcome: Answer | RequestError = await self._answer(request)
            except RequestError as error:
                self._metrics.count_error("grpc", error.code)
                outcome = error
            yield outcome_message(outcome)

    async def ListModels(  # noqa: N802
        self, request: pb.ListModelsRequest, context: grpc.aio.ServicerContext
    ) -> pb.ListModelsResponse:
        """List all models."""
        models = self._service.champions.models
        return pb.ListModelsResponse(models=[status_message(name, status) for name, status in models.items()])

    async def GetModel(self, request: pb.GetModelRequest, context: grpc.aio.ServicerContext) -> pb.Model:  # noqa: N802
        """Describe a champion."""
        return model_message(self._service.champions.get(request.domain, request.model))

    async def _answer(self, request: pb.PredictRequest) -> Answer:
        return await self._service.predict_soon(
            request.domain,
            request.model,
            record_of(request.record),
            protocol="grpc",
            request_id=current_request_id(),
            explain=request.explain,
        )
