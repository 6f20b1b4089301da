"""Hold the rows of a table against its contract, with Pandera doing the comparing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas

    from mlops_assets.contracts.table import Column, TableContract

_UNIQUENESS = "multiple_fields_uniqueness"
"""Pandera's name for the rule that the key is unique."""


def pandera_schema(contract: TableContract) -> pandera.pandas.DataFrameSchema:
    """Return the contract as a Pandera schema: null rules, value rules and the uniqueness of the key."""
    import pandera.pandas as pandera

    return pandera.DataFrameSchema(
        {column.name: pandera.Column(nullable=column.nullable, checks=_value_checks(column)) for column in contract.columns},
        unique=list(contract.key) or None,
        name=contract.label,
    )


def _value_checks(column: Column) -> list[Any]:
    import pandera.pandas as pandera

    checks = []
    if column.allowed is not None:
        checks.append(pandera.Check.isin(list(column.allowed)))
    if column.pattern is not None:
        checks.append(pandera.Check.str_matches(f"^(?:{column.pattern})$"))
    if column.minimum is not None:
        checks.append(pandera.Check.ge(column.minimum))
    if column.maximum is not None:
        checks.append(pandera.Check.le(column.maximum))
    return checks


def find_violations(frame: pd.DataFrame, contract: TableContract) -> pd.DataFrame:
    """List every value that breaks the contract.

    Returns:
        One row per broken value: `row` (position in the frame, missing where the whole column is at fault), `column`, `rule`
        and `value` (as text). Empty when the frame keeps its contract.
    """
    import pandas as pd
    from pandera.errors import SchemaErrors

    try:
        # Neither numbering the rows nor looking at them needs a copy of the values; the schema changes none.
        numbered = frame.copy(deep=False)
        numbered.index = pd.RangeIndex(len(frame))
        pandera_schema(contract).validate(numbered, lazy=True, inplace=True)
    except SchemaErrors as errors:
        return _as_violations(errors.failure_cases, contract)
    return pd.DataFrame({"row": [], "column": [], "rule": [], "value": []}).astype({"row": "Int64"})


def _as_violations(cases: pd.DataFrame, contract: TableContract) -> pd.DataFrame:
    import pandas as pd

    values = cases["failure_case"].astype(str).mask(cases["failure_case"].isna(), "(empty)")
    is_absent, is_repeated = cases["check"] == "column_in_dataframe", cases["check"] == _UNIQUENESS
    violations = pd.DataFrame(
        {
            "row": cases["index"].astype("Int64"),
            "column": cases["column"].mask(is_absent, values).mask(is_repeated, ", ".join(contract.key)),
            "rule": cases["check"].astype(str).mask(is_repeated, "unique"),
            "value": values,
        }
    )
    # Pandera reports a repeated key once for each of its columns; people count rows.
    keys = violations[is_repeated].groupby(["row", "column", "rule"], as_index=False, sort=False).agg({"value": ", ".join})
    return pd.concat([violations[~is_repeated], keys], ignore_index=True)


def summarize_violations(violations: pd.DataFrame) -> pd.DataFrame:
    """Count violations by column and rule, with one example value each, the most frequent first."""
    return (
        violations.groupby(["column", "rule"], sort=False)
        .agg(rows=("value", "size"), example=("value", "first"))
        .reset_index()
        .sort_values("rows", ascending=False, kind="stable", ignore_index=True)
    )
