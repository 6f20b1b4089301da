"""How CSV files are written."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.errors import SourceError
from mlops_assets.tabular.layout import CsvLayout, head_rows, header_line, read_layout, split_line, unwrapped_line


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("id,name\n1,a\n", CsvLayout(("id", "name"))),
        ("id;name\n1;a\n", CsvLayout(("id", "name"), ";")),
        ("id\tname\n", CsvLayout(("id", "name"), "\t")),
        ('"id","a,b;c;d"\n', CsvLayout(("id", "a,b;c;d"))),
        ("sep=;\nid;name\n", CsvLayout(("id", "name"), ";", skipped_lines=1)),
        ('"sep=,"\r\nid,name\r\n', CsvLayout(("id", "name"), skipped_lines=1)),
        ("\n \nSEP=|\n\nid|name\n", CsvLayout(("id", "name"), "|", skipped_lines=4)),
        ("\ufeffid,name\n", CsvLayout(("id", "name"))),
        (",id,name\n0,1,a\n", CsvLayout(("", "id", "name"))),
        ('id,name\n"1,a"\n', CsvLayout(("id", "name"), is_wrapped=True)),
        ('"id,name"\n"1,a"\n', CsvLayout(("id", "name"), is_wrapped=True)),
        ('"id,""the, name"""\n"1,a"\n', CsvLayout(("id", "the, name"), is_wrapped=True)),
        ("1,a\n2,b\n", CsvLayout((), has_header=False)),
        ("XX1,01/05/2024 10:28:00 AM,x\n", CsvLayout((), has_header=False)),
        ("2024-09-01T00:00:00Z,ID0,Park 0\n", CsvLayout((), has_header=False)),
        ("a,false\n", CsvLayout((), has_header=False)),
        ('"1,a"\n"2,b"\n', CsvLayout((), has_header=False, is_wrapped=True)),
        ("title", CsvLayout(("title",))),
    ],
)
def test_layout_is_told_by_the_first_lines(text: str, layout: CsvLayout) -> None:
    """Delimiter, lines on top, quotes around lines, and whether there is a header."""
    assert read_layout(text.encode(), "x.csv") == layout


def test_rows_of_the_head_are_those_below_the_header() -> None:
    """Lines on top and quotes around lines are gone."""
    text = b'sep=;\nid;name\n"1;a"\n2;"b;c"\n'
    assert head_rows(text, read_layout(text, "x.csv")) == [["1", "a"], ["2", "b;c"]]


@pytest.mark.parametrize(
    ("content", "looks_like"),
    [(b"", "an empty file"), (b"PK\x03\x04", "an Excel workbook"), (b"\xff\xfei\0", "UTF-16"), (b"\x01\x00,b\n", "binary data")],
)
def test_what_is_no_csv_is_named(content: bytes, looks_like: str) -> None:
    """The error says which file it is and what it looks like."""
    with pytest.raises(SourceError, match=rf"x\.csv: looks like {looks_like}"):
        read_layout(content, "x.csv")


def test_nul_in_a_record_makes_no_file_binary() -> None:
    """One damaged record is one damaged record."""
    assert read_layout(b"id,name\n1,\0\n", "x.csv") == CsvLayout(("id", "name"))


CELLS = st.lists(st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), max_size=8), min_size=2, max_size=5)


@given(CELLS, st.sampled_from(",;\t|"))
def test_line_is_split_as_it_was_written(cells: list[str], delimiter: str) -> None:
    """Whatever stands in cells comes back, also from a line that stands in quotes as a whole."""
    layout = CsvLayout(tuple(cells), delimiter)
    line = header_line(layout)
    if line.strip():
        assert split_line(line, layout) == cells
    wrapped = io.StringIO()
    csv.writer(wrapped, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="").writerow([line])
    assert unwrapped_line(wrapped.getvalue(), delimiter) == line


@given(st.text(max_size=20))
def test_any_line_has_cells(line: str) -> None:
    """A line is never an exception."""
    assert isinstance(split_line(line, CsvLayout(("a", "b"), is_wrapped=True)), list)
