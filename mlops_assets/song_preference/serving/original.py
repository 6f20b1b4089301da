"""The original system's question and answer: four shares of a song, and whether the listener will like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_assets.contracts import TableContract
from mlops_assets.serving.records import RecordReader
from mlops_assets.serving.request_ids import current_request_id
from mlops_assets.song_preference import DOMAIN
from mlops_assets.song_preference.contracts import AUDIO_FEATURES
from mlops_assets.song_preference.modelling.features import ORIGINAL_FEATURES

if TYPE_CHECKING:
    from mlops_assets.serving.service import PredictionService, Protocol

_COLUMNS = {column.name: replace(column, nullable=False) for column in AUDIO_FEATURES}

SONG = TableContract(
    domain=DOMAIN,
    name="original_song",
    description="What the original system knows of a song.",
    columns=tuple(_COLUMNS[name] for name in ORIGINAL_FEATURES),
)
READER = RecordReader(SONG)


@dataclass(frozen=True)
class Reply:
    """The original's answer, and beside it what the original does not say.

    Attributes:
        is_liked: whether the listener will like the song: `int_output`.
        unknown: inputs that the champion takes and that the four do not tell.
        version: of the champion; None of a bundle from a folder.
    """

    is_liked: bool
    unknown: tuple[str, ...]
    version: int | None

    @property
    def text(self) -> str:
        """The answer in the original's words: `str_output`."""
        return "Successful" if self.is_liked else "Not Successful"

    def headers(self) -> dict[str, str]:
        """Return what goes into headers and metadata, where the original's clients do not look."""
        told = {"x-unknown-inputs": ",".join(self.unknown), "x-model-version": "" if self.version is None else str(self.version)}
        return {name: value for name, value in told.items() if value}


async def ask(service: PredictionService, features: Any, protocol: Protocol) -> Reply:
    """Ask the champion about four features; others that it takes count as unknown.

    Args:
        service: answers.
        features: by name, as they were sent.
        protocol: by which they were.

    Raises:
        InvalidRecordError: a feature is missing, is not between 0 and 1, or is none of the four.
        RequestError: the service does not answer.
    """
    song: Mapping[str, Any] = READER.read(features).values
    answer = await service.predict_soon(DOMAIN, "preference_model", song, protocol=protocol, request_id=current_request_id())
    return Reply(bool(answer.value), answer.unknown, answer.served.version.version)
