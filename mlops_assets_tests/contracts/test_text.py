"""Text that every store takes."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.contracts.text import text_array, writable_array, writable_text

ANY_TEXT = st.text(st.characters(codec=None))
"""Of any code points, halves of surrogate pairs among them."""


@pytest.mark.parametrize(
    ("text", "writable"),
    [
        ("Boulevard", "Boulevard"),
        ("a\ud83db", "a\ufffdb"),
        ("\udfff\ud800", "\ufffd\ufffd"),
        ("a\0b", "a\ufffdb"),
        ("🚓", "🚓"),
        ("tab\tnewline\n", "tab\tnewline\n"),
    ],
)
def test_only_what_some_store_refuses_is_replaced(text: str, writable: str) -> None:
    """A letter that is no text becomes the mark of an unreadable one; everything else stays."""
    assert writable_text(text) == writable


@given(st.lists(st.none() | ANY_TEXT))
def test_any_texts_become_an_array(texts: list[str | None]) -> None:
    """Whatever a source says can be written, as it would be one by one, and nulls stay nulls."""
    array = text_array(texts)
    assert array.to_pylist() == [None if text is None else writable_text(text) for text in texts]
    for text in array.drop_null().to_pylist():
        text.encode()
        assert "\0" not in text


def test_array_without_such_characters_is_not_copied() -> None:
    """The usual case costs a look at the bytes."""
    array = pa.array(["a", None, "ü"])
    assert writable_array(array) is array
