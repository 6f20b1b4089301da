"""A search, by Optuna, that chooses among kinds of model, ways to prepare their rows, and their settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import NotEnoughDataError
from mlops_assets.ml.metric_set import LOG_LOSS, Metric

if TYPE_CHECKING:
    import numpy.typing as npt
    import optuna

_CANDIDATE = "candidate"


@dataclass(frozen=True)
class Range:
    """The values that a setting may take, ends included; whole numbers if both ends are."""

    low: float
    high: float
    is_logarithmic: bool = False

    def draw(self, trial: optuna.Trial, name: str) -> float:
        """Let Optuna draw a value under a name."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.is_logarithmic)
        return trial.suggest_float(name, self.low, self.high, log=self.is_logarithmic)


@dataclass(frozen=True)
class Candidate:
    """One kind of model with one way to prepare its rows.

    Attributes:
        labels: What tells it from the others, for instance `{"family": "random_forest", "features": "encoded"}`.
        build: Makes an unfitted estimator from settings and a seed.
        defaults: Settings of its first trial. In later trials drawn values replace those of the same name.
        space: The settings that are drawn, with their ranges.
    """

    labels: Mapping[str, str]
    build: Callable[[Mapping[str, Any], int], Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    space: Mapping[str, Range] = field(default_factory=dict)


@dataclass(frozen=True)
class Scoring:
    """How a fitted estimator is measured on the validation rows.

    Attributes:
        metric: The one among the metrics that decides.
        measure: Returns the metrics of an estimator from it, the features and the outcomes.
    """

    metric: Metric
    measure: Callable[[Any, Any, npt.ArrayLike], Mapping[str, Any]]


def measure_binary(estimator: Any, X: Any, y: npt.ArrayLike) -> Mapping[str, Any]:
    """Return the fields of `BinaryMetrics`, at the threshold with the best MCC on these rows."""
    from mlops_assets.ml.metrics import best_mcc_threshold, evaluate_binary

    probability = estimator.predict_proba(X)[:, 1]
    return evaluate_binary(y, probability, best_mcc_threshold(y, probability)).as_dict()


BINARY_LOG_LOSS = Scoring(LOG_LOSS, measure_binary)


@dataclass(frozen=True)
class Trial:
    """One configuration that was fitted, and how it did on the validation rows.

    Attributes:
        labels: Of its candidate.
        params: Settings it was built with.
        metrics: What was measured on the validation rows.
        fit_seconds: Duration of the fit.
    """

    labels: Mapping[str, str]
    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    fit_seconds: float

    @property
    def name(self) -> str:
        """The candidate as people read it: `random_forest (features encoded, resampling none)`."""
        first, *others = self.labels.items()
        return f"{first[1]} ({', '.join(' '.join(label) for label in others)})" if others else first[1]


@dataclass(frozen=True)
class SearchResult:
    """What the search found.

    Attributes:
        trials: All trials that were run, in order.
        best: The trial with the best score; the earlier one of equals.
        best_candidate: Its candidate.
        best_estimator: Its fitted estimator. Those of the other trials are not kept, because forests are large.
        is_cut_by_budget: Whether trials were left out because the time was over.
    """

    trials: tuple[Trial, ...]
    best: Trial
    best_candidate: Candidate
    best_estimator: Any
    is_cut_by_budget: bool


def search(
    candidates: Sequence[Candidate],
    prepare: Callable[[Candidate], tuple[Any, npt.ArrayLike, Any]],
    y_valid: npt.ArrayLike,
    *,
    tuning_trials: int,
    seed: int,
    time_budget_seconds: float,
    scoring: Scoring = BINARY_LOG_LOSS,
    clock: Callable[[], float] = time.monotonic,
    on_trial: Callable[[Trial], None] | None = None,
) -> SearchResult:
    """Fit one configuration after the other and keep the one that scores best on the validation rows.

    The defaults of every candidate come first, so that a search that is cut short has still compared the candidates. Optuna's
    seeded TPE sampler draws the others, candidate and settings, near those that did well.

    The time budget is a ceiling for starting trials: it is looked at between trials, so the last one may run past it, and the
    first one is always run. A search that ends within it depends on its arguments only; one that is cut depends on the speed of
    the machine, and says so.

    Args:
        candidates: In order of preference: the earlier one wins a tie.
        prepare: Returns a candidate's training features, their outcomes, and the features of the validation rows. It is called
            for each trial, so let it remember what several candidates share.
        y_valid: Outcomes of the validation rows, which are never resampled.
        tuning_trials: Trials after the defaults; one that repeats an earlier one is not run.
        seed: Of the draws and of every estimator.
        time_budget_seconds: Time after which no further trial is started.
        scoring: What is measured, and which metric decides.
        clock: Seconds since any fixed moment.
        on_trial: Called after every trial, for progress and logs.

    Raises:
        NotEnoughDataError: All outcomes of training rows or of validation rows are the same.
        ValueError: There is no candidate.
    """
    if not candidates:
        raise ValueError("The search needs at least one candidate.")
    _require_different_outcomes("validation rows", y_valid)
    study, ends_at = _open_study(candidates, seed, scoring.metric), clock() + time_budget_seconds
    scores: dict[str, float] = {}
    trials: list[Trial] = []
    best: tuple[Trial, Candidate, Any] | None = None
    is_cut = False
    for _ in range(len(candidates) + tuning_trials):
        drawn = study.ask()
        candidate, params = _draw(drawn, candidates)
        configuration = str((dict(candidate.labels), params))
        if configuration not in scores:
            if best is not None and clock() >= ends_at:
                is_cut = True
                break
            trial, estimator = _run_trial(candidate, params, prepare(candidate), y_valid, seed, scoring, clock)
            scores[configuration] = trial.metrics[scoring.metric.name]
            trials.append(trial)
            if best is None or scoring.metric.is_better(scores[configuration], best[0].metrics[scoring.metric.name]):
                best = trial, candidate, estimator
            if on_trial is not None:
                on_trial(trial)
        study.tell(drawn, scores[configuration])
    assert best is not None, "the first trial is always run"
    return SearchResult(tuple(trials), *best, is_cut_by_budget=is_cut)


def _open_study(candidates: Sequence[Candidate], seed: int, metric: Metric) -> optuna.Study:
    """Return a study that begins with the defaults of every candidate."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=len(candidates))
    study = optuna.create_study(sampler=sampler, direction="maximize" if metric.greater_is_better else "minimize")
    for number, candidate in enumerate(candidates):
        study.enqueue_trial({_CANDIDATE: number, **{f"{number}.{name}": candidate.defaults[name] for name in candidate.space}})
    return study


def _draw(drawn: optuna.Trial, candidates: Sequence[Candidate]) -> tuple[Candidate, dict[str, Any]]:
    """Return the candidate and the settings that Optuna proposes."""
    number = drawn.suggest_categorical(_CANDIDATE, range(len(candidates)))
    candidate = candidates[number]
    values = {name: allowed.draw(drawn, f"{number}.{name}") for name, allowed in candidate.space.items()}
    return candidate, {**candidate.defaults, **values}


def _run_trial(
    candidate: Candidate,
    params: Mapping[str, Any],
    rows: tuple[Any, npt.ArrayLike, Any],
    y_valid: npt.ArrayLike,
    seed: int,
    scoring: Scoring,
    clock: Callable[[], float],
) -> tuple[Trial, Any]:
    X_train, y_train, X_valid = rows
    _require_different_outcomes("training rows", y_train)
    estimator = candidate.build(params, seed)
    started_at = clock()
    estimator.fit(X_train, y_train)
    fit_seconds = clock() - started_at
    return Trial(candidate.labels, params, scoring.measure(estimator, X_valid, y_valid), fit_seconds), estimator


def _require_different_outcomes(rows: str, outcome: npt.ArrayLike) -> None:
    import numpy as np

    if len(np.unique(np.asarray(outcome))) < 2:
        raise NotEnoughDataError(f"All {rows} have the same outcome: nothing can be learned or compared. Use a longer window.")
