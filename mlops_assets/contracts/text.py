"""Text that every store takes: no NUL, which PostgreSQL refuses, and no half of a surrogate pair, which is no Unicode text.

Sources hand out both: JSON may escape either, and names of files may hold bytes of any kind. Such a character becomes U+FFFD, the
mark of an unreadable one, and all else stays: one odd letter in a name must not cost the record, let alone its day. Whatever enters
a table from outside passes through this module: values, and in rejects the text of the record, its source and the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_REPLACEMENT = "\ufffd"
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


def writable_text(text: str) -> str:
    """Return a text with U+FFFD for every character that some store refuses."""
    return _UNWRITABLE.sub(_REPLACEMENT, text)


def text_array(values: Iterable[str | None]) -> pa.Array:
    """Return texts as an Arrow array, with U+FFFD for every character that some store refuses."""
    import pyarrow as pa

    texts = list(values)
    try:
        return writable_array(pa.array(texts, pa.string()))
    except UnicodeEncodeError:
        return pa.array([None if text is None else writable_text(text) for text in texts], pa.string())


def writable_array(texts: pa.Array) -> pa.Array:
    """Return texts that are Unicode for certain, as Arrow's are, with U+FFFD for NUL; the array itself if it has none."""
    import numpy as np
    import pyarrow.compute as pc

    # A look at the bytes of all texts at once takes a tenth of the time of a search in each.
    data = texts.buffers()[2]
    if data is None or np.frombuffer(data, np.uint8).all() or not pc.any(pc.match_substring(texts, "\0")).as_py():
        return texts
    return pc.replace_substring(texts, "\0", _REPLACEMENT)
