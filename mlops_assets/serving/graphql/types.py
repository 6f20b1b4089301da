"""The output types of the schema. Names are camelCase in GraphQL; names of columns are those of the contract."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import strawberry
from strawberry.scalars import JSON

from mlops_assets.serving.graphql.scalars import Whole
from mlops_assets.serving.service import Answer as ServiceAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_assets.contracts import Column as ContractColumn
    from mlops_assets.ml.bundle import Provenance as BundleProvenance
    from mlops_assets.serving.champions import ModelName, ModelStatus, ServedModel
    from mlops_assets.serving.errors import RequestError


@strawberry.type(description="Which model answers. Bundles from folders have neither version nor run.")
class ModelVersion:
    """A model's name, with version and run of its champion."""

    domain: str
    name: str
    version: int | None
    run_id: str | None

    @classmethod
    def of(cls, name: ModelName, served: ServedModel | None) -> ModelVersion:
        """Return a model's name, with version and run if it has a champion."""
        version = None if served is None else served.version
        return cls(
            domain=name.domain,
            name=name.name,
            version=None if version is None else version.version,
            run_id=None if version is None else version.run_id,
        )


@strawberry.type(description="The probability of a class.")
class ClassProbability:
    """The probability of one of several classes."""

    name: str
    probability: float


@strawberry.type(description="How an input moved the score.")
class Contribution:
    """How an input moved the score."""

    input: str
    value: JSON | None
    typical: JSON | None = strawberry.field(description="What it is in a typical record.")
    effect: float = strawberry.field(description="How much higher the score is than with the typical value.")


@strawberry.type(description="What a model says of a record.")
class Answer:
    """What a model says of a record."""

    model: ModelVersion
    is_predicted: bool | None = strawberry.field(description="Yes or no; null of a model of several classes.")
    predicted_class: str | None = strawberry.field(description="The likeliest of several classes; null of a model of yes and no.")
    probability: float = strawberry.field(description="Of yes, or of the likeliest class.")
    probabilities: list[ClassProbability] = strawberry.field(description="Of each of several classes; empty for yes and no.")
    unknown_inputs: list[str] = strawberry.field(description="Fields that were not given.")
    explanation: list[Contribution] | None = strawberry.field(description="The strongest first; null unless asked for.")

    @classmethod
    def of(cls, answer: ServiceAnswer) -> Answer:
        """Return an answer of the service."""
        value, explanation = answer.value, answer.explanation
        return cls(
            model=ModelVersion.of(answer.served.name, answer.served),
            is_predicted=value if isinstance(value, bool) else None,
            predicted_class=None if isinstance(value, bool) else value,
            probability=answer.probability,
            probabilities=[ClassProbability(name=name, probability=each) for name, each in answer.probabilities.items()],
            unknown_inputs=list(answer.unknown),
            explanation=None if explanation is None else [Contribution(**each.as_dict()) for each in explanation],
        )


@strawberry.type(description="What is wrong with a field.")
class FieldError:
    """What is wrong with a field of a record."""

    field: str
    message: str


@strawberry.type(description="Why a record has no answer.")
class RecordError:
    """Why a record of a batch has no answer."""

    code: str
    message: str
    fields: list[FieldError]


@strawberry.type(description="A record's answer, or why it has none.")
class Outcome:
    """A record's answer, or why it has none."""

    answer: Answer | None
    error: RecordError | None

    @classmethod
    def of(cls, outcome: ServiceAnswer | RequestError) -> Outcome:
        """Return an answer of the service, or an error."""
        if isinstance(outcome, ServiceAnswer):
            return cls(answer=Answer.of(outcome), error=None)
        fields = [FieldError(field=each.field, message=each.message) for each in outcome.fields]
        return cls(answer=None, error=RecordError(code=outcome.code, message=str(outcome), fields=fields))


@strawberry.type(description="A field of a record, as the model's input contract has it.")
class Column:
    """A field of a record."""

    name: str
    type: str
    description: str
    unit: str | None
    is_required: bool
    allowed: list[str] | None = strawberry.field(description="The only values, if they can be listed.")
    pattern: str | None
    minimum: float | None
    maximum: float | None

    @classmethod
    def of(cls, column: ContractColumn) -> Column:
        """Return a column of an input contract."""
        return cls(
            name=column.name,
            type=column.type,
            description=column.description,
            unit=column.unit,
            is_required=not column.nullable,
            allowed=None if column.allowed is None else list(column.allowed),
            pattern=column.pattern,
            minimum=column.minimum,
            maximum=column.maximum,
        )


@strawberry.type(description="A metric on validation data; null if it is not defined.")
class Metric:
    """A metric and its value."""

    name: str
    value: float | None


@strawberry.type(description="The same metrics of a naive prediction on the same rows.")
class Baseline:
    """The metrics of a naive prediction."""

    name: str
    metrics: list[Metric]


@strawberry.type(description="A library and the version that the model was fitted with.")
class Library:
    """A library of the time of training."""

    name: str
    version: str


@strawberry.type(description="Where a model comes from.")
class Lineage:
    """Where a model comes from."""

    estimator: str
    fingerprint: str = strawberry.field(description="SHA-256 over everything that determines the model.")
    training_start_at: datetime | None = strawberry.field(description="Null of records that have no time.")
    training_end_at: datetime | None = strawberry.field(description="Excluded.")
    training_rows: Whole
    seed: Whole
    features: list[str]
    libraries: list[Library]

    @classmethod
    def of(cls, provenance: BundleProvenance) -> Lineage:
        """Return the lineage that a bundle tells."""
        return cls(
            estimator=provenance.estimator_name,
            fingerprint=provenance.fingerprint,
            training_start_at=provenance.training_start_at,
            training_end_at=provenance.training_end_at,
            training_rows=Whole(provenance.training_rows),
            seed=Whole(provenance.seed),
            features=list(provenance.feature_names),
            libraries=[Library(name=name, version=version) for name, version in provenance.library_versions.items()],
        )


@strawberry.type(description="A model, and what its champion takes, how good it is, and where it comes from.")
class Model:
    """A model and its champion."""

    model: ModelVersion
    is_ready: bool = strawberry.field(description="Whether a champion answers; otherwise what is about it is null or empty.")
    problem: str | None = strawberry.field(description="Why none does, or why a newer one could not be loaded.")
    loaded_at: datetime | None
    columns: list[Column]
    metrics: list[Metric]
    baselines: list[Baseline]
    lineage: Lineage | None

    @classmethod
    def of(cls, name: ModelName, status: ModelStatus) -> Model:
        """Return a model as it is now."""
        served = status.served
        if served is None:
            return cls(
                model=ModelVersion.of(name, None),
                is_ready=False,
                problem=status.problem,
                loaded_at=None,
                columns=[],
                metrics=[],
                baselines=[],
                lineage=None,
            )
        provenance = served.bundle.provenance
        return cls(
            model=ModelVersion.of(name, served),
            is_ready=True,
            problem=status.problem,
            loaded_at=served.loaded_at,
            columns=[Column.of(column) for column in served.bundle.input_contract.columns],
            metrics=_metrics(provenance.metrics),
            baselines=[Baseline(name=each, metrics=_metrics(metrics)) for each, metrics in provenance.baseline_metrics.items()],
            lineage=Lineage.of(provenance),
        )


def _metrics(metrics: Mapping[str, float | None]) -> list[Metric]:
    return [Metric(name=name, value=value) for name, value in metrics.items()]
