"""The schema of what is served now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import create_type

from mlops_assets.contracts import TableContract
from mlops_assets.serving.graphql.errors import ErrorTranslation
from mlops_assets.serving.graphql.fields import QueryField, model_field, platform_fields
from mlops_assets.serving.graphql.limits import limits
from mlops_assets.serving.graphql.scalars import SCALARS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphql import GraphQLError
    from strawberry.types import ExecutionContext, ExecutionResult

    from mlops_assets.serving.champions import ModelName, ServedModel
    from mlops_assets.serving.extension import DomainServing
    from mlops_assets.serving.metrics import ServingMetrics
    from mlops_assets.serving.service import PredictionService


class _Schema(strawberry.Schema):
    """A schema whose errors have codes."""

    def __init__(self, fields: Mapping[str, QueryField], metrics: ServingMetrics) -> None:
        super().__init__(
            query=create_type("Query", [field.field for field in fields.values()]),
            config=StrawberryConfig(auto_camel_case=True, disable_field_suggestions=True, scalar_map=SCALARS),
            extensions=limits(),
        )
        self._translation = ErrorTranslation(fields, metrics)

    async def execute(
        self, query: str | None, variable_values: dict[str, Any] | None = None, *args: Any, **kwargs: Any
    ) -> ExecutionResult:
        result = await super().execute(query, variable_values, *args, **kwargs)
        if result.errors:
            result.errors = self._translation.translate(result.errors, query, variable_values)
        return result

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing: the translation logs what is the service's fault, and other messages may repeat what was sent."""


class CurrentSchema:
    """The schema of the champions of the moment, which is made anew when one comes with another contract."""

    def __init__(self, service: PredictionService, extensions: Sequence[DomainServing]) -> None:
        """Make schemas of the models of `service` and of what domains add."""
        self._service = service
        self._fixed = platform_fields(service)
        for extension in extensions:
            if extension.graphql_fields is not None:
                self._fixed += extension.graphql_fields(service)
        self._contracts: Mapping[ModelName, TableContract] | None = None
        self._schema: strawberry.Schema | None = None

    def get(self) -> strawberry.Schema:
        """Return the schema of now."""
        served = [status.served for status in self._service.champions.models.values() if status.served is not None]
        contracts = {each.name: each.bundle.input_contract for each in served if each.takes_records}
        if self._schema is None or contracts != self._contracts:
            self._schema, self._contracts = self._build([each for each in served if each.takes_records]), contracts
        return self._schema

    def _build(self, served: Sequence[ServedModel]) -> strawberry.Schema:
        fields = [*self._fixed, *(model_field(self._service, each) for each in served)]
        return _Schema({field.name: field for field in fields}, self._service.metrics)
