"""Raw records as a model's input contract wants them: what every protocol sends goes through one reader per contract."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, create_model

from mlops_assets.serving.errors import MOST_FIELDS, FieldError, InvalidRecordError, unknown_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_assets.contracts import Column, ColumnType, TableContract

_LONGEST_TEXT = 10_000
_WHOLE = {"int8": 2**7, "int32": 2**31, "int64": 2**63}
_LARGEST_FLOAT32 = 3.4028234e38


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A record that keeps the contract.

    Attributes:
        values: of all columns of the contract, in its types; None where it is not known.
        unknown: names of the columns that were not given, or given as null.
    """

    values: dict[str, Any]
    unknown: tuple[str, ...]


class RecordReader:
    """Reads records by a contract.

    A column that may be empty may be left out; others must be there, and no others may be. Nothing is converted that could be a
    mistake: a number as text is refused, as are NaN and infinity, and a time needs its distance from UTC.
    """

    def __init__(self, contract: TableContract) -> None:
        """Prepare for the columns of `contract`."""
        self.contract = contract
        self._names = contract.column_names
        fields: dict[str, Any] = {column.name: _field(column) for column in contract.columns}
        self._model = create_model(contract.name, __config__=ConfigDict(extra="forbid", strict=True), **fields)
        self._validate = self._model.__pydantic_validator__.validate_python

    def read(self, record: Any) -> ReadRecord:
        """Return a record in the types of the contract.

        Raises:
            InvalidRecordError: it breaks the contract; each field that does is named.
        """
        if isinstance(record, dict) and len(record) > len(self._names) + MOST_FIELDS:
            message = f"the record has {len(record):,} fields, and the model takes {len(self._names)}"
            raise InvalidRecordError(message, unknown_fields(record, self._names))
        try:
            values = self._validate(record).__dict__
        except ValidationError as error:
            raise InvalidRecordError("the record is not what the model takes", list(_field_errors(error))) from None
        # Pydantic keeps fields in the order of the contract, whatever order they were sent in.
        return ReadRecord(values, tuple([name for name in self._names if values[name] is None]))

    def json_schema(self) -> dict[str, Any]:
        """Return the schema of a record for OpenAPI."""
        schema = self._model.model_json_schema(mode="validation")
        return {**schema, "title": self.contract.label, "description": self.contract.description}


def _field(column: Column) -> tuple[Any, Any]:
    """Return pydantic's type and default of a column."""
    kind: Any = _TYPES[column.type]
    limits: dict[str, Any] = {}
    if column.type in _WHOLE:
        limits = {"ge": -_WHOLE[column.type], "le": _WHOLE[column.type] - 1}
    elif column.type in ("float32", "float64"):
        limits = {"allow_inf_nan": False}
        if column.type == "float32":
            limits |= {"ge": -_LARGEST_FLOAT32, "le": _LARGEST_FLOAT32}
    elif column.type in ("string", "json"):
        limits = {"max_length": _LONGEST_TEXT}
        if column.pattern is not None:
            limits["pattern"] = f"^(?:{column.pattern})$"
    if column.minimum is not None:
        limits["ge"] = column.minimum
    if column.maximum is not None:
        limits["le"] = column.maximum
    unit = f" Unit: {column.unit}." if column.unit else ""
    if column.allowed is not None:
        kind = Literal[column.allowed]
        limits = {}
    described: Any = Annotated[kind, Field(**limits)]
    if column.nullable:
        return described | None, Field(default=None, description=f"{column.description}{unit} Unknown if left out.")
    return described, Field(description=f"{column.description}{unit}")


def _as_whole_number(value: Any) -> Any:
    """JSON does not tell 3.0 from 3."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _as_time(value: Any) -> Any:
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.replace("Z", "+00:00").replace("z", "+00:00"))
        except ValueError:
            raise ValueError("write a time as 2024-01-31T13:45:00Z") from None
    else:
        raise ValueError("write a time as 2024-01-31T13:45:00Z")
    if moment.tzinfo is None:
        raise ValueError("say the distance from UTC, as in 2024-01-31T13:45:00-06:00 or 2024-01-31T19:45:00Z")
    return _in_utc(moment)


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(timezone.utc)
    except OverflowError:
        raise ValueError("the year is out of range") from None


def _as_date(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError("write a day as 2024-01-31") from None
    if isinstance(value, datetime) or not isinstance(value, date):
        raise ValueError("write a day as 2024-01-31")
    return value


_TYPES: Mapping[ColumnType, Any] = {
    "string": str,
    "json": str,
    "bool": bool,
    "int8": Annotated[int, BeforeValidator(_as_whole_number)],
    "int32": Annotated[int, BeforeValidator(_as_whole_number)],
    "int64": Annotated[int, BeforeValidator(_as_whole_number)],
    "float32": float,
    "float64": float,
    "timestamp": Annotated[datetime, BeforeValidator(_as_time)],
    "date": Annotated[date, BeforeValidator(_as_date)],
}


_MESSAGES = {
    "missing": "it is missing",
    "extra_forbidden": "there is no such field",
    "finite_number": "it must be a finite number",
    "model_type": "a record is an object with named fields",
    "model_attributes_type": "a record is an object with named fields",
    "string_type": "it must be text",
    "float_type": "it must be a number, not text, true, false or null",
    "int_type": "it must be a whole number",
    "bool_type": "it must be true or false",
}


def _field_errors(error: ValidationError) -> Iterator[FieldError]:
    for entry in error.errors(include_url=False, include_input=False):
        name = ".".join(map(str, entry["loc"])) or "record"
        message = _MESSAGES.get(entry["type"]) or str(entry["msg"]).removeprefix("Value error, ")
        yield FieldError(name[:200], message)
