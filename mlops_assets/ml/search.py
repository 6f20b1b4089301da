"""A small random search that chooses among families of models and ways to prepare their training rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import NotEnoughDataError

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class CandidateFamily:
    """One kind of model and the settings to try for it.

    Attributes:
        name: Name in trials and logs.
        build: Makes an unfitted estimator with `fit` and `predict_proba` from settings and a seed.
        space: Values to draw from, per setting; every combination is equally likely.
        defaults: Settings of the first trial. In later trials drawn values replace those of the same name and the
            others stay. Name every setting of the space here, or its library default may be drawn and tried again.
    """

    name: str
    build: Callable[[Mapping[str, Any], int], Any]
    space: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedTrial:
    """A trial that has not been run."""

    family: CandidateFamily
    rows: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Trial:
    """One fitted configuration and how it did on the validation rows.

    Attributes:
        family: Name of the candidate family.
        rows: Name of the training set, for instance "natural" or "balanced".
        params: Settings it was built with.
        metrics: Fields of `BinaryMetrics` on the validation rows, at the threshold with the best MCC there.
        fit_seconds: Duration of the fit.
    """

    family: str
    rows: str
    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    fit_seconds: float

    @property
    def score(self) -> float:
        """Validation log loss; lower is better."""
        return float(self.metrics["log_loss"])


@dataclass(frozen=True)
class SearchResult:
    """What the search found.

    Attributes:
        trials: All trials that were run, in order.
        best: The trial with the lowest score; the earlier one of equals.
        best_estimator: Its fitted estimator. Those of the other trials are not kept, because forests are large.
        is_cut_by_budget: Whether planned trials were left out because the time was over.
    """

    trials: tuple[Trial, ...]
    best: Trial
    best_estimator: Any
    is_cut_by_budget: bool


def plan_trials(
    families: Sequence[CandidateFamily], rows: Sequence[str], *, trials_per_candidate: int, seed: int
) -> list[PlannedTrial]:
    """List the trials of a search in the order in which they are run.

    A candidate is a family with a training set. The defaults of every candidate come first, then the second
    configuration of every candidate, and so on, so that a search that is cut short has still compared the candidates. A
    family draws the same configurations for every training set; a small space may have fewer than asked for.

    Args:
        families: Families in order of preference: the earlier one wins a tie.
        rows: Names of the training sets.
        trials_per_candidate: Configurations per candidate, its defaults included.
        seed: Seed of the draws.
    """
    configurations = [_configurations(family, trials_per_candidate, seed) for family in families]
    return [
        PlannedTrial(family, name, of_family[turn])
        for turn in range(trials_per_candidate)
        for family, of_family in zip(families, configurations, strict=True)
        if turn < len(of_family)
        for name in rows
    ]


def search(
    families: Sequence[CandidateFamily],
    training_sets: Mapping[str, tuple[Any, npt.ArrayLike]],
    X_valid: Any,
    y_valid: npt.ArrayLike,
    *,
    trials_per_candidate: int,
    seed: int,
    time_budget_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    on_trial: Callable[[Trial], None] | None = None,
) -> SearchResult:
    """Fit the planned trials one after the other and keep the one with the lowest log loss on the validation rows.

    The time budget is a ceiling for starting trials: it is looked at between trials, so the last one may run past it,
    and the first one is always run. A search that ends within it depends on its arguments only; one that is cut depends
    on the speed of the machine, and says so.

    Args:
        families: Families of models.
        training_sets: Features and outcomes to fit on, by name; the validation rows are never resampled.
        X_valid: Features of the validation rows.
        y_valid: Their outcomes, both of which must occur.
        trials_per_candidate: Configurations per family and training set, the defaults included.
        seed: Seed of the drawn configurations and of every estimator.
        time_budget_seconds: Time after which no further trial is started.
        clock: Seconds since any fixed moment.
        on_trial: Called after every trial, for progress and logs.

    Raises:
        NotEnoughDataError: A training set or the validation rows have one outcome only.
        ValueError: There is nothing to try.
    """
    planned = plan_trials(families, list(training_sets), trials_per_candidate=trials_per_candidate, seed=seed)
    if not planned:
        raise ValueError("The search needs at least one family, one training set and one trial per candidate.")
    for name, (_, y_train) in training_sets.items():
        _require_both_outcomes(f"training set '{name}'", y_train)
    _require_both_outcomes("validation set", y_valid)
    started_at = clock()
    trials: list[Trial] = []
    best: tuple[Trial, Any] | None = None
    for plan in planned:
        if trials and clock() - started_at >= time_budget_seconds:
            break
        trial, estimator = _run_trial(plan, training_sets[plan.rows], X_valid, y_valid, seed, clock)
        trials.append(trial)
        if best is None or trial.score < best[0].score:
            best = trial, estimator
        if on_trial is not None:
            on_trial(trial)
    assert best is not None, "the first planned trial is always run"
    return SearchResult(tuple(trials), *best, is_cut_by_budget=len(trials) < len(planned))


def _configurations(family: CandidateFamily, count: int, seed: int) -> list[dict[str, Any]]:
    from sklearn.model_selection import ParameterGrid, ParameterSampler

    configurations = [dict(family.defaults)]
    combinations = len(ParameterGrid(dict(family.space))) if family.space else 0
    # All lists, so the draws are without replacement. One spare draw, because one of them may equal the defaults.
    draws = min(count, combinations)
    for drawn in ParameterSampler(dict(family.space), draws, random_state=seed) if draws else ():
        configuration = {**family.defaults, **drawn}
        if configuration not in configurations:
            configurations.append(configuration)
    return configurations[:count]


def _run_trial(
    plan: PlannedTrial,
    training_set: tuple[Any, npt.ArrayLike],
    X_valid: Any,
    y_valid: npt.ArrayLike,
    seed: int,
    clock: Callable[[], float],
) -> tuple[Trial, Any]:
    from mlops_assets.ml.metrics import best_mcc_threshold, evaluate_binary

    estimator = plan.family.build(plan.params, seed)
    fit_started_at = clock()
    estimator.fit(*training_set)
    fit_seconds = clock() - fit_started_at
    probability = estimator.predict_proba(X_valid)[:, 1]
    metrics = evaluate_binary(y_valid, probability, best_mcc_threshold(y_valid, probability))
    return Trial(plan.family.name, plan.rows, plan.params, metrics.as_dict(), fit_seconds), estimator


def _require_both_outcomes(name: str, outcome: npt.ArrayLike) -> None:
    import numpy as np

    if len(np.unique(np.asarray(outcome))) != 2:
        raise NotEnoughDataError(f"The search needs rows of both outcomes, but the {name} does not have two. Use a longer window.")
