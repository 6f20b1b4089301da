"""Rows that break their contract are found, each with its row, column, rule and value."""

from typing import Any

import pandas as pd
import pytest

from mlops_assets.contracts import Column, TableContract
from mlops_assets.contracts.checking import find_violations, summarize_violations
from mlops_assets.contracts.frames import empty_frame, to_arrow, to_pandas
from mlops_assets_tests.tables import EVERY_TYPE, JANUARY, READINGS, readings, rows_of_every_type

GRADES = TableContract(
    "school",
    "grades",
    "One row per pupil and subject.",
    (
        Column("pupil", "string", "Pupil.", pattern="[A-Z][a-z]*|nobody"),
        Column("subject", "string", "Subject.", allowed=("maths", "music")),
        Column("grade", "int8", "Grade.", nullable=True, minimum=1, maximum=6),
    ),
    key=("pupil", "subject"),
)


def grades(*rows: tuple[str | None, str, int | None]) -> pd.DataFrame:
    """Return a frame as IO managers hand it to checks."""
    frame = pd.DataFrame(list(rows), columns=GRADES.column_names)
    return to_pandas(to_arrow(frame.astype({"grade": "Int64"}), GRADES))


def found(frame: pd.DataFrame, contract: TableContract = GRADES) -> list[tuple[Any, ...]]:
    """Return the violations without the wording of their rules."""
    return list(find_violations(frame, contract)[["row", "column", "value"]].itertuples(index=False, name=None))


def test_rows_that_keep_the_contract_have_no_violations() -> None:
    """Good rows pass, nulls where they are allowed included."""
    assert find_violations(grades(("Ann", "maths", 1), ("Ann", "music", None), ("nobody", "music", 6)), GRADES).empty
    assert find_violations(to_pandas(to_arrow(rows_of_every_type(), EVERY_TYPE)), EVERY_TYPE).empty


def test_empty_table_keeps_every_contract() -> None:
    """No rows, nothing broken; the violations have their columns all the same."""
    violations = find_violations(empty_frame(GRADES), GRADES)
    assert violations.empty
    assert list(violations.columns) == ["row", "column", "rule", "value"]


@pytest.mark.parametrize(
    ("row", "violation"),
    [
        ((None, "maths", 1), (1, "pupil", "(empty)")),
        (("ann", "maths", 1), (1, "pupil", "ann")),
        (("Ann\n", "maths", 1), (1, "pupil", "Ann\n")),
        (("nobodyX", "maths", 1), (1, "pupil", "nobodyX")),
        (("Ann", "Maths", 1), (1, "subject", "Maths")),
        (("Ann", "maths", 0), (1, "grade", "0")),
        (("Ann", "maths", 7), (1, "grade", "7")),
    ],
)
def test_broken_value_is_found_with_its_row(row: tuple[str | None, str, int | None], violation: tuple[Any, ...]) -> None:
    """Null, pattern (whole text), list of values, minimum and maximum: each names row, column and value."""
    assert found(grades(("Bob", "music", 3), row)) == [violation]


def test_repeated_key_is_reported_once_per_row() -> None:
    """Rows that share a key are all named, with the key's columns and values, and each counts once."""
    violations = find_violations(grades(("Ann", "maths", 1), ("Bob", "maths", 2), ("Ann", "maths", 3)), GRADES)
    assert list(violations.itertuples(index=False, name=None)) == [
        (0, "pupil, subject", "unique", "Ann, maths"),
        (2, "pupil, subject", "unique", "Ann, maths"),
    ]


def test_missing_column_is_named_and_has_no_row() -> None:
    """A column that is not there is at fault as a whole, whether it is part of the key or not."""
    frame = grades(("Ann", "maths", 1))
    assert found(frame.drop(columns="grade")) == [(pd.NA, "grade", "grade")]
    assert (pd.NA, "pupil", "pupil") in found(frame.drop(columns="pupil"))


def test_rows_are_positions_whatever_the_index() -> None:
    """A filtered frame keeps its old index; positions are counted anew."""
    frame = readings(JANUARY, 1.0, 2.0)
    frame.loc[1, "station_code"] = "nowhere"
    frame.index = pd.Index([17, 4])
    assert found(frame, READINGS) == [(1, "station_code", "nowhere")]


def test_summary_counts_by_rule_and_shows_an_example() -> None:
    """Thousands of broken values become a line per column and rule, the most frequent first."""
    frame = grades(("Ann", "art", 1), ("Bob", "dance", 9), ("Cid", "maths", 2))
    summary = summarize_violations(find_violations(frame, GRADES))
    assert list(summary[["column", "rows", "example"]].itertuples(index=False, name=None)) == [
        ("subject", 2, "art"),
        ("grade", 1, "9"),
    ]
