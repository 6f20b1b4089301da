"""Between the messages of `mlops_assets.v1` and what the service takes and gives."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from google.protobuf.struct_pb2 import NULL_VALUE
from google.protobuf.timestamp_pb2 import Timestamp

from mlops_assets.serving.grpc.v1 import predictions_pb2 as pb
from mlops_assets.serving.service import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_assets.contracts import Column
    from mlops_assets.ml.bundle import Provenance
    from mlops_assets.ml.explanation import Contribution
    from mlops_assets.serving.champions import ModelName, ModelStatus, ServedModel
    from mlops_assets.serving.errors import RequestError


def record_of(message: pb.Record) -> dict[str, Any]:
    """Return a raw record, as JSON would give it, but with times as such."""
    return {name: _value_of(value) for name, value in message.fields.items()}


def _value_of(value: pb.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind is None or kind == "null":
        return None
    if kind == "time":
        return _time_of(value.time)
    return getattr(value, kind)


def _time_of(timestamp: Timestamp) -> Any:
    try:
        return timestamp.ToDatetime(timezone.utc)
    except (ValueError, OverflowError):
        # No type of column takes this, so that the error about the field stands beside those of other fields.
        return timestamp


def answer_message(answer: Answer) -> pb.Answer:
    """Return an answer."""
    value: Any = {"is_predicted": answer.value} if isinstance(answer.value, bool) else {"predicted_class": answer.value}
    return pb.Answer(
        model=version_message(answer.served.name, answer.served),
        probability=answer.probability,
        probabilities=answer.probabilities,
        unknown_inputs=answer.unknown,
        explanation=[_contribution_message(each) for each in answer.explanation or ()],
        **value,
    )


def _contribution_message(contribution: Contribution) -> pb.Contribution:
    return pb.Contribution(
        input=contribution.name,
        value=value_message(contribution.value),
        typical=value_message(contribution.typical),
        effect=contribution.effect,
    )


def value_message(value: Any) -> pb.Value:
    """Return a value of a record."""
    if value is None:
        return pb.Value(null=NULL_VALUE)
    if isinstance(value, bool):
        return pb.Value(flag=value)
    if isinstance(value, int):
        return pb.Value(whole=value)
    if isinstance(value, float):
        return pb.Value(number=value)
    if isinstance(value, datetime):
        return pb.Value(time=_timestamp(value))
    return pb.Value(text=str(value))


def outcome_message(outcome: Answer | RequestError) -> pb.Outcome:
    """Return an answer, or why there is none."""
    if isinstance(outcome, Answer):
        return pb.Outcome(answer=answer_message(outcome))
    fields = [pb.FieldError(field=each.field, message=each.message) for each in outcome.fields]
    return pb.Outcome(error=pb.Error(code=outcome.code, message=str(outcome), fields=fields))


def version_message(name: ModelName, served: ServedModel | None) -> pb.ModelVersion:
    """Return a model's name, with version and run of its champion if there is one."""
    if served is None:
        return pb.ModelVersion(domain=name.domain, name=name.name)
    return pb.ModelVersion(domain=name.domain, name=name.name, version=served.version.version, run_id=served.version.run_id)


def status_message(name: ModelName, status: ModelStatus) -> pb.ModelStatus:
    """Return how a model is."""
    return pb.ModelStatus(
        model=version_message(name, status.served), is_ready=status.served is not None, problem=status.problem or ""
    )


def model_message(served: ServedModel) -> pb.Model:
    """Return what a champion takes, how good it is, and where it comes from."""
    provenance = served.bundle.provenance
    return pb.Model(
        model=version_message(served.name, served),
        loaded_at=_timestamp(served.loaded_at),
        columns=[_column_message(column) for column in served.bundle.input_contract.columns],
        lineage=_lineage_message(provenance),
        metrics=_defined(provenance.metrics),
        baselines=[
            pb.BaselineMetrics(name=name, metrics=_defined(metrics)) for name, metrics in provenance.baseline_metrics.items()
        ],
    )


def _column_message(column: Column) -> pb.Column:
    return pb.Column(
        name=column.name,
        type=column.type,
        description=column.description,
        unit=column.unit,
        is_required=not column.nullable,
        allowed=column.allowed,
        pattern=column.pattern,
        minimum=column.minimum,
        maximum=column.maximum,
    )


def _lineage_message(provenance: Provenance) -> pb.Lineage:
    return pb.Lineage(
        estimator=provenance.estimator_name,
        fingerprint=provenance.fingerprint,
        training_start_at=_timestamp(provenance.training_start_at),
        training_end_at=_timestamp(provenance.training_end_at),
        training_rows=provenance.training_rows,
        seed=provenance.seed,
        features=provenance.feature_names,
        library_versions=provenance.library_versions,
    )


def _defined(metrics: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if value is not None}


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
