"""The portal's text, read as values: times, flags, numbers and codes, a whole column at a time.

Every reader maps text to a value or to null; a value that is null where the text is not, is unreadable. None raises.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.chicago_crimes import TIME_ZONE
from mlops_assets.tabular.words import LONGEST_NULL_WORD, NULL_WORDS

_NULL_TEXT = pa.scalar(None, pa.string())
_NUMBER = r"^[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?$"
_WHOLE_NUMBER = r"^-?[0-9]{1,18}$"
_NOTHING = pa.array(["", *sorted(NULL_WORDS)])
_DECIMAL_ZEROS = r"\.0*$"
"""What pandas adds to whole numbers and to codes: `7.0` is 7."""

_FLAGS = dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), True) | dict.fromkeys(("false", "f", "no", "n", "0", "0.0"), False)


def clean_text(text: pa.Array) -> pa.Array:
    """Return the text without white space around it; white space alone and words for nothing, such as `nan`, become null."""
    trimmed = pc.utf8_trim_whitespace(text)
    # Most columns hold nothing as short as such a word.
    if pc.greater(pc.min(pc.binary_length(trimmed)), LONGEST_NULL_WORD).as_py():
        return trimmed
    return pc.if_else(pc.is_in(pc.utf8_lower(trimmed), _NOTHING), _NULL_TEXT, trimmed)


def read_flags(text: pa.Array) -> pa.Array:
    """Read yes-or-no text (`true`, `True`, `Y`, `1` and their opposites) as booleans."""
    known, meanings = pa.array(list(_FLAGS)), pa.array(list(_FLAGS.values()))
    return pc.take(meanings, pc.index_in(pc.utf8_lower(text), known))


def read_numbers(text: pa.Array) -> pa.Array:
    """Read decimal text as finite float64."""
    try:
        numbers = pc.cast(text, pa.float64())
    except pa.ArrowInvalid:
        numbers = pc.cast(_keep_matches(text, _NUMBER), pa.float64())
    return pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))


def read_whole_numbers(text: pa.Array) -> pa.Array:
    """Read digits as int64, also if pandas has written a decimal point and zeros behind them."""
    # Arrow alone would read hexadecimal text such as 0x1F as well.
    digits = _keep_matches(text, _WHOLE_NUMBER)
    if digits.null_count > text.null_count:
        digits = _keep_matches(pc.replace_substring_regex(text, _DECIMAL_ZEROS, ""), _WHOLE_NUMBER)
    return pc.cast(digits, pa.int64())


def read_codes(text: pa.Array, pattern: str, tidy: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Bring codes into their one spelling by `tidy`, `7.0` being 7, and keep those that match `pattern` whole."""
    return _keep_matches(tidy(pc.replace_substring_regex(text, _DECIMAL_ZEROS, "")), f"^(?:{pattern})$")


def without_zero(codes: pa.Array) -> pa.Array:
    """Return codes of which zero stands for none, such as community areas, with null for it."""
    return pc.if_else(pc.match_substring_regex(codes, r"^0+(\.0*)?$"), _NULL_TEXT, codes)


def padded(width: int) -> Callable[[pa.Array], pa.Array]:
    """Return a spelling rule: capitals, filled with zeros on the left (spreadsheets eat them: `110` is `0110`)."""
    return lambda codes: pc.utf8_lpad(pc.utf8_upper(codes), width, "0")


def padded_number(codes: pa.Array) -> pa.Array:
    """Spell codes that are two digits and perhaps a letter: `8b` is `08B`."""
    return pc.replace_substring_regex(pc.utf8_upper(codes), r"^([0-9])([A-Z]?)$", r"0\1\2")


def unpadded(codes: pa.Array) -> pa.Array:
    """Spell codes that the portal writes as plain numbers: `02` is `2`."""
    return pc.replace_substring_regex(codes, "^0+([0-9])", r"\1")


def _keep_matches(text: pa.Array, pattern: str) -> pa.Array:
    return pc.if_else(pc.match_substring_regex(text, pattern), text, _NULL_TEXT)


@dataclass(frozen=True)
class _Layout:
    """Where the parts of a time stand in a text of fixed length, and which characters stand between them."""

    length: int
    year: int
    month: int
    day: int
    separators: tuple[tuple[int, bytes], ...]
    twelve_hours: bool
    milliseconds: int | None = None


