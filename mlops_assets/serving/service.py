"""The one service behind all protocols: read the record, ask the champion, explain, note the answer."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.serving.errors import InvalidRecordError, TooLargeError, UnsupportedError
from mlops_assets.serving.execution import Execution, is_given_up
from mlops_assets.serving.prediction_log import PredictionEvent

if TYPE_CHECKING:
    from mlops_assets.ml.explanation import Contribution
    from mlops_assets.serving.champions import Champions, ServedModel
    from mlops_assets.serving.metrics import ServingMetrics
    from mlops_assets.serving.prediction_log import PredictionLog
    from mlops_assets.serving.records import ReadRecord
    from mlops_assets.serving.settings import ServingSettings

Protocol = Literal["rest", "graphql", "grpc"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of a record.

    Attributes:
        served: the champion that answered.
        prediction: the columns of the predictor's outputs.
        unknown: inputs that were not given.
        explanation: which inputs moved the score, the strongest first; None unless asked for.
    """

    served: ServedModel
    prediction: Mapping[str, Any]
    unknown: tuple[str, ...] = ()
    explanation: Sequence[Contribution] | None = None

    @property
    def value(self) -> bool | str:
        """The prediction itself: yes or no, or the likeliest class."""
        found: bool | str = self.prediction["is_predicted" if "is_predicted" in self.prediction else "predicted_class"]
        return found

    @property
    def probability(self) -> float:
        """The probability of yes, or of the likeliest class."""
        found: float = self.prediction["probability" if "probability" in self.prediction else f"probability_{self.value}"]
        return found

    @property
    def probabilities(self) -> dict[str, float]:
        """The probability of each class; empty for yes and no."""
        named = {name.removeprefix("probability_"): value for name, value in self.prediction.items()}
        return {} if "is_predicted" in self.prediction else {k: v for k, v in named.items() if k != "predicted_class"}

    def as_dict(self) -> dict[str, Any]:
        """Return the answer as JSON has it."""
        fields: dict[str, Any] = {
            "model": self.served.identity,
            "value": self.value,
            "probability": self.probability,
            "unknown_inputs": self.unknown,
        }
        if self.probabilities:
            fields["probabilities"] = self.probabilities
        if self.explanation is not None:
            fields["explanation"] = [contribution.as_dict() for contribution in self.explanation]
        return fields


