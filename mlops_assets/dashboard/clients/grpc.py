"""Asking by gRPC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlops_assets.dashboard.clients.answers import KEY_HEADER, TIMEOUT_SECONDS, Answer, Effect, refusal, timed, unreachable
from mlops_assets.errors import TransientError

if TYPE_CHECKING:
    import grpc

    from mlops_assets.serving.grpc.v1 import predictions_pb2 as pb
    from mlops_assets.serving.grpc.v1.predictions_pb2_grpc import PredictionsStub


class GrpcClient:
    """Asks by gRPC, on one channel that is kept."""

    def __init__(self, target: str, api_key: str | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """Ask serving at `target`, a host and a port. The channel is not encrypted."""
        self._target, self._timeout = target, timeout_seconds
        self._metadata = ((KEY_HEADER.lower(), api_key),) if api_key else ()

    @cached_property
    def _stub(self) -> PredictionsStub:
        import grpc

        from mlops_assets.serving.grpc.v1.predictions_pb2_grpc import PredictionsStub

        return PredictionsStub(grpc.insecure_channel(self._target))

    def ask(self, domain: str, model: str, record: Mapping[str, Any], *, explain: bool) -> Answer:
        """Ask about one raw record; see `PredictionClient`."""
        from mlops_assets.serving.grpc.v1 import predictions_pb2 as pb

        fields = {name: _message(value) for name, value in record.items()}
        question = pb.PredictRequest(domain=domain, model=model, record=pb.Record(fields=fields), explain=explain)
        found, latency_ms = timed(lambda: self._predict(question))
        return Answer(
            value=getattr(found, found.WhichOneof("value") or "predicted_class"),
            probability=found.probability,
            version=found.model.version if found.model.HasField("version") else None,
            latency_ms=latency_ms,
            unknown=tuple(found.unknown_inputs),
            explanation=tuple(
                Effect(each.input, _value(each.value), _value(each.typical), each.effect) for each in found.explanation
            ),
        )

    def _predict(self, question: pb.PredictRequest) -> pb.Answer:
        import grpc

        try:
            found: pb.Answer = self._stub.Predict(question, timeout=self._timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise self._error(error) from None
        return found

    def _error(self, error: grpc.RpcError) -> Exception:
        import grpc

        code, message = error.code(), error.details() or "serving refuses the question"
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return TransientError(f"{self._target} did not answer within {self._timeout:g} s")
        # Serving itself says so, too, of a model without a champion; its answers end with metadata of their own.
        if code is grpc.StatusCode.UNAVAILABLE and not error.trailing_metadata():
            return unreachable(self._target, "MLOPS_DASHBOARD_GRPC_TARGET")
        return refusal(message)


def _message(value: Any) -> pb.Value:
    from mlops_assets.serving.grpc.v1 import predictions_pb2 as pb

    if value is None:
        # A value of no kind is one that is not known.
        return pb.Value()
    if isinstance(value, bool):
        return pb.Value(flag=value)
    if isinstance(value, int):
        return pb.Value(whole=value)
    return pb.Value(number=value) if isinstance(value, float) else pb.Value(text=str(value))


def _value(message: pb.Value) -> Any:
    kind = message.WhichOneof("kind")
    if kind in (None, "null"):
        return None
    return message.time.ToDatetime(timezone.utc).isoformat() if kind == "time" else getattr(message, kind)
