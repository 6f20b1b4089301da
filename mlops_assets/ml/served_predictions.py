"""Questions and answers of serving as tables: events become rows or kept rejects, and rows are compared with training."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from mlops_assets.contracts import Column, TableContract
from mlops_assets.contracts.frames import read_json_record, rows_to_frame
from mlops_assets.contracts.text import writable_text
from mlops_assets.errors import ContractError
from mlops_assets.ml.drift import measure_drift
from mlops_assets.ml.retraining import DriftLimits, drifted_features

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    import pyarrow as pa

    from mlops_assets.ml.bundle import Bundle

TOPIC = "served_predictions"
"""The topic of the event log, in that of each domain, to which serving appends every answer."""

Protocol = Literal["rest", "graphql", "grpc"]
PROTOCOLS: tuple[str, ...] = get_args(Protocol)
REJECT_REASONS = ("malformed_event", "duplicate")

_LONGEST_RAW_TEXT = 10_000
_ANSWERED_DATE = Column("answered_date", "date", "Day in UTC on which it was answered: the partition.")


def _share(name: str, description: str, *, nullable: bool = False) -> Column:
    return Column(name, "float64", description, nullable=nullable, minimum=0, maximum=1)


def served_predictions_contract(domain: str) -> TableContract:
    """Return the contract of what a domain's served models were asked, and answered."""
    return TableContract(
        domain,
        "served_predictions",
        "One row per record that serving answered, by any protocol, with the record as the model got it and what it said.",
        columns=(
            _ANSWERED_DATE,
            Column("prediction_id", "string", "Identifies the answer; an event that was logged twice is one answer."),
            Column("request_id", "string", "The request, which may have asked about several records."),
            Column("answered_at", "timestamp", "When it was answered."),
            Column("model_name", "string", "Model that answered."),
            Column(
                "model_version", "int64", "Its version in the registry; empty of a bundle from a folder.", nullable=True, minimum=1
            ),
            Column("model_run_id", "string", "MLflow run that trained it; empty of a bundle from a folder.", nullable=True),
            Column("protocol", "string", "Protocol by which it was asked.", allowed=PROTOCOLS),
            Column("record", "json", "The record, by column of the model's input; null where it was not known."),
            Column("prediction", "json", "All that the model said, by column of its output."),
            Column("value", "string", "The prediction itself: `true` or `false`, or the likeliest class."),
            Column("probability", "float64", "Probability of yes, or of the likeliest class.", minimum=0, maximum=1),
            Column("duration_ms", "float64", "How long the answer took, in a batch that of the batch.", "millisecond", minimum=0),
        ),
        key=("answered_date", "prediction_id"),
        partition_column="answered_date",
    )


def rejected_predictions_contract(domain: str) -> TableContract:
    """Return the contract of the events of a domain's served models that did not become rows of `served_predictions`."""
    return TableContract(
        domain,
        "rejected_served_predictions",
        "One row per event of serving that did not become a row of `served_predictions`, with the reason and the event as it was.",
        columns=(
            Column("log_partition", "int32", "Partition of the event log that holds the event.", minimum=0),
            Column("log_offset", "int64", "Its offset there.", minimum=0),
            Column("event_at", "timestamp", "When the event happened, by its log."),
            Column("reason_code", "string", "Kind of reason.", allowed=REJECT_REASONS),
            Column("reason", "string", "The reason in words, naming the field."),
            Column("raw_text", "string", f"The event, or its first {_LONGEST_RAW_TEXT:,} characters."),
        ),
        key=("log_partition", "log_offset"),
    )


