"""From records of text to typed songs: every record becomes a song or a kept reject with its reason."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.contracts.frames import rows_to_frame
from mlops_assets.contracts.text import writable_text
from mlops_assets.errors import SourceError
from mlops_assets.song_preference.contracts import AUDIO_FEATURES, FEATURE_NAMES, REJECTED_SONGS, SONGS
from mlops_assets.song_preference.songs.reading import read_songs
from mlops_assets.tabular.words import is_missing

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from mlops_assets.contracts import Column
    from mlops_assets.song_preference.songs.reading import RawSong

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)
_LABELS = {"1": True, "1.0": True, "true": True, "yes": True, "0": False, "0.0": False, "false": False, "no": False}
_WHOLE = frozenset({"key", "mode", "time_signature"})
_SIGNIFICANT_DIGITS = 4
_SHOWN_BYTES = 500
"""Of a file that cannot be read; the whole file has landed."""


@dataclass(frozen=True)
class ParsedPlaylist:
    """What became of the records of a playlist.

    Attributes:
        songs: rows of the contract `SONGS`.
        rejects: rows of the contract `REJECTED_SONGS`.
    """

    songs: pd.DataFrame
    rejects: pd.DataFrame


class _FaultError(Exception):
    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def parse_playlist(key: str, name: str, listener: str, body: bytes) -> ParsedPlaylist:
    """Type the songs of a file.

    A record is a reject if a number cannot be read or is outside of its range, if it has none of the thirteen features, or if the
    same record stands in the file before it. A feature that is missing is unknown. A file that cannot be read is one reject, which
    keeps the reason; it stops no other file.

    Args:
        key: of the playlist.
        name: of the file, for messages.
        listener: whose playlist it is.
        body: the bytes of the file.
    """
    songs: list[dict[str, Any]] = []
    rejects: list[dict[str, Any]] = []
    try:
        records = read_songs(name, body)
    except SourceError as error:
        beginning = writable_text(body[:_SHOWN_BYTES].decode("utf-8", errors="replace"))
        what = {"reason_code": "unreadable_file", "reason": writable_text(str(error)), "raw_text": beginning}
        records, rejects = [], [{"playlist_key": key, "position": 0, **what}]
    seen: dict[tuple[Any, ...], int] = {}
    for position, record in enumerate(records):
        try:
            song = _read_song(record)
            content = tuple(song.values())
            if content in seen:
                raise _FaultError("duplicate", f"the same record stands at position {seen[content]}")
            seen[content] = position
            where = {"playlist_key": key, "position": position, "listener": listener}
            songs.append({**where, "song_key": song_key(song), **song})
        except _FaultError as fault:
            what = {"reason_code": fault.code, "reason": writable_text(str(fault)), "raw_text": writable_text(record.text)}
            rejects.append({"playlist_key": key, "position": position, **what})
    return ParsedPlaylist(rows_to_frame(songs, SONGS), rows_to_frame(rejects, REJECTED_SONGS))


def song_key(song: Mapping[str, float | None]) -> str:
    """Return a song's key: a hash of its features to four significant digits, in which files of different origin agree."""
    rounded = [None if song[name] is None else f"{song[name]:.{_SIGNIFICANT_DIGITS}g}" for name in FEATURE_NAMES]
    return hashlib.sha256(repr(rounded).encode()).hexdigest()[:16]


def _read_song(record: RawSong) -> dict[str, Any]:
    if record.fault is not None:
        raise _FaultError("malformed_record", record.fault)
    features = {column.name: _read_feature(column, record.fields.get(column.name)) for column in AUDIO_FEATURES}
    if all(value is None for value in features.values()):
        raise _FaultError("missing_value", "the record has none of the audio features")
    texts = {name: _read_text(record.fields.get(name)) for name in ("spotify_id", "title", "artist")}
    return {**texts, **features, "is_liked": _read_label(record.fields.get("is_liked"))}


def _read_feature(column: Column, value: Any) -> float | None:
    if is_missing(value):
        return None
    number = _read_number(value)
    if number is None:
        raise _FaultError("unreadable_value", f"{column.name} {value!r} is not a number")
    if column.name in _WHOLE and not number.is_integer():
        raise _FaultError("unreadable_value", f"{column.name} {value!r} is not a whole number")
    assert column.minimum is not None
    if number < column.minimum or (column.maximum is not None and number > column.maximum):
        raise _FaultError("out_of_range", f"{column.name} {value!r} is not {' and '.join(column.rules())}")
    return number


def _read_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value) if math.isfinite(value) else None
    text = str(value).strip()
    if _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    return float(text) if _NUMBER.fullmatch(text) and math.isfinite(float(text)) else None


def _read_label(value: Any) -> bool | None:
    if is_missing(value):
        return None
    label = _LABELS.get(str(value).strip().lower())
    if label is None:
        raise _FaultError("unreadable_value", f"the label {value!r} is neither 1 (liked) nor 0")
    return label


def _read_text(value: Any) -> str | None:
    return None if is_missing(value) else writable_text(" ".join(str(value).split()))
