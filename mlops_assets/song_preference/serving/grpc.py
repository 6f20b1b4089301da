"""The service `Predictor` of the original."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.serving.grpc.calls import add_trailing_metadata
from mlops_assets.song_preference.modelling.features import ORIGINAL_FEATURES
from mlops_assets.song_preference.serving import predict_pb2 as pb
from mlops_assets.song_preference.serving.original import ask
from mlops_assets.song_preference.serving.predict_pb2_grpc import PredictorServicer, add_PredictorServicer_to_server

if TYPE_CHECKING:
    import grpc

    from mlops_assets.serving.service import PredictionService


class Predictor(PredictorServicer):
    """Answers as the original does; metadata after the answer say what it does not."""

    def __init__(self, service: PredictionService) -> None:
        """Answer by `service`."""
        self._service = service

    async def Predict(self, request: pb.PredictRequest, context: grpc.aio.ServicerContext) -> pb.PredictResponse:  # noqa: N802
        """Answer about four features."""
        reply = await ask(self._service, {name: getattr(request, name) for name in ORIGINAL_FEATURES}, "grpc")
        add_trailing_metadata(context, *reply.headers().items())
        return pb.PredictResponse(int_output=reply.is_liked, str_output=reply.text)


def add_predictor(service: PredictionService, server: grpc.aio.Server) -> list[str]:
    """Add the service to a server, and return its name."""
    add_PredictorServicer_to_server(Predictor(service), server)
    return [pb.DESCRIPTOR.services_by_name["Predictor"].full_name]
