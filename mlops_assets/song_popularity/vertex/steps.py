"""The steps of the original's pipeline: prepare, train, evaluate, gate, deploy. Each reads files and writes files.

What a step computes is what the assets compute, by the same functions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import SourceError
from mlops_assets.partition import Partition
from mlops_assets.song_popularity import DOMAIN, defaults
from mlops_assets.song_popularity.contracts import EVENTS, HISTORY
from mlops_assets.song_popularity.model_contracts import MODEL_INPUT, TEST_SPLIT, TRAIN_SPLIT
from mlops_assets.stores.lake import LakeAddress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from mlops_assets.contracts import TableContract
    from mlops_assets.stores.lake import Lake

STEPS = ("prepare", "train", "evaluate", "gate", "deploy")
"""In their order."""

Reported = dict[str, Any]
"""What a step says about its work, for logs and for Dagster."""

_LEARNED_FROM = ("event_id", "track_id", "popularity", *MODEL_INPUT.column_names)


@dataclass(frozen=True)
class Gate:
    """The limits of the gate.

    Attributes:
        minimum_accuracy: share of test tracks whose class is right.
        minimum_macro_f1: mean F1 of the classes.
    """

    minimum_accuracy: float = defaults.MINIMUM_ACCURACY
    minimum_macro_f1: float = defaults.MINIMUM_MACRO_F1


def window_before(day: date) -> tuple[datetime, datetime]:
    """Return the half-open time (UTC) from which the model of a day learns."""
    end = datetime.combine(day, time(), timezone.utc)
    return end - timedelta(days=defaults.WINDOW_DAYS), end


def prepare(
    lake: Lake,
    day: date,
    train: Path,
    test: Path,
    *,
    minimum_tracks: int = defaults.MINIMUM_TRACKS,
    test_share: float = defaults.TEST_SHARE,
) -> Reported:
    """Read the events of the window before a day, and write the tracks to learn from and those to be measured on.

    Args:
        lake: of the domain.
        day: of the model.
        train: file for `train_split`, as Parquet.
        test: file for `test_split`, as Parquet.
        minimum_tracks: fewer tracks with known popularity are an error.
        test_share: share of the tracks, the latest, to be measured on.

    Raises:
        NotEnoughDataError: there are too few tracks.
    """
    from mlops_assets.song_popularity.modelling.splitting import split_tracks
    from mlops_assets.song_popularity.modelling.training_set import build_training_set, require_tracks

    window = window_before(day)
    tracks = build_training_set(_read_events(lake, window), _read_history(lake), window=window)
    require_tracks(tracks, minimum_tracks)
    train_rows, test_rows = split_tracks(tracks, test_share)
    _write(train_rows, train, TRAIN_SPLIT)
    _write(test_rows, test, TEST_SPLIT)
    return {"day": day.isoformat(), "train_rows": len(train_rows), "test_rows": len(test_rows)}


def train(
    train: Path,
    model: Path,
    day: date,
    *,
    tuning_trials: int = defaults.TUNING_TRIALS,
    time_budget_seconds: float = defaults.TIME_BUDGET_SECONDS,
    seed: int = defaults.SEED,
    families: Sequence[str] = (),
) -> Reported:
    """Learn from `train_split`, and write a bundle that takes raw events.

    Args:
        train: file that `prepare` wrote.
        model: folder for the bundle.
        day: of the model.
        tuning_trials: configurations tried after the defaults of every candidate.
        time_budget_seconds: no trial starts after this.
        seed: of every random choice.
        families: kinds of model; all if empty.
    """
    from mlops_assets.song_popularity.modelling.training import train_popularity_model

    trained = train_popularity_model(
        _read(train, TRAIN_SPLIT),
        window=window_before(day),
        tuning_trials=tuning_trials,
        time_budget_seconds=time_budget_seconds,
        seed=seed,
        families=families,
    )
    trained.bundle.save(model)
    provenance = trained.bundle.provenance
    return {
        "estimator": provenance.estimator_name,
        "fingerprint": provenance.fingerprint,
        "training_rows": provenance.training_rows,
        "trials": len(trained.trials),
        "is_cut_by_budget": trained.is_cut_by_budget,
    }


def evaluate(
    model: Path, train: Path, test: Path, evaluation: Path, limits: Gate | None = None, seed: int = defaults.SEED
) -> Reported:
    """Measure a bundle on tracks that it has not seen, and write its figures and why it fails the gate, if it does, as JSON.

    Args:
        model: folder with the bundle.
        train: file that it learned from.
        test: file that it is measured on.
        evaluation: file for `{"metrics": {…}, "failures": […]}`.
        limits: of the gate; the defaults if None.
        seed: of the resamples for intervals.
    """
    from mlops_assets.ml.bundle import Bundle
    from mlops_assets.song_popularity.modelling.evaluation import build_gate, evaluate_popularity_model

    limits = limits or Gate()
    gate = build_gate(limits.minimum_accuracy, limits.minimum_macro_f1)
    measured = evaluate_popularity_model(Bundle.load(model), _read(train, TRAIN_SPLIT), _read(test, TEST_SPLIT), gate, seed)
    metrics = {name: float(value) for name, value in measured.metrics.items()}
    _write_text(evaluation, json.dumps({"metrics": metrics, "failures": list(measured.failures)}, indent=2))
    return {**metrics, "failures": list(measured.failures)}


def gate(evaluation: Path, is_passed: Path) -> Reported:
    """Decide whether a model may be deployed, and write `true` or `false`.

    Args:
        evaluation: file that `evaluate` wrote.
        is_passed: file for the answer.

    Raises:
        SourceError: the file is not what `evaluate` writes.
    """
    try:
        failures = [str(failure) for failure in json.loads(evaluation.read_text(encoding="utf-8"))["failures"]]
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{evaluation} is no evaluation of a model: {type(error).__name__}: {error}") from error
    _write_text(is_passed, "false" if failures else "true")
    return {"is_passed": not failures, "failures": failures}


def _read_events(lake: Lake, window: tuple[datetime, datetime]) -> pd.DataFrame:
    import pandas as pd

    from mlops_assets.contracts.frames import conform, empty_frame, to_pandas

    asset, (first, end) = (DOMAIN, EVENTS.name), (moment.date().isoformat() for moment in window)
    days = [key for key in lake.partitions(asset) if first <= key < end]
    read = (lake.read(LakeAddress(asset, Partition("day", key)), _LEARNED_FROM, contract=EVENTS) for key in days)
    frames = [to_pandas(conform(table, EVENTS, _LEARNED_FROM)) for table in read]
    return pd.concat(frames, ignore_index=True) if frames else empty_frame(EVENTS)[list(_LEARNED_FROM)]


def _read_history(lake: Lake) -> pd.DataFrame:
    from mlops_assets.contracts.frames import conform, empty_frame, to_pandas

    address = LakeAddress((DOMAIN, HISTORY.name))
    if not lake.exists(address):
        return empty_frame(HISTORY)
    return to_pandas(conform(lake.read(address, contract=HISTORY), HISTORY))


def _write(rows: pd.DataFrame, path: Path, contract: TableContract) -> None:
    import pyarrow.parquet as pq

    from mlops_assets.contracts.frames import to_arrow

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(to_arrow(rows, contract), path, compression="zstd")


def _read(path: Path, contract: TableContract) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from mlops_assets.contracts.frames import conform, to_pandas

    try:
        table = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowInvalid) as error:
        raise SourceError(f"{path} is not what the step before writes: {error}") from error
    return to_pandas(conform(table, contract))


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
