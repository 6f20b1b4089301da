"""What a message says once it is JSON: the fields of an event, each with its type and limits."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from mlops_assets.song_popularity.contracts import AUDIO_FEATURES
from mlops_assets.streams.decoding import Reason, quote

_LIMITS = {column.name: (column.minimum, column.maximum) for column in AUDIO_FEATURES}
_Text = Annotated[str, StringConstraints(max_length=1_000)]
_Number = Annotated[float, Field(allow_inf_nan=False)]


def _audio(name: str) -> Any:
    low, high = _LIMITS[name]
    return Annotated[float, Field(allow_inf_nan=False, ge=low, le=high)]


class TrackFields(BaseModel):
    """What events and recordings say of a track. Fields that are not named here are kept in the documents alone."""

    model_config = ConfigDict(strict=True, extra="ignore")

    track_id: Annotated[str, StringConstraints(pattern=r"^[^\s\x00]{1,100}$")]
    # A decimal point makes no other number: 55.0 is 55.
    popularity: Annotated[float, Field(allow_inf_nan=False, ge=0, le=100, multiple_of=1)] | None = None
    track_name: _Text | None = None
    artist: _Text | None = None
    album: _Text | None = None
    query: _Text | None = None
    album_release_date: Annotated[str, StringConstraints(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")] | None = None
    genre: _Text | None = None
    acousticness: _audio("acousticness") | None = None  # type: ignore[valid-type]
    danceability: _audio("danceability") | None = None  # type: ignore[valid-type]
    duration_ms: _audio("duration_ms") | None = None  # type: ignore[valid-type]
    energy: _audio("energy") | None = None  # type: ignore[valid-type]
    instrumentalness: _audio("instrumentalness") | None = None  # type: ignore[valid-type]
    key: _audio("key") | None = None  # type: ignore[valid-type]
    liveness: _audio("liveness") | None = None  # type: ignore[valid-type]
    loudness: _audio("loudness") | None = None  # type: ignore[valid-type]
    mode: _audio("mode") | None = None  # type: ignore[valid-type]
    speechiness: _audio("speechiness") | None = None  # type: ignore[valid-type]
    tempo: _audio("tempo") | None = None  # type: ignore[valid-type]
    valence: _audio("valence") | None = None  # type: ignore[valid-type]


class EventMessage(TrackFields):
    """An event as its producer sends it."""

    event_type: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    timestamp: _Number


FIELDS = tuple(EventMessage.model_fields)
"""What the platform knows of an event."""

Fields = TypeVar("Fields", bound=TrackFields)

_MISSING, _OF_TYPE = "missing", ("_type", "_parsing")


def read_message(fields: dict[str, Any]) -> EventMessage | Reason:
    """Return the event that a JSON object is, or why it is none."""
    return read_fields(fields, EventMessage)


def read_fields(fields: dict[str, Any], model: type[Fields]) -> Fields | Reason:
    """Return what a JSON object says of a track or an event, or why it says nothing that can be used."""
    try:
        message: Fields = model.__pydantic_validator__.validate_python(fields)
    except ValidationError as error:
        return _reason(error.errors(include_url=False, include_context=False)[0], fields)
    if message.album_release_date is not None and release_date(message.album_release_date) is None:
        return Reason("out_of_range", f"album_release_date: there is no day {quote(message.album_release_date)}")
    return message


def release_date(text: str) -> date | None:
    """Return the first day that a release date such as `2019-06-14`, `1999-05` or `1999` may mean; None if there is none."""
    try:
        return date.fromisoformat((text + "-01-01")[:10])
    except ValueError:
        return None


def event_id(message: EventMessage) -> str:
    """Return a digest of all that an event says: the same, however often and in whatever order of fields it is delivered."""
    said = repr(tuple(message.__dict__.values())).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(said, digest_size=16).hexdigest()


def _reason(error: ErrorDetails, fields: dict[str, Any]) -> Reason:
    name = str(error["loc"][0])
    if error["type"] == _MISSING or fields.get(name) is None:
        return Reason("missing_field", f"{name} is missing")
    is_type = any(ending in error["type"] for ending in _OF_TYPE)
    message = error["msg"][0].lower() + error["msg"][1:]
    return Reason("wrong_type" if is_type else "out_of_range", f"{name}: {message}, not {quote(fields[name])}")
