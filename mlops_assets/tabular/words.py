"""The words that stand for nothing in files which programs and people have written."""

from __future__ import annotations

from typing import Any

NULL_WORDS = frozenset(
    {"-", "--", "?", ".", "n/a", "na", "#n/a", "#na", "<na>", "nan", "-nan", "nat", "nil", "none", "null", "(null)", "\\n"}
)
"""In lower case. pandas writes nan, NaT and <NA>, Python None, R and Excel NA and #N/A, databases NULL and \\N, people the rest."""

LONGEST_NULL_WORD = max(map(len, NULL_WORDS))


def is_missing(value: Any) -> bool:
    """Tell whether a value is absent: null, not a number, blank, or a word for nothing."""
    if value is None or value != value:
        return True
    return isinstance(value, str) and (not value.strip() or value.strip().lower() in NULL_WORDS)
