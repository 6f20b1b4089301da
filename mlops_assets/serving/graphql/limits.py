"""How large an operation may be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphql import validate
from graphql.validation import KnownFragmentNamesRule, NoFragmentCyclesRule
from strawberry.extensions import MaxAliasesLimiter, MaxTokensLimiter, QueryDepthLimiter, SchemaExtension

MAX_DEPTH = 6
MAX_ALIASES = 20
MAX_TOKENS = 5_000


class _SoundFragments(SchemaExtension):
    """Refuses fragments that do not exist or contain themselves, before the limits look into them, which they take for granted."""

    def on_validate(self) -> Iterator[None]:
        context: Any = self.execution_context
        rules = (KnownFragmentNamesRule, NoFragmentCyclesRule)
        if errors := validate(context.schema._schema, context.graphql_document, rules):
            context.pre_execution_errors = errors
        yield


def limits() -> list[Any]:
    """Return what strawberry makes for each operation; the depth of introspection is limited by graphql-core."""
    return [
        _SoundFragments,
        lambda: MaxTokensLimiter(MAX_TOKENS),
        lambda: MaxAliasesLimiter(MAX_ALIASES),
        lambda: QueryDepthLimiter(MAX_DEPTH),
    ]