_CLOCK = ((13, b":"), (16, b":"))
_ISO_SEPARATORS = ((4, b"-"), (7, b"-"), (10, b"T "), *_CLOCK)
_LAYOUTS = (
    # 01/31/2017 11:53:00 PM
    _Layout(22, 6, 0, 3, ((2, b"/"), (5, b"/"), (10, b" "), *_CLOCK, (19, b" "), (20, b"AP"), (21, b"M")), True),
    # 2017-01-31T23:53:00.000
    _Layout(23, 0, 5, 8, (*_ISO_SEPARATORS, (19, b".")), False, milliseconds=20),
    # 2017-01-31T23:53:00
    _Layout(19, 0, 5, 8, _ISO_SEPARATORS, False),
)
_FIRST_YEAR, _LAST_YEAR = 1900, 2199


def read_times(text: pa.Array) -> pa.Array:
    """Read local times written `01/31/2017 11:53:00 PM` or `2017-01-31T23:53:00.000`, also mixed, as zoneless microseconds.

    Working on bytes at fixed places is many times faster than `strptime`, and does not depend on the machine's locale.
    """
    lengths = pc.binary_length(text).fill_null(0).to_numpy(zero_copy_only=False)
    moments = np.full(len(text), np.datetime64("NaT", "us"))
    for layout in _LAYOUTS:
        rows = lengths == layout.length
        if rows.all():
            moments = _read_layout(text, layout)
        elif rows.any():
            moments[rows] = _read_layout(text.filter(pa.array(rows)), layout)
    return pa.array(moments)


def _read_layout(text: pa.Array, layout: _Layout) -> np.ndarray:
    fixed = pc.cast(text, pa.binary(layout.length))
    start = fixed.offset * layout.length
    size = len(fixed) * layout.length
    characters = np.frombuffer(fixed.buffers()[1], np.uint8)[start : start + size].reshape(-1, layout.length)
    valid = np.ones(len(characters), bool)
    for place, allowed in layout.separators:
        valid &= np.isin(characters[:, place], np.frombuffer(allowed, np.uint8))

    def number(place: int, digits: int = 2) -> np.ndarray:
        total = np.zeros(len(characters), np.int64)
        for column in range(place, place + digits):
            digit = characters[:, column] - np.uint8(ord("0"))
            np.logical_and(valid, digit <= 9, out=valid)
            total = total * 10 + digit
        return total

    year, month, day = number(layout.year, 4), number(layout.month), number(layout.day)
    hour, minute, second = number(11), number(14), number(17)
    millisecond = number(layout.milliseconds, 3) if layout.milliseconds is not None else 0
    if layout.twelve_hours:
        valid &= (hour >= 1) & (hour <= 12)
        hour = hour % 12 + np.where(characters[:, 20] == ord("P"), 12, 0)
    valid &= (year >= _FIRST_YEAR) & (year <= _LAST_YEAR) & (month >= 1) & (month <= 12)
    valid &= (hour < 24) & (minute < 60) & (second < 60)
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1).astype("timedelta64[D]")
    valid &= (day >= 1) & (days.astype("datetime64[M]") == months)
    seconds = (hour * 60 + minute) * 60 + second
    moments = days.astype("datetime64[us]") + (seconds * 1_000_000 + millisecond * 1_000).astype("timedelta64[us]")
    moments[~valid] = np.datetime64("NaT", "us")
    return moments


def local_to_utc(moments: pa.Array) -> pa.Array:
    """Convert zoneless Chicago times to UTC.

    The portal writes no offset. A time in the hour that occurs twice in November is taken as the first one (daylight time), and
    one in the hour that does not occur in March as an hour later, which is what the clock at the wall showed.
    """
    local = pd.Series(moments.to_numpy(zero_copy_only=False)).dt
    is_daylight = np.ones(len(moments), bool)
    zoned = local.tz_localize(TIME_ZONE, ambiguous=is_daylight, nonexistent=pd.Timedelta(hours=1))
    return pa.array(zoned.dt.tz_convert("UTC"), type=pa.timestamp("us", tz="UTC"), from_pandas=True)
