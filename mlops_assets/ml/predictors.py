"""What a model is: one class per kind, which predicts from raw records, names its outputs, and writes and reads itself.

A predictor is the fitted part of a bundle. It is handed the columns of the bundle's input contract, which the bundle has validated.
A new kind is a further class here and a line in `KINDS`.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from mlops_assets.contracts import Column
from mlops_assets.errors import NotEnoughDataError, PermanentError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from mlops_assets.contracts import TableContract


RecordsPredictor = Callable[[Sequence[Mapping[str, Any]]], list[dict[str, Any]] | None]
"""Predicts records, given by column, as mappings of the columns of `outputs`; None if only a table can say."""


class Predictor(ABC):
    """A fitted model of some kind."""

    kind: ClassVar[str]
    """The kind's name, as `bundle.json` says it."""

    params: ClassVar[Mapping[str, str]] = {}
    """What may be asked for beside the records, as keywords of `predict`, with its default."""

    @property
    @abstractmethod
    def outputs(self) -> tuple[Column, ...]:
        """The columns of a prediction."""

    @abstractmethod
    def predict(self, records: pd.DataFrame, **params: Any) -> pd.DataFrame:
        """Return predictions, with the columns of `outputs`.

        Args:
            records: raw records with the columns of the input contract.
            **params: those of `params`.
        """

    def records_predictor(self, contract: TableContract) -> RecordsPredictor | None:
        """Return a quick way to predict a few records with the columns of a contract, equal to `predict`; None if there is none."""
        return None

    @property
    def settings(self) -> dict[str, Any]:
        """What is not fitted but chosen, as JSON can hold it."""
        return {}

    @abstractmethod
    def dump(self) -> bytes:
        """Return the fitted part for `bundle.joblib`; the same fitted object gives the same bytes."""

    @classmethod
    @abstractmethod
    def load(cls, data: bytes, settings: Mapping[str, Any]) -> Predictor:
        """Return the predictor of which `dump` and `settings` are given."""