class PredictionService:
    """Answers questions about records, the same way in every protocol."""

    def __init__(
        self,
        champions: Champions,
        settings: ServingSettings,
        metrics: ServingMetrics,
        log: PredictionLog | None,
        now: Callable[[], datetime],
    ) -> None:
        """Answer by `champions`; note answers in `log` if there is one."""
        self.champions, self.settings, self.metrics = champions, settings, metrics
        self.execution = Execution(settings.timeout_seconds)
        self._log, self._now = log, now
        self._is_stopping = False

    @property
    def is_ready(self) -> bool:
        """Whether new questions should be sent here."""
        return self.champions.is_ready and not self._is_stopping

    def announce_stop(self) -> None:
        """Be ready no more; questions are answered until the process ends."""
        self._is_stopping = True

    def predict(self, domain: str, name: str, record: Any, *, protocol: Protocol, request_id: str, explain: bool = False) -> Answer:
        """Answer for one raw record.

        Args:
            domain: of the model.
            name: of the model.
            record: fields by name, as they were sent.
            protocol: by which they were.
            request_id: of the request.
            explain: whether to say which inputs moved the score.

        Raises:
            UnknownModelError: there is no such model.
            NoChampionError: it has no champion.
            InvalidRecordError: the record breaks the model's input contract.
            UnsupportedError: the model cannot explain itself.
        """
        started = time.perf_counter()
        served = self.champions.get(domain, name)
        _require_records(served)
        return self.answer(served, served.reader.read(record), started, protocol=protocol, request_id=request_id, explain=explain)

    def answer(
        self,
        served: ServedModel,
        record: ReadRecord,
        started: float,
        *,
        protocol: Protocol,
        request_id: str,
        explain: bool = False,
    ) -> Answer:
        """Answer for a record that has been read; `started` is when that began (`time.perf_counter`)."""
        prediction = served.bundle.predict_record(record.values)
        explanation = _explain(served, record) if explain else None
        answer = Answer(served, prediction, record.unknown, explanation)
        self._note([(record, answer)], started, protocol, request_id)
        return answer

    async def predict_soon(
        self, domain: str, name: str, record: Any, *, protocol: Protocol, request_id: str, explain: bool = False
    ) -> Answer:
        """Answer as `predict` does, in a thread if the model is slow.

        Raises:
            RequestError: as `predict` does, or DeadlineError because it takes too long.
        """

        def predict() -> Answer:
            return self.predict(domain, name, record, protocol=protocol, request_id=request_id, explain=explain)

        return await self.execution.run((domain, name, explain), predict)

    async def reload_soon(self) -> None:
        """Look up at once who is champion, in a thread; without this it happens every few seconds.

        Raises:
            DeadlineError: it takes too long; it goes on.
        """
        await self.execution.run_alone("champions", self.champions.refresh)

    async def predict_batch_soon(
        self, domain: str, name: str, records: Sequence[Any], *, protocol: Protocol, request_id: str
    ) -> list[Answer | InvalidRecordError]:
        """Answer as `predict_batch` does, in a thread.

        Raises:
            RequestError: as `predict_batch` does, or DeadlineError because it takes too long.
        """
        return await self.execution.run_in_thread(
            lambda: self.predict_batch(domain, name, records, protocol=protocol, request_id=request_id)
        )

    def predict_batch(
        self, domain: str, name: str, records: Sequence[Any], *, protocol: Protocol, request_id: str
    ) -> list[Answer | InvalidRecordError]:
        """Answer for many raw records at once: each is answered, or its own error is in its place.

        Raises:
            UnknownModelError, NoChampionError: as `predict` does.
            TooLargeError: they are more than the service takes.
        """
        started = time.perf_counter()
        served = self.champions.get(domain, name)
        _require_records(served)
        self.require_batch_size(len(records))
        read = [_read(served, record) for record in records]
        return self.answer_batch(served, read, started, protocol=protocol, request_id=request_id)

    def answer_batch(
        self,
        served: ServedModel,
        read: Sequence[ReadRecord | InvalidRecordError],
        started: float,
        *,
        protocol: Protocol,
        request_id: str,
    ) -> list[Answer | InvalidRecordError]:
        """Answer for records that have been read, in their order; errors stay where they are."""
        records = [record for record in read if not isinstance(record, InvalidRecordError)]
        predictions = iter(served.bundle.predict_records([record.values for record in records]))
        answers: list[Answer | InvalidRecordError] = [
            each if isinstance(each, InvalidRecordError) else Answer(served, next(predictions), each.unknown) for each in read
        ]
        answered = [answer for answer in answers if isinstance(answer, Answer)]
        self._note(list(zip(records, answered, strict=True)), started, protocol, request_id)
        return answers

    def require_batch_size(self, count: int) -> None:
        """Refuse a batch of more records than the service takes.

        Raises:
            TooLargeError: there are more.
        """
        if count > self.settings.max_batch_rows:
            raise TooLargeError(f"a batch has at most {self.settings.max_batch_rows:,} records, not {count:,}")

    def _note(self, answered: Sequence[tuple[ReadRecord, Answer]], started: float, protocol: Protocol, request_id: str) -> None:
        duration_s = time.perf_counter() - started
        # An answer that came too late for its client is none.
        if not answered or is_given_up():
            return
        served = answered[0][1].served
        self.metrics.count_predictions(served.name, protocol, len(answered), duration_s)
        if self._log is None:
            return
        now, prefix = self._now(), uuid.uuid4().hex
        for position, (record, answer) in enumerate(answered):
            self._log.put(
                PredictionEvent(
                    f"{prefix}-{position}",
                    request_id,
                    now,
                    served.name.domain,
                    served.name.name,
                    served.version.version,
                    served.version.run_id,
                    protocol,
                    record.values,
                    answer.prediction,
                    round(duration_s * 1_000, 3),
                )
            )


def _require_records(served: ServedModel) -> None:
    if not served.takes_records:
        raise UnsupportedError(
            f"{served.name} forecasts series and takes no single records; GET /v1/{served.name.domain}/forecasts"
        )


def _read(served: ServedModel, record: Any) -> ReadRecord | InvalidRecordError:
    try:
        return served.reader.read(record)
    except InvalidRecordError as error:
        return error


def _explain(served: ServedModel, record: ReadRecord) -> Sequence[Contribution]:
    if served.bundle.typical is None:
        raise UnsupportedError(
            f"{served.name} version {served.version.version} was saved without a typical record, so it cannot explain itself"
        )
    from mlops_assets.ml.explanation import explain_record

    return explain_record(served.bundle, record.values)
