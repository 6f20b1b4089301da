"""Fields of the query: those of the platform, and one per served model whose input type is its input contract."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.scalars import JSON

from mlops_assets.serving.champions import ModelName
from mlops_assets.serving.errors import TooLargeError
from mlops_assets.serving.graphql.scalars import KINDS
from mlops_assets.serving.graphql.types import Answer, Model, Outcome
from mlops_assets.serving.request_ids import current_request_id

if TYPE_CHECKING:
    from strawberry.types.field import StrawberryField

    from mlops_assets.contracts import Column
    from mlops_assets.serving.champions import ServedModel
    from mlops_assets.serving.service import PredictionService

Info = strawberry.Info[Any, Any]


@dataclass(frozen=True)
class QueryField:
    """A field of the query.

    Attributes:
        name: in GraphQL.
        field: as strawberry makes it.
        check: raises a RequestError that says what is wrong with arguments, given by name as they were sent; for arguments that
            GraphQL refuses by their types, so that the error is that of the other protocols. None if there is nothing to say.
    """

    name: str
    field: StrawberryField
    check: Callable[[Mapping[str, Any]], object] | None = None


def query_field(
    name: str, description: str, resolver: Callable[..., Any], check: Callable[[Mapping[str, Any]], object] | None = None
) -> QueryField:
    """Return a field of the query.

    Args:
        name: in GraphQL.
        description: in GraphQL.
        resolver: makes its value; its arguments are those of the field.
        check: as in `QueryField`.
    """
    # Strawberry tells the fields of a type apart by the names of their functions.
    resolver.__name__ = name
    return QueryField(name, strawberry.field(resolver, name=name, description=description), check)


class Cost:
    """How many records an operation asks about, whatever the number of its fields."""

    def __init__(self, maximum: int) -> None:
        """Allow `maximum` records."""
        self._maximum, self._records = maximum, 0

    def add(self, records: int) -> None:
        """Count more records.

        Raises:
            TooLargeError: they are too many by now.
        """
        self._records += records
        if self._records > self._maximum:
            raise TooLargeError(f"an operation asks about {self._maximum:,} records at most")


def platform_fields(service: PredictionService) -> list[QueryField]:
    """Return the fields that are there whatever is served."""

    async def models() -> list[Model]:
        return [Model.of(name, status) for name, status in service.champions.models.items()]

    async def model(domain: str, name: str) -> Model:
        found = service.champions.get(domain, name).name
        return Model.of(found, service.champions.models[found])

    async def predict_record(info: Info, domain: str, model: str, record: JSON, explain: bool = False) -> Answer:
        return await _answer(service, info, ModelName(domain, model), record, explain)

    async def predict_records(info: Info, domain: str, model: str, records: list[JSON | None]) -> list[Outcome]:
        service.require_batch_size(len(records))
        info.context["cost"].add(len(records))
        outcomes = await service.predict_batch_soon(domain, model, records, protocol="graphql", request_id=current_request_id())
        return [Outcome.of(outcome) for outcome in outcomes]

    def check_record(arguments: Mapping[str, Any]) -> None:
        domain, name = str(arguments.get("domain", "")), str(arguments.get("model", ""))
        service.champions.get(domain, name).reader.read(arguments.get("record"))

    return [
        query_field("models", "All models, those without a champion too.", models),
        query_field("model", "The champion of a model.", model),
        query_field("predictRecord", "A model's answer for a raw record.", predict_record, check_record),
        query_field("predictRecords", "Answers for many raw records; each is answered, or has its own error.", predict_records),
    ]


def model_field(service: PredictionService, served: ServedModel) -> QueryField:
    """Return the field that asks one model, with an input type of its contract's columns."""
    name, columns = served.name, served.bundle.input_contract.columns
    title = "".join(part.title() for part in f"{name.domain}_{name.name}".split("_"))

    async def predict(info: Info, record: Any, explain: bool = False) -> Answer:
        given = {column.name: getattr(record, attribute) for attribute, column in _attributes(columns)}
        known = {column: value for column, value in given.items() if value is not strawberry.UNSET}
        return await _answer(service, info, name, known, explain)

    predict.__annotations__["record"] = _input_type(f"{title}Input", columns)

    def check_record(arguments: Mapping[str, Any]) -> None:
        served.reader.read(arguments.get("record"))

    return query_field(f"{title[0].lower()}{title[1:]}", f"What {name} says of a raw record.", predict, check_record)


async def _answer(service: PredictionService, info: Info, name: ModelName, record: Any, explain: bool) -> Answer:
    info.context["cost"].add(1)
    answer = await service.predict_soon(
        name.domain, name.name, record, protocol="graphql", request_id=current_request_id(), explain=explain
    )
    return Answer.of(answer)


def _attributes(columns: tuple[Column, ...]) -> list[tuple[str, Column]]:
    """Name the attributes of an input type by position: a column may be called like a word of Python."""
    return [(f"column_{position}", column) for position, column in enumerate(columns)]


def _input_type(name: str, columns: tuple[Column, ...]) -> Any:
    namespace: dict[str, Any] = {"__annotations__": {}}
    for attribute, column in _attributes(columns):
        kind: Any = KINDS[column.type]
        namespace["__annotations__"][attribute] = kind | None if column.nullable else kind
        default: dict[str, Any] = {"default": strawberry.UNSET} if column.nullable else {}
        namespace[attribute] = strawberry.field(name=column.name, description=_description(column), **default)
    return strawberry.input(types.new_class(name, (), {}, lambda body: body.update(namespace)), name=name)


def _description(column: Column) -> str:
    rules = "; ".join([*([f"unit: {column.unit}"] if column.unit else []), *column.rules()])
    return f"{column.description} ({rules})" if rules else column.description
