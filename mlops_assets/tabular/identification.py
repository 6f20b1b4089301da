"""What a file of an export holds: by the name of CSV files, and of files with any other name by their content.

People cut files with `split`, whose parts are called `xaa` and `xab`, rename them and pack them. Records must not vanish with them,
so a file is passed over without a word only if it plainly is something else.
"""

from __future__ import annotations

import mimetypes
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from mlops_assets.errors import SourceError
from mlops_assets.tabular.kinds import OtherTable, Table, continue_sibling, recognize
from mlops_assets.tabular.layout import head_rows, read_layout

if TYPE_CHECKING:
    from mlops_assets.tabular.files import SourceFile
    from mlops_assets.tabular.kinds import TableKind
    from mlops_assets.tabular.layout import CsvLayout

CSV_ENDINGS = (".csv", ".csv.gz")

_ARCHIVE_STARTS = (
    b"PK\x03\x04",  # zip
    b"PK\x05\x06",  # an empty zip
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\xfd7zXZ\x00",
    b"BZh",
    b"\x28\xb5\x2f\xfd",  # zstd
    b"\x04\x22\x4d\x18",  # lz4
    b"\x1f\x9d",  # compress
    b"LZIP",
)
_ARCHIVE_ENDINGS = re.compile(r"\.(zip|7z|rar|tar|t[gx]z|tbz2?|gz|xz|bz2|lzma|lz4?|zst|z|cab)", re.IGNORECASE)
_TAR_MAGIC, _TAR_OFFSET = b"ustar", 257
_DOCUMENT_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"%PDF", b"{\\rtf")
_DOCUMENT_ENDINGS = (".docx", ".doc", ".odt", ".rtf", ".pptx", ".ppt", ".odp", ".epub", ".md", ".rst", ".heic", ".webp")
_DOCUMENT_TYPES = ("image/", "audio/", "video/", "application/pdf", "text/html", "text/css", "text/x-python")
_SPREADSHEET_ENDINGS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_KEPT_OUT_ENDINGS = (".bak", ".old", ".orig", ".tmp", ".part", ".partial", ".download", ".crdownload")
_TYPES = mimetypes.MimeTypes()
"""The types that Python knows, without those of the machine."""

_FEWEST_COLUMNS = 3
"""Text with fewer is taken for prose, in which a comma may stand on every line."""


@dataclass(frozen=True)
class Unrecognized:
    """A file that may or may not hold records: it is not read, and a person should look at it.

    Attributes:
        reason: why it is not read, for people.
    """

    reason: str


def identify(
    file: SourceFile, kinds: Sequence[TableKind], siblings: Sequence[tuple[str, Table]]
) -> Table | OtherTable | Unrecognized:
    """Return what a file holds: by its header, as the continuation of a sibling, or something else.

    Args:
        file: the file.
        kinds: of records that it may hold.
        siblings: the other files' names and what they hold.

    Raises:
        SourceError: it is a packed archive, or damaged; or it is called CSV and nobody can tell what it holds.
    """
    head = file.head()
    if is_csv_by_name(file):
        layout = read_layout(head, file.path)
        if layout.has_header:
            return recognize(file.path, layout, kinds)
        return continue_sibling(file.path, layout, head_rows(head, layout), siblings)
    if _is_archive(file.name, head):
        raise SourceError(f"{file.path}: is a packed archive; unpack it there, and move the archive out")
    found = _identify_text(file, head, kinds, siblings)
    if isinstance(found, Table):
        return found
    return replace(found, reason=f"its name does not end in {' or '.join(CSV_ENDINGS)}, and it {found.reason}")


@lru_cache(maxsize=4096)
def lacks_header(file: SourceFile, kinds: tuple[TableKind, ...]) -> bool:
    """Tell whether what a file holds may depend on its siblings, which must be known before it.

    Each state of a file is looked at once: sources put their files in order again whenever they are asked.
    """
    try:
        return not isinstance(_by_header(file, read_layout(file.head(), file.path), kinds), Table)
    except SourceError:
        return True


def is_csv_by_name(file: SourceFile) -> bool:
    """Tell whether a file is CSV by its name."""
    return file.name.lower().endswith(CSV_ENDINGS)


def _is_archive(name: str, head: bytes) -> bool:
    """Tell whether a file is packed other than by gzip, by its content; by its name if it is nothing that one can read."""
    if name.lower().endswith((*_SPREADSHEET_ENDINGS, *_DOCUMENT_ENDINGS)):
        return False
    is_tar = head[_TAR_OFFSET:].startswith(_TAR_MAGIC)
    is_named_so = _ARCHIVE_ENDINGS.fullmatch(f".{name.rpartition('.')[2]}") is not None
    return is_tar or head.startswith(_ARCHIVE_STARTS) or (is_named_so and _is_binary(head))


def _identify_text(
    file: SourceFile, head: bytes, kinds: Sequence[TableKind], siblings: Sequence[tuple[str, Table]]
) -> Table | OtherTable | Unrecognized:
    if not head.strip():
        return OtherTable("is empty")
    if _is_document(file.name, head):
        return OtherTable("is a picture or document")
    try:
        layout = read_layout(head, file.path)
        # A first row that was cut through may look like a header.
        headless = replace(layout, titles=(), has_header=False)
        rows = head_rows(head, headless)
        found = _by_header(file, layout, kinds) or _by_rows(file, headless, rows, siblings)
    except SourceError as error:
        return Unrecognized(str(error).removeprefix(f"{file.path}: "))
    if isinstance(found, Table):
        kept_out = file.name.lower().endswith(_KEPT_OUT_ENDINGS)
        return Unrecognized("is named like a backup or an unfinished download") if kept_out else found
    if _is_binary(head):
        return Unrecognized("is binary data of an unknown kind")
    if _is_prose(rows):
        return OtherTable("is text without columns")
    return Unrecognized("has columns, but those of no other file; if it is a part of a split file, put all parts there")


def _by_header(file: SourceFile, layout: CsvLayout, kinds: Sequence[TableKind]) -> Table | None:
    """Return the records below a header that has all that they need, if it is one."""
    found = recognize(file.path, layout, kinds) if layout.has_header else None
    return found if isinstance(found, Table) and not found.kind.required.intersection(found.missing) else None


def _by_rows(
    file: SourceFile, layout: CsvLayout, rows: Sequence[Sequence[str]], siblings: Sequence[tuple[str, Table]]
) -> Table | None:
    """Return the records in a sibling's columns, if they are some."""
    try:
        return continue_sibling(file.path, layout, rows, siblings)
    except SourceError:
        return None


def _is_document(name: str, head: bytes) -> bool:
    kind = _TYPES.guess_type(name)[0] or ""
    return head.startswith(_DOCUMENT_STARTS) or name.lower().endswith(_DOCUMENT_ENDINGS) or kind.startswith(_DOCUMENT_TYPES)


def _is_binary(head: bytes) -> bool:
    # The last character may have been cut through.
    return b"\0" in head or "\ufffd" in head[:-4].decode("utf-8", errors="replace")


def _is_prose(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether most rows do not have the same number of columns, or hardly any."""
    (columns, count), *_ = Counter(map(len, rows)).most_common(1) or [(0, 0)]
    return columns < _FEWEST_COLUMNS or 2 * count < len(rows)
