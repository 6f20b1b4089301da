"""What is asked and answered, whatever the protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from mlops_assets.dashboard.errors import NothingToShowError
from mlops_assets.errors import PermanentError

TIMEOUT_SECONDS = 10.0
KEY_HEADER = "X-API-Key"
_Found = TypeVar("_Found")


class RefusedQuestionError(PermanentError):
    """Serving does not answer this question: a value that the model does not take, no champion, a wrong key."""


@dataclass(frozen=True)
class Effect:
    """What an input did to a score.

    Attributes:
        name: of the input.
        value: what it was; None if it was not known.
        typical: the value that it is compared with.
        effect: by how much the score is higher than with the typical value.
    """

    name: str
    value: Any
    typical: Any
    effect: float


@dataclass(frozen=True)
class Answer:
    """What serving says of a record.

    Attributes:
        value: the prediction.
        probability: of a yes, or of the likeliest class.
        version: of the model; None of a bundle without a registry.
        latency_ms: from the question to the answer, as the dashboard sees it.
        unknown: inputs that were not given.
        explanation: the inputs that moved the score, the strongest first.
    """

    value: bool | str
    probability: float
    version: int | None
    latency_ms: float
    unknown: Sequence[str] = ()
    explanation: Sequence[Effect] = ()


class PredictionClient(Protocol):
    """Asks a served model by one protocol."""

    def ask(self, domain: str, model: str, record: Mapping[str, Any], *, explain: bool) -> Answer:
        """Ask about one raw record.

        Raises:
            NothingToShowError: nobody answers at the address.
            RefusedQuestionError: serving refuses the question; the message names the fields that are wrong.
            TransientError: the answer did not come in time.
        """


def timed(question: Callable[[], _Found]) -> tuple[_Found, float]:
    """Return an answer and how long it took, in milliseconds."""
    started = time.perf_counter()
    found = question()
    return found, (time.perf_counter() - started) * 1_000


def refusal(message: str, fields: Sequence[Mapping[str, Any]] = ()) -> RefusedQuestionError:
    """Return the error for serving's own words: a sentence, and what is wrong with each field."""
    return RefusedQuestionError("; ".join([message, *(f"{each['field']}: {each['message']}" for each in fields)]))


def unreachable(address: str, setting: str) -> NothingToShowError:
    """Return the error for an address at which nobody listens, which `setting` names."""
    return NothingToShowError(f"Serving does not answer at {address} ({setting}). To start it:", "mlops-assets serve")
