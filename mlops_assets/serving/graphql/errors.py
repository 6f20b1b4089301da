"""Errors of GraphQL with the codes, words and fields of the other protocols, in `extensions`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from graphql import FieldNode, GraphQLError, OperationDefinitionNode, Undefined, parse, value_from_ast_untyped

from mlops_assets.serving.errors import MalformedRequestError, RequestError, request_error_of
from mlops_assets.serving.graphql.limits import MAX_TOKENS
from mlops_assets.serving.request_ids import current_request_id

if TYPE_CHECKING:
    from mlops_assets.serving.graphql.fields import QueryField
    from mlops_assets.serving.metrics import ServingMetrics

_logger = logging.getLogger(__name__)


class ErrorTranslation:
    """Gives errors their codes."""

    def __init__(self, fields: Mapping[str, QueryField], metrics: ServingMetrics) -> None:
        """Know the fields of the query; count errors in `metrics`."""
        self._fields, self._metrics = fields, metrics

    def translate(self, errors: list[GraphQLError], query: str | None, variables: dict[str, Any] | None) -> list[GraphQLError]:
        """Return the errors of an operation as clients are told of them."""
        if any(_is_about_language(error) for error in errors):
            # GraphQL has refused the operation as a whole. If the reason is in a record, the reader has better words for it.
            errors = list(self._errors_of_records(query or "", variables or {})) or errors
        return [self._with_code(error) for error in errors]

    def _with_code(self, error: GraphQLError) -> GraphQLError:
        refusal = self._refusal(error)
        self._metrics.count_error("graphql", refusal.code)
        return _like(error, str(refusal), extensions_of(refusal))

    def _refusal(self, error: GraphQLError) -> RequestError:
        reason, request_id = error.original_error, current_request_id()
        if isinstance(reason, RecursionError):
            return MalformedRequestError("the operation is nested too deeply")
        if _is_about_language(error):
            return MalformedRequestError(error.message)
        refusal = request_error_of(reason, request_id)
        if refusal is not reason:
            _logger.error("request %s could not be answered", request_id, exc_info=reason)
        return refusal

    def _errors_of_records(self, query: str, variables: dict[str, Any]) -> Iterator[GraphQLError]:
        try:
            definitions = parse(query, max_tokens=MAX_TOKENS).definitions
        except (GraphQLError, RecursionError):
            return
        for operation in definitions:
            if isinstance(operation, OperationDefinitionNode):
                for node in operation.selection_set.selections:
                    if isinstance(node, FieldNode):
                        yield from self._errors_of_field(node, variables)

    def _errors_of_field(self, node: FieldNode, variables: dict[str, Any]) -> Iterator[GraphQLError]:
        field = self._fields.get(node.name.value)
        if field is None or field.check is None:
            return
        try:
            field.check(_arguments(node, variables))
        except RequestError as error:
            response_key = (node.alias or node.name).value
            yield GraphQLError(str(error), nodes=[node], path=[response_key], original_error=error)


def extensions_of(error: RequestError) -> dict[str, Any]:
    """Return what programs read of an error: its code, the fields that are wrong, and the id of the request."""
    fields = [{"field": each.field, "message": each.message} for each in error.fields]
    return {"code": error.code, "fields": fields, "request_id": current_request_id()}


def _is_about_language(error: GraphQLError) -> bool:
    return error.original_error is None or isinstance(error.original_error, (GraphQLError, RecursionError))


def _like(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(message, error.nodes, error.source, error.positions, error.path, extensions=extensions)


def _arguments(node: FieldNode, variables: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a field as they were sent, without a look at their types."""
    values = {argument.name.value: value_from_ast_untyped(argument.value, variables) for argument in node.arguments}
    return {name: _without_undefined(value) for name, value in values.items() if value is not Undefined}


def _without_undefined(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: each for name, each in value.items() if each is not Undefined}
    return value
