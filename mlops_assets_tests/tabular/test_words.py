"""Words for nothing."""

from typing import Any

import pytest

from mlops_assets.tabular.words import is_missing


@pytest.mark.parametrize(
    "value", [None, "", "  ", float("nan"), "nan", "NaN", " None ", "NULL", "n/a", "#N/A", "<NA>", "NaT", "-", "\\N"]
)
def test_nothing_is_missing(value: Any) -> None:
    """Null, blank, not a number, and the words that programs and people write for it."""
    assert is_missing(value)


@pytest.mark.parametrize("value", [0, 0.0, False, "0", "no", "none of these", "Nan's Bar", [], {}])
def test_something_is_not(value: Any) -> None:
    """Zero and no are values; a word for nothing counts only alone."""
    assert not is_missing(value)