def served_drift_contract(domain: str) -> TableContract:
    """Return the contract of how far a day's questions are from what the versions that answered had learned from."""
    return TableContract(
        domain,
        "served_drift",
        "How far the records that serving was asked about on a day are from training, by the version that answered and by feature.",
        columns=(
            _ANSWERED_DATE,
            Column("model_name", "string", "Model that answered."),
            Column("model_version", "int64", "Version that answered.", minimum=1),
            Column("feature", "string", "What is compared: an input, something made of inputs, or the score."),
            Column("kind", "string", "Whether it is a number.", allowed=("numeric", "categorical")),
            Column("psi", "float64", "Population stability index between training and what was asked.", nullable=True, minimum=0),
            _share("ks", "Kolmogorov-Smirnov statistic: largest distance of the two distributions.", nullable=True),
            _share("missing_share_reference", "Share of training rows without a value."),
            _share("missing_share_current", "Share of the records that were asked about without a value."),
            Column("row_count", "int64", "Number of records that were asked about.", minimum=0),
            Column(
                "is_over_limit", "bool", "Whether the feature counts as drifted; never of so few records that it could be chance."
            ),
            Column("model_run_id", "string", "MLflow run that trained the version."),
        ),
        key=("answered_date", "model_name", "model_version", "feature"),
        partition_column="answered_date",
    )


def served_contracts(domain: str) -> tuple[TableContract, TableContract, TableContract]:
    """Return the contracts of answers, of rejects and of drift, in this order."""
    return served_predictions_contract(domain), rejected_predictions_contract(domain), served_drift_contract(domain)


_Text = Annotated[str, AfterValidator(writable_text)]


class _Event(BaseModel):
    """An event as serving writes it; fields that a later release adds are passed over."""

    model_config = ConfigDict(strict=True, protected_namespaces=())

    prediction_id: Annotated[_Text, Field(min_length=1)]
    request_id: _Text
    answered_at: AwareDatetime
    domain: str
    model_name: _Text
    model_version: Annotated[int, Field(ge=1, lt=2**63)] | None
    model_run_id: _Text | None
    protocol: Protocol
    record: dict[str, Any]
    prediction: dict[str, Any]
    duration_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class ParsedPredictions:
    """What became of the events of a day.

    Attributes:
        predictions: rows of `served_predictions`, by `answered_at` and `prediction_id`.
        rejects: rows of `rejected_served_predictions`, by place in the log.
    """

    predictions: pd.DataFrame
    rejects: pd.DataFrame


def parse_predictions(events: pa.Table, domain: str, day: date) -> ParsedPredictions:
    """Read the events of a day; each becomes a row or a reject.

    Args:
        events: with the columns of the event log, in any order.
        domain: whose models are asked; events of others are rejects.
        day: the day in UTC on which the log has them.
    """
    rows: dict[str, dict[str, Any]] = {}
    rejects: list[dict[str, Any]] = []
    for event in events.sort_by([("partition", "ascending"), ("offset", "ascending")]).to_pylist():
        code, reason = "malformed_event", ""
        try:
            row = {"answered_date": day, **_read(event["value"], domain)}
        except ValueError as error:
            reason = str(error)
        else:
            if row["prediction_id"] not in rows:
                rows[row["prediction_id"]] = row
                continue
            code, reason = "duplicate", f"prediction {row['prediction_id']} has been logged before"
        rejects.append(
            {
                "log_partition": event["partition"],
                "log_offset": event["offset"],
                "event_at": event["event_at"],
                "reason_code": code,
                "reason": writable_text(reason),
                "raw_text": writable_text((event["value"] or b"").decode(errors="replace")[:_LONGEST_RAW_TEXT]),
            }
        )
    ordered = sorted(rows.values(), key=lambda row: (row["answered_at"], row["prediction_id"]))
    return ParsedPredictions(
        rows_to_frame(ordered, served_predictions_contract(domain)), rows_to_frame(rejects, rejected_predictions_contract(domain))
    )


def read_records(predictions: pd.DataFrame, contract: TableContract) -> tuple[pd.DataFrame, pd.Series]:
    """Return the records of served predictions in the types of a model's input contract, and which of the rows have one.

    Args:
        predictions: rows of `served_predictions`.
        contract: the input contract of the version that answered.
    """
    import pandas as pd

    read = [_read_record(text, contract) for text in predictions["record"]]
    try:
        records = rows_to_frame([row for row in read if row is not None], contract)
    except ContractError:
        # One of them is none for this version; which one, only a look at each says.
        read = [row if row is not None and _is_record(row, contract) else None for row in read]
        records = rows_to_frame([row for row in read if row is not None], contract)
    return records, pd.Series([row is not None for row in read], index=predictions.index, dtype=bool)


