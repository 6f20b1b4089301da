"""What a training asset returns: the bundle, and the record of how it was found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.ml.bundle import Bundle
    from mlops_assets.ml.metric_set import MetricSet
    from mlops_assets.ml.search import Trial


@dataclass(frozen=True)
class TrainingDataset:
    """A table that a model learned from, as its run's record names it.

    Attributes:
        name: for example `song_preference/dataset`.
        content_hash: of its rows: equal rows, equal hash.
        source: URI of where it is, without credentials.
        row_count: rows.
        columns: types by name.
        context: what it was used for, for example `training`.
    """

    name: str
    content_hash: str
    source: str
    row_count: int
    columns: Mapping[str, str]
    context: str = "training"


@dataclass(frozen=True)
class TrainedModel:
    """A bundle with the candidates that it won against.

    Attributes:
        bundle: the winner.
        trials: every configuration tried, in order.
        is_cut_by_budget: whether the time budget ended the search before every planned configuration was tried.
        compared_by: the metrics of the trials that people are shown, of which the primary one chose the winner.
        figures: PNG pictures for the run's record, by name.
        datasets: the tables that it learned from, as far as they are recorded with the runs.
    """

    bundle: Bundle[Any]
    trials: Sequence[Trial]
    is_cut_by_budget: bool
    compared_by: MetricSet
    figures: Mapping[str, bytes] = field(default_factory=dict)
    datasets: Sequence[TrainingDataset] = ()


def fingerprint(frames: Sequence[pd.DataFrame], settings: Mapping[str, Any]) -> str:
    """Return a SHA-256 over training tables and settings: equal inputs, equal fingerprint, on every machine.

    Values, column names, types and the order of rows and columns count; the index does not.
    """
    from pandas.util import hash_pandas_object

    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for frame in frames:
        digest.update(json.dumps([len(frame), [[str(name), str(type_)] for name, type_ in frame.dtypes.items()]]).encode())
        for name in frame.columns:
            # A hash per value first: the memory of texts and of moments with a time zone holds addresses, not values.
            digest.update(hash_pandas_object(frame[name], index=False).to_numpy().tobytes())
    return digest.hexdigest()


def trials_table(trained: TrainedModel) -> pd.DataFrame:
    """Return the trials as a table for people, the best first."""
    import pandas as pd

    rows = [
        {
            **trial.labels,
            **{name: trial.metrics[name] for name in trained.compared_by.names},
            "fit_seconds": round(trial.fit_seconds, 1),
            "params": ", ".join(f"{name}={value}" for name, value in sorted(trial.params.items())),
        }
        for trial in trained.trials
    ]
    primary = trained.compared_by.primary
    return pd.DataFrame(rows).sort_values(primary.name, ascending=not primary.greater_is_better, kind="stable", ignore_index=True)
