"""The data dictionary: one Markdown page that describes every table from its contract."""

from collections.abc import Iterable

from mlops_assets.contracts.table import Column, TableContract

_INTRODUCTION = """# Data dictionary

Generated from the contracts by `mlops-assets dictionary`; change a contract, not this page. Timestamps are UTC.
"""
_ESCAPED_BAR = "\\|"
"""A bare `|`, as patterns have it, would begin another cell."""


def render_dictionary(contracts: Iterable[TableContract]) -> str:
    """Return the data dictionary of the given tables, in the given order, as Markdown."""
    return "\n".join([_INTRODUCTION, *(_render_table(contract) for contract in contracts)])


def _render_table(contract: TableContract) -> str:
    lines = [f"## {contract.label}", "", contract.description, ""]
    if contract.key:
        lines += [f"One row per: `{'`, `'.join(contract.key)}`.", ""]
    if contract.partition_column:
        lines += [f"Partitioned by: `{contract.partition_column}`.", ""]
    lines += ["| column | type | unit | description | rules |", "| --- | --- | --- | --- | --- |"]
    lines += [_render_column(column) for column in contract.columns]
    return "\n".join([*lines, ""])


def _render_column(column: Column) -> str:
    texts = [f"`{column.name}`", column.type, column.unit or "", column.description, "; ".join(_rules(column))]
    return f"| {' | '.join(text.replace('|', _ESCAPED_BAR) for text in texts)} |"


def _rules(column: Column) -> list[str]:
    return ["may be empty" if column.nullable else "never empty", *column.rules()]