def _read_record(text: str, contract: TableContract) -> dict[str, Any] | None:
    try:
        return read_json_record(json.loads(text), contract)
    except (TypeError, ValueError):
        return None


def _is_record(row: Mapping[str, Any], contract: TableContract) -> bool:
    try:
        rows_to_frame([row], contract)
    except ContractError:
        return False
    return True


def measure_served_drift(
    bundle: Bundle[Any],
    predictions: pd.DataFrame,
    *,
    features: Callable[[Bundle[Any], pd.DataFrame], pd.DataFrame],
    score: str,
    limits: DriftLimits,
) -> pd.DataFrame:
    """Compare what a version was asked, and answered, with its training.

    Args:
        bundle: the version, with a reference.
        predictions: rows of `served_predictions` that it answered; those whose record it would not take now are left out.
        features: makes, of the version and of records, the columns of the reference that are no inputs.
        score: what the reference calls the probability.
        limits: from when on a feature counts as drifted.

    Returns:
        Rows of `served_drift`, without day, model, version and run.

    Raises:
        ContractError: the version has no reference, or would take none of the records now.
    """
    if bundle.reference is None:
        raise ContractError(f"model {bundle.provenance.name} holds no reference to measure drift against; train it again")
    records, is_read = read_records(predictions, bundle.input_contract)
    if records.empty:
        raise ContractError(f"none of the {len(predictions):,} records has the columns of {bundle.input_contract.label}")
    current = features(bundle, records).assign(**{score: predictions.loc[is_read, "probability"].to_numpy()})
    drift = measure_drift(bundle.reference, current)
    drifted = drifted_features(drift, limits) if len(records) >= limits.min_rows else []
    return drift.assign(is_over_limit=drift["feature"].isin(drifted))


def _read(value: bytes | None, domain: str) -> dict[str, Any]:
    """Return an event as a row, without the day.

    Raises:
        ValueError: the event is not what serving writes; the message names the field.
    """
    if value is None:
        raise ValueError("the event is empty")
    try:
        event = _Event.model_validate_json(value)
    except ValidationError as error:
        raise ValueError("; ".join(_faults(error))) from None
    if event.domain != domain:
        raise ValueError(f"domain: it is {event.domain[:100]!r}, not {domain!r}")
    prediction = event.prediction
    answer = prediction.get("is_predicted", prediction.get("predicted_class"))
    probability = prediction.get("probability", prediction.get(f"probability_{answer}"))
    if not isinstance(answer, bool | str):
        raise ValueError("prediction: it has neither is_predicted nor predicted_class")
    if isinstance(probability, bool) or not isinstance(probability, int | float) or not 0 <= probability <= 1:
        raise ValueError("prediction: it has no probability from 0 to 1")
    return {
        "prediction_id": event.prediction_id,
        "request_id": event.request_id,
        "answered_at": event.answered_at,
        "model_name": event.model_name,
        "model_version": event.model_version,
        "model_run_id": event.model_run_id,
        "protocol": event.protocol,
        "record": _as_json(event.record),
        "prediction": _as_json(prediction),
        "value": str(answer).lower() if isinstance(answer, bool) else writable_text(answer),
        "probability": float(probability),
        "duration_ms": event.duration_ms,
    }


def _faults(error: Any) -> Iterator[str]:
    for entry in error.errors(include_url=False, include_input=False):
        name = ".".join(map(str, entry["loc"]))
        yield f"{name}: {entry['msg']}" if name else str(entry["msg"])


def _as_json(fields: Mapping[str, Any]) -> str:
    return to_json(_writable(fields), inf_nan_mode="null").decode()


def _writable(value: Any) -> Any:
    """Return JSON without the characters that some store refuses."""
    if isinstance(value, str):
        return writable_text(value)
    if isinstance(value, list):
        return [_writable(each) for each in value]
    if isinstance(value, Mapping):
        return {writable_text(name): _writable(each) for name, each in value.items()}
    return value
