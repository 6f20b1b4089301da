"""Recorded files: every line and row of them, whatever they are written in."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.errors import SourceError
from mlops_assets.streams.recordings import read_rows, recorded_files, recording_identity


def rows(path: Path) -> list[tuple[str, int, bytes | dict[str, Any]]]:
    return [(row.file_name, row.position, row.content) for file in recorded_files(path) for row in read_rows(file)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson.gz", "a.json"])
def test_lines_are_kept_as_they_are(tmp_path: Path, name: str) -> None:
    """Each line is a record, JSON or not; a blank one holds nothing, and is counted."""
    content = b'{"a": 1}\r\n\nno JSON\n\xff\xfe\n{"b": 2}'
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert rows(tmp_path / name) == [
        (name, 0, b'{"a": 1}'),
        (name, 2, b"no JSON"),
        (name, 3, b"\xff\xfe"),
        (name, 4, b'{"b": 2}'),
    ]


def test_lines_need_not_begin_with_an_object(tmp_path: Path) -> None:
    """A file that says by its name that it has lines is not taken for CSV because of its first one."""
    (tmp_path / "a.jsonl").write_bytes(b'damaged\n{"a": 1}\n')
    assert [content for *_, content in rows(tmp_path / "a.jsonl")] == [b"damaged", b'{"a": 1}']


def test_list_in_json(tmp_path: Path) -> None:
    """A list of objects is a recording, too."""
    (tmp_path / "a.json").write_text('[{"a": 1}, {"a": null}]')
    assert rows(tmp_path / "a.json") == [("a.json", 0, {"a": 1}), ("a.json", 1, {"a": None})]


def test_rows_of_csv(tmp_path: Path) -> None:
    """Cells are text, an empty one is null; a row with another number of cells is kept as it is."""
    (tmp_path / "a.csv").write_text('id;name\n1;"a;b"\n2\n3;\n')
    assert sorted(content for *_, content in rows(tmp_path / "a.csv") if isinstance(content, bytes)) == [b"2"]
    assert [content for *_, content in rows(tmp_path / "a.csv") if isinstance(content, dict)] == [
        {"id": "1", "name": "a;b"},
        {"id": "3", "name": None},
    ]
    assert sorted(position for _, position, _ in rows(tmp_path / "a.csv")) == [0, 1, 2]


@given(st.lists(st.fixed_dictionaries({"name": st.none() | st.text(), "popularity": st.none() | st.integers(0, 100)}), max_size=5))
def test_rows_of_parquet(tmp_path_factory: pytest.TempPathFactory, table: list[dict[str, Any]]) -> None:
    """Values come back as they are in the file."""
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    schema = pa.schema([("name", pa.string()), ("popularity", pa.int64())])
    pq.write_table(pa.Table.from_pylist(table, schema=schema), path)
    assert [content for *_, content in rows(path)] == table


def test_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    """Files of different kinds follow each other; what file managers leave is passed over."""
    (tmp_path / "b.csv").write_text("id,name\n1,x\n")
    (tmp_path / "a.jsonl").write_text('{"id": 0}\n')
    (tmp_path / ".DS_Store").write_bytes(b"\0")
    assert rows(tmp_path) == [("a.jsonl", 0, b'{"id": 0}'), ("b.csv", 0, {"id": "1", "name": "x"})]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.csv", b"1,2,3\n4,5,6\n", "has no header"),
        ("a.csv", b"a,a\n1,2\n", "two columns have the same name"),
        ("a.json", b"[1, 2]", "item 0 of the list is a int, not an object"),
        ("a.json", b'[{"a": 1}', "is no list in JSON"),
        ("a.parquet", b"PAR1 and no more", "is damaged Parquet"),
        ("a.csv", b"", "looks like an empty file"),
    ],
)
def test_what_is_no_recording_says_so(tmp_path: Path, name: str, content: bytes, complaint: str) -> None:
    """The error names the file and what to do."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=complaint) as caught:
        rows(tmp_path / name)
    assert name in str(caught.value)


def test_truncated_file_gives_what_it_has(tmp_path: Path) -> None:
    """The lines before the end of a download that broke off are there; then comes the error."""
    lines = b"".join(json.dumps({"number": number}).encode() + b"\n" for number in range(20_000))
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(lines)[:-20])
    found: list[object] = []
    with pytest.raises(SourceError, match=r"cannot be read after [\d,]+ lines"):
        found.extend(row.content for row in read_rows(recorded_files(path)[0]))
    assert found == lines.splitlines()[: len(found)]
    assert len(found) > 1_000


def test_identity_is_that_of_the_state(tmp_path: Path) -> None:
    """A file that was written to is another recording."""
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n")
    before = recording_identity(path)
    assert recording_identity(path) == before
    path.write_text("{}\n{}\n")
    assert recording_identity(path) != before
