"""The search is fair, reproducible, and always ends with a model."""

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from mlops_assets.errors import NotEnoughDataError
from mlops_assets.ml.metric_set import Metric
from mlops_assets.ml.search import Candidate, Range, Scoring, SearchResult, Trial, search

Y = np.array([False, True] * 20)
X = np.where(Y, 1.0, -1.0)[:, None] + np.linspace(-1.5, 1.5, 40)[:, None]


def _logistic(params: Mapping[str, Any], seed: int) -> LogisticRegression:
    return LogisticRegression(random_state=seed, **params)


def _prior(params: Mapping[str, Any], seed: int) -> DummyClassifier:
    return DummyClassifier(strategy="prior", random_state=seed, **params)


LOGISTIC = Candidate(
    {"family": "logistic", "rows": "all"}, _logistic, {"C": 1.0, "max_iter": 50}, {"C": Range(0.01, 10.0, is_logarithmic=True)}
)
HALF = Candidate({"family": "logistic", "rows": "half"}, _logistic, LOGISTIC.defaults, LOGISTIC.space)
PRIOR = Candidate({"family": "prior"}, _prior)


def _rows(candidate: Candidate) -> tuple[Any, npt.NDArray[np.bool_], Any]:
    """Return the training rows of a candidate, which are the validation rows, too."""
    return (X[::2], Y[:20], X) if candidate is HALF else (X, Y, X)


def _search(*candidates: Candidate, **changes: Any) -> SearchResult:
    return search(
        candidates, **{"prepare": _rows, "y_valid": Y, "tuning_trials": 0, "seed": 0, "time_budget_seconds": 1e9, **changes}
    )


def _ticking() -> Iterator[float]:
    return iter(float(second) for second in count())


def test_defaults_of_every_candidate_come_first() -> None:
    """In the order given, before anything is drawn."""
    result = _search(LOGISTIC, HALF, PRIOR, tuning_trials=3)
    assert [trial.labels for trial in result.trials[:3]] == [LOGISTIC.labels, HALF.labels, PRIOR.labels]
    assert [trial.params for trial in result.trials[:3]] == [LOGISTIC.defaults, HALF.defaults, {}]
    assert all(trial.params["C"] != 1.0 for trial in result.trials[3:])


def test_drawn_settings_stay_in_their_ranges_and_leave_the_other_defaults_in_place() -> None:
    """Whole numbers are drawn between whole ends, and no end is left out or passed."""
    ranges = {"C": Range(0.5, 2.0), "max_iter": Range(40, 42)}
    drawn = _search(Candidate({"family": "logistic"}, _logistic, {"C": 1.0, "max_iter": 41, "tol": 0.01}, ranges), tuning_trials=30)
    assert {trial.params["max_iter"] for trial in drawn.trials} == {40, 41, 42}
    assert all(0.5 <= trial.params["C"] <= 2 and trial.params["tol"] == 0.01 for trial in drawn.trials)


def test_no_configuration_is_tried_twice() -> None:
    """A space of three values gives three trials, however many are asked for."""
    candidate = Candidate({"family": "logistic"}, _logistic, {"max_iter": 41}, {"max_iter": Range(40, 42)})
    assert sorted(trial.params["max_iter"] for trial in _search(candidate, tuning_trials=30).trials) == [40, 41, 42]
    assert len(_search(PRIOR, tuning_trials=5).trials) == 1


def test_lowest_validation_log_loss_wins() -> None:
    """The best trial is the one with the lowest score; its candidate and its fitted estimator are kept."""
    result = _search(PRIOR, LOGISTIC, tuning_trials=6)
    assert not result.is_cut_by_budget
    assert result.best.metrics["log_loss"] == min(trial.metrics["log_loss"] for trial in result.trials)
    assert result.best_candidate is LOGISTIC
    assert result.best_estimator.C == result.best.params["C"] > 1
    assert result.best.metrics["row_count"] == 40
    assert result.best.metrics["auc"] > 0.8


