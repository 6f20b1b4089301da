"""From the bytes of a playlist to records of text: CSV in any dialect, JSON as Spotify's API answers, or Parquet, packed or not.

A file that is none of these, or lacks a column without which there is no song, is an error that says so; nothing in it is guessed.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_assets.errors import SourceError
from mlops_assets.song_preference.contracts import FEATURE_NAMES
from mlops_assets.tabular.kinds import field_name
from mlops_assets.tabular.layout import read_layout, unwrapped_line

_ALIASES = {
    "duration": "duration_ms",
    "target": "is_liked",
    "liked": "is_liked",
    "label": "is_liked",
    "like": "is_liked",
    "song_title": "title",
    "track_name": "title",
    "name": "title",
    "track_artist": "artist",
    "artists": "artist",
    "id": "spotify_id",
    "track_id": "spotify_id",
}
"""What other layouts call the columns."""

_FIELDS = (*FEATURE_NAMES, "is_liked", "title", "artist", "spotify_id")
_GZIP_MAGIC = b"\x1f\x8b"
_PARQUET_MAGIC = b"PAR1"


@dataclass(frozen=True, slots=True)
class RawSong:
    """A record of a playlist as it came.

    Attributes:
        fields: by name, as text or as JSON and Parquet hold them; fields that the file lacks are missing.
        text: the whole record as JSON, for a reject.
        fault: why it is no record at all.
    """

    fields: Mapping[str, Any]
    text: str
    fault: str | None = None


def read_songs(name: str, body: bytes) -> list[RawSong]:
    """Return the records of a file, in its order.

    Raises:
        SourceError: the file is empty, a web page, cut off, of another kind, or lacks one of the four features without which
            nothing can be said about a song; the message names file and columns.
    """
    content = _unpacked(name, body)
    if not content.strip():
        raise SourceError(f"{name}: is empty; drop it again")
    start = content[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(_PARQUET_MAGIC):
        records = _read_parquet(name, content)
    elif start[:1] in (b"{", b"["):
        records = _read_json(name, content)
    else:
        records = _read_csv(name, content)
    return records


def _unpacked(name: str, body: bytes) -> bytes:
    if not body.startswith(_GZIP_MAGIC):
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{name}: is truncated or damaged gzip ({error}); drop it again") from error


def _read_parquet(name: str, content: bytes) -> list[RawSong]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(content))
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{name}: is damaged Parquet ({error}); drop it again") from error
    titles = _fields_of(name, table.column_names)
    return [_record(titles, row) for row in table.to_pylist()]


def _read_json(name: str, content: bytes) -> list[RawSong]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{name}: is not JSON ({error}); drop it again") from error
    items = document.get("audio_features") if isinstance(document, dict) else document
    if not isinstance(items, list):
        raise SourceError(f"{name}: has no list `audio_features`; drop what Spotify's API answered, or a list of songs")
    found = list(dict.fromkeys(title for item in items if isinstance(item, dict) for title in item))
    titles = _fields_of(name, found) if found else {}
    return [
        _record(titles, item)
        if isinstance(item, dict)
        # Spotify answers null for an id that it does not know.
        else RawSong({}, json.dumps(item), "the record is no song but " + ("null" if item is None else type(item).__name__))
        for item in items
    ]


def _read_csv(name: str, content: bytes) -> list[RawSong]:
    layout = read_layout(content[: 64 << 10], name)
    if not layout.has_header:
        raise SourceError(f"{name}: has no header; its first line must name the columns, {', '.join(FEATURE_NAMES)}")
    titles = _fields_of(name, layout.titles)
    lines = io.StringIO(_decoded(content), newline="").readlines()[layout.skipped_lines + 1 :]
    if layout.is_wrapped:
        lines = [unwrapped_line(line.rstrip("\r\n"), layout.delimiter) + "\n" for line in lines]
    return [_record_of_cells(titles, layout.titles, cells) for cells in _rows(name, lines, layout.delimiter) if any(cells)]


def _rows(name: str, lines: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader((line.replace("\0", "\ufffd") for line in lines), delimiter=delimiter)
    except csv.Error as error:
        raise SourceError(f"{name}: cannot be read as CSV: {error}") from error


def _record_of_cells(titles: Mapping[str, str], header: Sequence[str], cells: Sequence[str]) -> RawSong:
    if len(cells) != len(header):
        text = json.dumps(list(cells), ensure_ascii=False)
        return RawSong({}, text, f"has {len(cells)} fields where the header has {len(header)}")
    return _record(titles, dict(zip(header, cells, strict=True)))


def _record(titles: Mapping[str, str], row: Mapping[str, Any]) -> RawSong:
    values = {field: row.get(title) for field, title in titles.items()}
    return RawSong(values, json.dumps(row, ensure_ascii=False, default=str))


def _fields_of(name: str, titles: Sequence[str]) -> dict[str, str]:
    """Return the file's title of each field that it has.

    Raises:
        SourceError: columns are missing, or two mean the same.
    """
    found: dict[str, str] = {}
    for title in titles:
        field = field_name(title)
        field = _ALIASES.get(field, field)
        if field not in _FIELDS:
            continue
        if field in found:
            raise SourceError(f"{name}: columns {found[field]!r} and {title!r} both mean {field}; keep one")
        found[field] = title
    missing = [field for field in FEATURE_NAMES if field not in found]
    if len(missing) > len(FEATURE_NAMES) - 2:
        shown = ", ".join(map(str, titles[:6]))
        raise SourceError(f"{name}: is no playlist; columns missing: {', '.join(missing)}. It has: {shown}")
    needed = [field for field in ("speechiness", "energy", "danceability", "acousticness") if field in missing]
    if needed:
        raise SourceError(f"{name}: columns missing: {', '.join(needed)}; export the songs again with their audio features")
    return found


def _decoded(content: bytes) -> str:
    """Return text of a CSV file: UTF-8, or else Windows-1252, in which spreadsheets save."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
