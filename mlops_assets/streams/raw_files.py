"""Messages as lines of raw files: a file per minute of the log and shard, whose name follows from the messages in it.

Writing is a union by place in the log. So a file is the same in the end, whether its messages came at once or bit by bit, and
however often they came.

`2026-03-10/12-05-00000-of-00005.jsonl` holds messages that were sent at 12:05 UTC, at offsets whose remainder by 5 is 0.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

SHARDS = 5
"""Files of a minute, as the original's."""


def file_names(messages: pa.Table, landed_at: datetime) -> list[str]:
    """Return for each message the name of its file; one that bears no time is filed under when it landed."""
    moments = messages["event_at"].to_pylist()
    return [
        f"{(at or landed_at).astimezone(timezone.utc):%Y-%m-%d/%H-%M}-{offset % SHARDS:05d}-of-{SHARDS:05d}.jsonl"
        for at, offset in zip(moments, messages["offset"].to_pylist(), strict=True)
    ]


def as_lines(messages: pa.Table) -> Iterator[str]:
    """Yield messages as JSON, each with its place: the value as text, or in Base64 where it is none."""
    for message in messages.select(["partition", "offset", "event_at", "key", "value"]).to_pylist():
        at = message["event_at"]
        line: dict[str, Any] = {
            "log_partition": message["partition"],
            "log_offset": message["offset"],
            "logged_at": at and at.isoformat(),
        }
        for name in ("key", "value"):
            line |= _text_or_base64(name, message[name])
        yield json.dumps(line, ensure_ascii=False)


def union(files: Iterable[bytes]) -> bytes:
    """Return the lines of several versions of a file, each place of the log once, in the order of the log."""
    lines = {_place(line): line for content in files for line in content.decode().splitlines() if line}
    return "".join(f"{lines[place]}\n" for place in sorted(lines)).encode()


def read_lines(content: bytes, partition: int) -> pa.Table:
    """Return the messages of a file of JSON lines: lines of raw files, or messages as they are sent.

    Args:
        content: of the file.
        partition: of messages that say none; their offsets are the numbers of their lines, from 0.
    """
    import pyarrow as pa

    from mlops_assets.stores.events.base import event_schema

    rows = [_message(line, partition, number) for number, line in enumerate(content.splitlines()) if line.strip()]
    return pa.Table.from_pylist(rows, event_schema())


def _text_or_base64(name: str, value: bytes | None) -> dict[str, str]:
    if value is None:
        return {}
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\n"
    # Every other way of ending a line is one to some reader of lines.
    return {name: text} if text.isprintable() else {f"{name}_base64": base64.b64encode(value).decode()}


def _place(line: str) -> tuple[int, int]:
    fields = json.loads(line)
    return fields["log_partition"], fields["log_offset"]


def _message(line: bytes, partition: int, offset: int) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        fields = None
    if not (isinstance(fields, dict) and {"log_partition", "log_offset"} <= fields.keys()):
        return {"partition": partition, "offset": offset, "value": line, "headers": []}
    at = fields.get("logged_at")
    return {
        "partition": fields["log_partition"],
        "offset": fields["log_offset"],
        "event_at": at and datetime.fromisoformat(at),
        "key": _bytes(fields, "key"),
        "value": _bytes(fields, "value"),
        "headers": [],
    }


def _bytes(fields: dict[str, Any], name: str) -> bytes | None:
    if name in fields:
        return str(fields[name]).encode()
    encoded = fields.get(f"{name}_base64")
    return None if encoded is None else base64.b64decode(encoded)