def test_another_metric_may_decide_and_more_of_it_may_be_better() -> None:
    """The search asks for numbers, not for a kind of model."""
    most_iterations = Scoring(
        Metric("iterations", greater_is_better=True), lambda estimator, X, y: {"iterations": estimator.max_iter}
    )
    candidate = Candidate({"family": "logistic"}, _logistic, {"max_iter": 40}, {"max_iter": Range(40, 60)})
    result = _search(candidate, tuning_trials=20, scoring=most_iterations)
    assert result.best.metrics["iterations"] == max(trial.params["max_iter"] for trial in result.trials) > 55


def test_search_draws_near_what_did_well() -> None:
    """Of the settings drawn late, most come from the better half of the range; blind draws would give half."""
    closeness = Scoring(
        Metric("distance", greater_is_better=False), lambda estimator, X, y: {"distance": abs(estimator.max_iter - 900)}
    )
    candidate = Candidate({"family": "logistic"}, _logistic, {"max_iter": 500}, {"max_iter": Range(1, 1000)})
    late = [trial.params["max_iter"] for trial in _search(candidate, tuning_trials=40, scoring=closeness).trials[-20:]]
    assert sum(value > 500 for value in late) >= 15


def test_earlier_trial_wins_a_tie() -> None:
    """Two candidates that predict the same are told apart by their order."""
    result = _search(PRIOR, Candidate({"family": "twin"}, _prior))
    assert result.best.labels == {"family": "prior"}
    assert result.best_candidate is PRIOR


def test_search_is_reproducible_within_its_budget() -> None:
    """The same arguments give the same trials but for their duration; another seed draws others."""

    def run(seed: int) -> list[tuple[Mapping[str, str], Mapping[str, Any], float]]:
        trials = _search(LOGISTIC, HALF, PRIOR, tuning_trials=5, seed=seed).trials
        return [(trial.labels, trial.params, trial.metrics["log_loss"]) for trial in trials]

    assert run(5) == run(5)
    assert run(5) != run(6)


def test_budget_stops_the_search_between_trials() -> None:
    """Every look at this clock takes a second; a trial looks twice and, but for the first one, the budget once."""
    ticks = _ticking()
    result = _search(LOGISTIC, HALF, PRIOR, tuning_trials=4, time_budget_seconds=8, clock=lambda: next(ticks))
    assert [trial.labels for trial in result.trials] == [LOGISTIC.labels, HALF.labels, PRIOR.labels]
    assert result.is_cut_by_budget
    assert [trial.fit_seconds for trial in result.trials] == [1.0, 1.0, 1.0]


def test_one_trial_is_run_without_any_budget() -> None:
    """There is always a model at the end."""
    result = _search(LOGISTIC, tuning_trials=1, time_budget_seconds=0)
    assert len(result.trials) == 1
    assert result.is_cut_by_budget


def test_every_trial_is_reported_as_it_ends() -> None:
    """Progress and experiment logs see the trials of the result, in order."""
    seen: list[Trial] = []
    assert tuple(seen) != _search(PRIOR, LOGISTIC, on_trial=seen.append).trials == tuple(seen)


def test_trial_is_named_by_what_tells_it_from_others() -> None:
    """People read the kind of model first."""
    assert [trial.name for trial in _search(PRIOR, HALF).trials] == ["prior", "logistic (rows half)"]


def test_training_rows_with_one_outcome_are_refused() -> None:
    """There is nothing to learn from them."""
    with pytest.raises(NotEnoughDataError, match="All training rows have the same outcome"):
        _search(PRIOR, prepare=lambda _: (X, np.zeros(40, dtype=bool), X))


def test_validation_rows_need_both_outcomes() -> None:
    """A threshold cannot be chosen on one outcome."""
    with pytest.raises(NotEnoughDataError, match="All validation rows have the same outcome"):
        _search(PRIOR, y_valid=np.ones(40, dtype=bool))


def test_search_without_candidates_is_refused() -> None:
    """Nothing to try is a mistake of the caller."""
    with pytest.raises(ValueError, match="at least one candidate"):
        _search()
