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
from mlops_assets.ml.search import CandidateFamily, Trial, plan_trials, search

Y = np.array([False, True] * 20)
X = np.where(Y, 1.0, -1.0)[:, None] + np.linspace(-1.5, 1.5, 40)[:, None]


def _logistic(params: Mapping[str, Any], seed: int) -> LogisticRegression:
    return LogisticRegression(random_state=seed, **params)


def _prior(params: Mapping[str, Any], seed: int) -> DummyClassifier:
    return DummyClassifier(strategy="prior", random_state=seed, **params)


LOGISTIC = CandidateFamily("logistic", _logistic, space={"C": [0.01, 0.1, 1.0, 10.0]}, defaults={"C": 1.0})
PRIOR = CandidateFamily("prior", _prior)
TRAINING_SETS: dict[str, tuple[Any, npt.NDArray[np.bool_]]] = {"natural": (X, Y), "balanced": (X[::2], Y[:20])}


def _ticking() -> Iterator[float]:
    return iter(float(second) for second in count())


def test_defaults_of_every_candidate_come_first() -> None:
    """Round one is the defaults of each family on each training set; a family without a space has no round two."""
    planned = plan_trials([LOGISTIC, PRIOR], ["natural", "balanced"], trials_per_candidate=2, seed=0)
    assert [(trial.family.name, trial.rows) for trial in planned] == [
        ("logistic", "natural"),
        ("logistic", "balanced"),
        ("prior", "natural"),
        ("prior", "balanced"),
        ("logistic", "natural"),
        ("logistic", "balanced"),
    ]
    assert [trial.params for trial in planned[:4]] == [{"C": 1.0}, {"C": 1.0}, {}, {}]
    assert planned[4].params == planned[5].params != {"C": 1.0}


def test_no_configuration_is_tried_twice() -> None:
    """A space of four values gives four trials, however many are asked for."""
    planned = plan_trials([LOGISTIC], ["natural"], trials_per_candidate=50, seed=0)
    assert sorted(trial.params["C"] for trial in planned) == [0.01, 0.1, 1.0, 10.0]


def test_drawn_settings_leave_the_other_defaults_in_place() -> None:
    """Drawn values replace defaults of the same name only."""
    family = CandidateFamily("logistic", _logistic, space={"C": [10.0]}, defaults={"C": 1.0, "max_iter": 50})
    planned = plan_trials([family], ["natural"], trials_per_candidate=2, seed=0)
    assert [trial.params for trial in planned] == [{"C": 1.0, "max_iter": 50}, {"C": 10.0, "max_iter": 50}]


def test_lowest_validation_log_loss_wins() -> None:
    """The best trial is the one with the lowest score, and its fitted estimator is kept."""
    result = search([PRIOR, LOGISTIC], TRAINING_SETS, X, Y, trials_per_candidate=4, seed=0, time_budget_seconds=1e9)
    assert len(result.trials) == 2 + 8
    assert not result.is_cut_by_budget
    assert result.best.score == min(trial.score for trial in result.trials)
    assert (result.best.family, result.best.params) == ("logistic", {"C": 10.0})
    assert result.best_estimator.C == 10.0
    assert result.best.metrics["row_count"] == 40
    assert result.best.metrics["auc"] > 0.8


def test_earlier_trial_wins_a_tie() -> None:
    """Two families that predict the same are told apart by their order."""
    twin = CandidateFamily("twin", _prior)
    result = search([PRIOR, twin], {"natural": (X, Y)}, X, Y, trials_per_candidate=1, seed=0, time_budget_seconds=1e9)
    assert result.best.family == "prior"


def test_search_is_reproducible_within_its_budget() -> None:
    """The same arguments give the same trials but for their duration."""

    def run() -> list[tuple[str, str, Mapping[str, Any], float]]:
        result = search([LOGISTIC, PRIOR], TRAINING_SETS, X, Y, trials_per_candidate=3, seed=5, time_budget_seconds=1e9)
        return [(trial.family, trial.rows, trial.params, trial.score) for trial in result.trials]

    assert run() == run()


def test_budget_stops_the_search_between_trials() -> None:
    """Every look at this clock takes a second; a trial looks twice and the budget once."""
    ticks = _ticking()
    result = search(
        [LOGISTIC, PRIOR],
        TRAINING_SETS,
        X,
        Y,
        trials_per_candidate=4,
        seed=0,
        time_budget_seconds=9,
        clock=lambda: next(ticks),
    )
    assert [(trial.family, trial.rows) for trial in result.trials] == [
        ("logistic", "natural"),
        ("logistic", "balanced"),
        ("prior", "natural"),
    ]
    assert result.is_cut_by_budget
    assert [trial.fit_seconds for trial in result.trials] == [1.0, 1.0, 1.0]


def test_one_trial_is_run_without_any_budget() -> None:
    """There is always a model at the end."""
    result = search([LOGISTIC], TRAINING_SETS, X, Y, trials_per_candidate=2, seed=0, time_budget_seconds=0)
    assert len(result.trials) == 1
    assert result.is_cut_by_budget


def test_every_trial_is_reported_as_it_ends() -> None:
    """Progress and experiment logs see the trials of the result, in order."""
    seen: list[Trial] = []
    result = search([PRIOR], TRAINING_SETS, X, Y, trials_per_candidate=1, seed=0, time_budget_seconds=1e9, on_trial=seen.append)
    assert tuple(seen) == result.trials


def test_training_set_with_one_outcome_is_named() -> None:
    """Fitting on one outcome is refused before any time is spent."""
    with pytest.raises(NotEnoughDataError, match="training set 'balanced'"):
        search(
            [PRIOR],
            {"natural": (X, Y), "balanced": (X, np.zeros(40, dtype=bool))},
            X,
            Y,
            trials_per_candidate=1,
            seed=0,
            time_budget_seconds=1,
        )


def test_validation_rows_need_both_outcomes() -> None:
    """A threshold cannot be chosen on one outcome."""
    with pytest.raises(NotEnoughDataError, match="validation set"):
        search([PRIOR], {"natural": (X, Y)}, X, np.ones(40, bool), trials_per_candidate=1, seed=0, time_budget_seconds=1)


def test_search_without_candidates_is_refused() -> None:
    """Nothing to try is a mistake of the caller."""
    with pytest.raises(ValueError, match="at least one family"):
        search([], {"natural": (X, Y)}, X, Y, trials_per_candidate=1, seed=0, time_budget_seconds=1)