@dataclass(frozen=True, eq=False)
class BinaryClassifier(Predictor):
    """A pipeline that gives the probability of a yes/no outcome.

    Attributes:
        pipeline: fitted, with a `predict_proba` that accepts a frame with the columns of the input contract and returns n x 2.
        threshold: the probability from which on a record counts as predicted, chosen on validation data.
    """

    kind = "binary_classifier"
    pipeline: Any
    threshold: float

    @property
    def outputs(self) -> tuple[Column, ...]:
        """A probability and a class for each record."""
        return (
            Column("probability", "float64", "Probability of the positive class.", minimum=0, maximum=1),
            Column("is_predicted", "bool", "Whether it reaches the threshold."),
        )

    @property
    def settings(self) -> dict[str, Any]:
        """The threshold."""
        return {"threshold": float(self.threshold)}

    def predict_probability(self, records: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return the probability of the positive class for every record."""
        probability: npt.NDArray[np.float64] = _probabilities(self.pipeline, records, 2)[:, 1]
        return probability

    def predict(self, records: pd.DataFrame, **params: Any) -> pd.DataFrame:
        """Return `probability` and `is_predicted` for every record, on the records' own index."""
        import pandas as pd

        probability = self.predict_probability(records)
        return pd.DataFrame({"probability": probability, "is_predicted": probability >= self.threshold}, index=records.index)

    def records_predictor(self, contract: TableContract) -> RecordsPredictor | None:
        """Return a quick way to predict a few records, if the pipeline can be compiled."""
        threshold = float(self.threshold)
        return _compiled(self.pipeline, contract, lambda each: {"probability": each[1], "is_predicted": each[1] >= threshold})

    def dump(self) -> bytes:
        """Return the pipeline, pickled."""
        return _dump(self.pipeline)

    @classmethod
    def load(cls, data: bytes, settings: Mapping[str, Any]) -> BinaryClassifier:
        """Return the classifier of a pickled pipeline and its threshold."""
        return cls(_load(data), settings["threshold"])


@dataclass(frozen=True, eq=False)
class MulticlassClassifier(Predictor):
    """A pipeline that gives the probability of each of several classes.

    Attributes:
        pipeline: fitted, with a `predict_proba` that accepts a frame with the columns of the input contract and returns a column
            per class.
        classes: names of the classes in the order of these columns; part of the names of output columns.
    """

    kind = "multiclass_classifier"
    pipeline: Any
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.classes)) < max(2, len(self.classes)):
            raise PermanentError(f"a classifier needs two or more classes with names of their own, not {', '.join(self.classes)}")

    @property
    def outputs(self) -> tuple[Column, ...]:
        """The likeliest class and a probability per class for each record."""
        return (
            Column("predicted_class", "string", "The likeliest class.", allowed=self.classes),
            *(Column(f"probability_{name}", "float64", f"Probability of {name}.", minimum=0, maximum=1) for name in self.classes),
        )

    @property
    def settings(self) -> dict[str, Any]:
        """The names of the classes."""
        return {"classes": list(self.classes)}

    def predict_probabilities(self, records: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return the probabilities of every record: a row per record, a column per class."""
        return _probabilities(self.pipeline, records, len(self.classes))

    def predict(self, records: pd.DataFrame, **params: Any) -> pd.DataFrame:
        """Return `predicted_class` and `probability_…` of each class for every record, on the records' own index."""
        import numpy as np
        import pandas as pd

        probabilities = self.predict_probabilities(records)
        predicted = np.array(self.classes, dtype=object)[probabilities.argmax(axis=1)]
        columns = {f"probability_{name}": probabilities[:, number] for number, name in enumerate(self.classes)}
        return pd.DataFrame({"predicted_class": predicted, **columns}, index=records.index)

    def records_predictor(self, contract: TableContract) -> RecordsPredictor | None:
        """Return a quick way to predict a few records, if the pipeline can be compiled."""
        names = [f"probability_{name}" for name in self.classes]

        def as_prediction(probabilities: list[float]) -> dict[str, Any]:
            predicted = self.classes[probabilities.index(max(probabilities))]
            return {"predicted_class": predicted, **dict(zip(names, probabilities, strict=True))}

        return _compiled(self.pipeline, contract, as_prediction)

    def dump(self) -> bytes:
        """Return the pipeline, pickled."""
        return _dump(self.pipeline)

    @classmethod
    def load(cls, data: bytes, settings: Mapping[str, Any]) -> MulticlassClassifier:
        """Return the classifier of a pickled pipeline and its classes."""
        return cls(_load(data), tuple(settings["classes"]))


class Forecaster(Predictor):
    """A model of series: records are their recent past, predictions their future. It is pickled whole."""

    kind = "forecaster"
    params: ClassVar[Mapping[str, str]] = {"created_at": ""}
    step: ClassVar[timedelta] = timedelta(hours=1)
    """How long the time is that a record is about."""

    @property
    @abstractmethod
    def time_column(self) -> str:
        """The column of the records that says when the time that each is about begins."""

    @abstractmethod
    def forecast(self, records: pd.DataFrame, created_at: datetime) -> pd.DataFrame:
        """Forecast every series of the records from a moment on, knowing only what lies before it.

        Args:
            records: recent records.
            created_at: the moment, with a time zone.
        """

    def predict(self, records: pd.DataFrame, *, created_at: datetime | str = "", **params: Any) -> pd.DataFrame:
        """Forecast every series of the records.

        Args:
            records: recent records.
            created_at: the moment of the forecast, as text in ISO 8601, in UTC if it names no zone; by default the end of the time
                that the newest record is about.
            **params: none.

        Raises:
            NotEnoughDataError: there are no records.
        """
        import pandas as pd

        if records.empty:
            raise NotEnoughDataError("there are no rows to forecast from; materialize the series of some days first")
        if isinstance(created_at, str):
            newest_end = records[self.time_column].max() + self.step
            created_at = (pd.to_datetime(created_at, utc=True) if created_at else newest_end).to_pydatetime()
        return self.forecast(records, created_at)

    def dump(self) -> bytes:
        """Return the forecaster, pickled."""
        return _dump(self)

    @classmethod
    def load(cls, data: bytes, settings: Mapping[str, Any]) -> Forecaster:
        """Return a pickled forecaster."""
        forecaster = _load(data)
        if not isinstance(forecaster, Forecaster):
            raise TypeError(f"a {type(forecaster).__name__} is no forecaster")
        return forecaster


KINDS: Mapping[str, type[Predictor]] = {kind.kind: kind for kind in (BinaryClassifier, MulticlassClassifier, Forecaster)}
"""The kinds of predictors by name."""


def _probabilities(pipeline: Any, records: pd.DataFrame, classes: int) -> npt.NDArray[np.float64]:
    import numpy as np

    # Without records there is nothing to ask the pipeline, which would refuse them.
    found = pipeline.predict_proba(records) if len(records) else np.empty((0, classes))
    return np.asarray(found, dtype=np.float64)


def _compiled(
    pipeline: Any, contract: TableContract, as_prediction: Callable[[list[float]], dict[str, Any]]
) -> RecordsPredictor | None:
    """Return what predicts records from their probabilities, if all inputs are floats and the pipeline can be compiled.

    It gives None where a record has anything but floats of an ordinary size: a table decides what becomes of that.
    """
    import numpy as np

    from mlops_assets.ml.compiled import compile_pipeline

    if any(column.type != "float64" for column in contract.columns):
        return None
    probabilities_of, names = compile_pipeline(pipeline), contract.column_names
    if probabilities_of is None:
        return None

    ordinary, largest = frozenset({float, type(None)}), np.finfo(np.float32).max

    def predict_records(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
        rows = [[record.get(name) for name in names] for record in records]
        if not ordinary.issuperset(map(type, chain.from_iterable(rows))):
            return None
        # None becomes NaN, which is not too large.
        values = np.array(rows, dtype=np.float64)
        if (np.abs(values) > largest).any():
            return None
        return [as_prediction(probabilities) for probabilities in probabilities_of(values).tolist()]

    return predict_records


def _dump(fitted: Any) -> bytes:
    import joblib

    buffer = io.BytesIO()
    # A fixed protocol and plain zlib (no file name, no time stamp) keep the bytes a function of the object alone.
    joblib.dump(fitted, buffer, compress=("zlib", 3), protocol=5)
    return buffer.getvalue()


def _load(data: bytes) -> Any:
    import joblib

    return joblib.load(io.BytesIO(data))
