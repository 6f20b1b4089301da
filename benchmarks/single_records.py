"""One record at a time: what `Bundle.predict_record` takes beside scikit-learn's own call and beside a row of a batch."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Laps

if TYPE_CHECKING:
    from mlops_assets.ml.bundle import Bundle

FAMILIES = ("logistic_regression", "svc_rbf", "decision_tree", "gradient_boosting", "random_forest", "soft_vote")
_SONGS, _ROUNDS, _ASKED = 500, 5, 200


def single_songs(laps: Laps) -> dict[str, dict[str, float]]:
    """Return, by kind of preference model, the microseconds of a record, of a call of scikit-learn, and of a row of a batch."""
    return {family: _microseconds(_preference_model(family)) for family in FAMILIES}


def _preference_model(family: str) -> Bundle[Any]:
    """Return a model of five hundred made-up songs; what an answer costs does not depend on what is liked."""
    import numpy as np

    from mlops_assets.ml.bundle import Bundle, Provenance
    from mlops_assets.ml.predictors import BinaryClassifier
    from mlops_assets.song_preference.modelling.candidates import FAMILIES, build_pipeline
    from mlops_assets.song_preference.modelling.features import model_input

    songs = _songs()
    is_liked = songs["energy"] + np.random.default_rng(2).normal(size=len(songs)) > 0.5
    pipeline = build_pipeline(family, FAMILIES[family].defaults, 7).fit(songs, is_liked)
    provenance = Provenance("preference_model", family, "0" * 64, None, None, len(songs), 7, {}, {}, tuple(songs.columns))
    return Bundle(BinaryClassifier(pipeline, 0.5), provenance, model_input("all"))


def _songs() -> Any:
    import numpy as np
    import pandas as pd

    from mlops_assets.song_preference.contracts import FEATURE_NAMES

    return pd.DataFrame(np.random.default_rng(1).random((_SONGS, len(FEATURE_NAMES))), columns=list(FEATURE_NAMES))


def _microseconds(bundle: Bundle[Any]) -> dict[str, float]:
    """Measure the three in turn, so that a busy machine slows down all of them alike; the quickest round of each counts.

    Raises:
        ValueError: a record's answer is not that of a table of one row.
    """
    songs = _songs()
    records = [{str(name): value for name, value in row.items()} for row in songs.head(_ASKED).to_dict("records")]
    rows = [songs.iloc[[position]] for position in range(_ASKED // 10)]
    for record, row in zip(records, rows, strict=False):
        if bundle.predict_record(record) != bundle.predict(row).to_dict("records")[0]:
            raise ValueError(f"{bundle.provenance.estimator_name} answers a record otherwise than a table of one row")
    ways: dict[str, Callable[[], float]] = {
        "record": lambda: _seconds_each(bundle.predict_record, records),
        "scikit-learn": lambda: _seconds_each(bundle.predictor.pipeline.predict_proba, rows),
        "row of a batch": lambda: _seconds_each(bundle.predict, [songs] * 3) / len(songs),
    }
    rounds = [{name: way() * 1e6 for name, way in ways.items()} for _ in range(_ROUNDS)]
    return {name: min(each[name] for each in rounds) for name in ways}


def _seconds_each(call: Callable[[Any], object], arguments: Sequence[Any]) -> float:
    """Return the median: on a busy machine a mean is that of the few calls that others interrupted."""
    return statistics.median(_seconds(call, argument) for argument in arguments)


def _seconds(call: Callable[[Any], object], argument: Any) -> float:
    started = time.perf_counter()
    call(argument)
    return time.perf_counter() - started
