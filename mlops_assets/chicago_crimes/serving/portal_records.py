"""Crimes as the portal's web API gives them, read for a model by the code that reads them in batch."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mlops_assets.chicago_crimes.crimes.parsing import PORTAL_COLUMNS, Fault, read_reported_crimes
from mlops_assets.chicago_crimes.sources.base import PORTAL_FIELDS, REQUIRED_FIELDS
from mlops_assets.contracts.text import text_array
from mlops_assets.serving.errors import FieldError, InvalidRecordError
from mlops_assets.serving.records import ReadRecord

if TYPE_CHECKING:
    from mlops_assets.contracts import TableContract

_LONGEST_TEXT = 10_000
_UNUSED_FIELDS = frozenset({"year", "location"})
_REGION_FIELD = re.compile(r":@computed_region_\w+")
_NOT_ASKED_FOR = frozenset({"id", "arrest"})
_JSON_TYPES = {"timestamp": ("string",), "bool": ("boolean", "string")}
_MESSAGE = "the crime would be rejected"


def read_crimes(records: Sequence[Any], contract: TableContract) -> list[ReadRecord | InvalidRecordError]:
    """Read crimes by the rules of batch scoring; what is wrong with one stands in its place.

    Fields that the portal has and a model does not use are passed over; there may be no others. An optional value that cannot be
    read counts as unknown, as in batch.

    Args:
        records: as JSON has them, with the portal's names and its spelling of values; numbers and flags may be such, too.
        contract: the input contract of the model.
    """
    texts: list[dict[str, str | None]] = []
    errors: dict[int, list[FieldError]] = defaultdict(list)
    for row, record in enumerate(records):
        if not isinstance(record, Mapping):
            errors[row].append(FieldError("record", "a crime is an object with the fields of the portal"))
            record = {}
        errors_of_row, fields = _texts(record)
        errors[row] += errors_of_row
        texts.append(fields)
    table = {name: text_array([fields.get(name) for fields in texts]) for name in PORTAL_FIELDS}
    reported = read_reported_crimes(pa.table({**table, "source_name": text_array(["request"] * len(texts))}))
    for fault in reported.faults:
        for row in fault.rows.tolist():
            # What is no text at all has been named.
            if not any(error.field in (fault.field, "record") for error in errors[row]):
                errors[row].append(FieldError(fault.field, _message(fault)))
    rows = reported.crimes.select(contract.column_names).to_pylist()
    return [
        InvalidRecordError(_MESSAGE, errors[row]) if errors[row] else ReadRecord(values, _unknown(values))
        for row, values in enumerate(rows)
    ]


def record_schema() -> dict[str, Any]:
    """Return the schema of a crime for OpenAPI."""
    required = REQUIRED_FIELDS - _NOT_ASKED_FOR
    properties = {
        name: {
            "type": [*_JSON_TYPES.get(column.type, ("string", "number")), *(() if name in required else ("null",))],
            "description": column.description,
        }
        for name, column in PORTAL_COLUMNS.items()
    }
    unused = {"description": "Not used."}
    return {
        "type": "object",
        "title": "Crime",
        "description": "A crime as the portal's web API gives it; times are Chicago's, as 2024-03-10T02:30:00.000.",
        "required": sorted(required),
        "properties": {**properties, **dict.fromkeys(sorted(_UNUSED_FIELDS), unused)},
        "patternProperties": {f"^{_REGION_FIELD.pattern}$": unused},
        "additionalProperties": False,
    }


def _texts(record: Mapping[str, Any]) -> tuple[list[FieldError], dict[str, str | None]]:
    errors, texts = [], {}
    for name, value in record.items():
        if name in PORTAL_COLUMNS:
            try:
                texts[name] = _text(value)
            except ValueError as error:
                errors.append(FieldError(name, str(error)))
        elif name not in _UNUSED_FIELDS and not _REGION_FIELD.fullmatch(name):
            errors.append(FieldError(name[:200], "there is no such field"))
    return errors, texts


def _text(value: Any) -> str | None:
    """Return a value as the portal writes it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise ValueError("it must be text, a number, true, false or null")
    # Python refuses to write numbers of thousands of digits.
    text = str(value) if not isinstance(value, int) or abs(value) < 10**30 else "?"
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"it has more than {_LONGEST_TEXT:,} characters")
    return text


def _message(fault: Fault) -> str:
    return "it is missing" if fault.code == "missing_value" else f"it is not {fault.expected}"


def _unknown(values: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name, value in values.items() if value is None)
