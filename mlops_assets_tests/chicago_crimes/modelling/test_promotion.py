"""The champion changes for a better model that passed the gate, and for no other reason."""

from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.chicago_crimes.model_contracts import ARREST_EVALUATION
from mlops_assets.chicago_crimes.modelling.evaluation import evaluate_arrest_model
from mlops_assets.chicago_crimes.modelling.promotion import POLICY, decide_champion, failures_at_gate
from mlops_assets.contracts.frames import to_arrow, to_pandas
from mlops_assets.errors import MissingPartitionError
from mlops_assets.ml.bundle import Bundle
from mlops_assets.ml.predictors import BinaryClassifier
from mlops_assets.ml.promotion import measure_classifier
from mlops_assets_tests.chicago_crimes.tiny_crimes import prepared, train_again, trained, useless_bundle


@cache
def _weaker() -> Bundle[BinaryClassifier]:
    """Return an honest model of one column."""
    selected = prepared().selected
    one = selected.assign(is_selected=selected["feature"] == "primary_type")
    return train_again(selected_features=one, families=["logistic_regression"]).bundle


def _stored(bundle: Bundle[BinaryClassifier], version: int, **changes: Any) -> pd.DataFrame:
    """Return the evaluation of a version as the warehouse gives it back."""
    test = prepared().test.assign(**changes)
    table = evaluate_arrest_model(bundle, prepared().development, test).table
    table = table.assign(month=date(2024, 1, 1), model_version=version, model_run_id=f"run-{version}")
    return to_pandas(to_arrow(table, ARREST_EVALUATION))


def test_better_challenger_becomes_champion() -> None:
    """On the same rows, beyond chance."""
    decision = decide_champion(prepared().test, trained().bundle, _weaker(), [])
    assert decision.decision == "promote"
    assert decision.evidence["improvement_low"] > 0
    assert decision.evidence["metric"] == "log_loss"
    assert decision.evidence["row_count"] == len(prepared().test)


def test_each_model_is_judged_at_its_own_threshold() -> None:
    """Thresholds belong to bundles, not to the comparison."""
    strict = replace(_weaker(), predictor=replace(_weaker().predictor, threshold=0.9))
    for bundle in (trained().bundle, strict):
        measured = measure_classifier(bundle, prepared().test, "is_arrest", POLICY.metric)
        assert measured.metrics["threshold"] == bundle.predictor.threshold
    lax = replace(trained().bundle, predictor=replace(trained().bundle.predictor, threshold=1.0))
    decision = decide_champion(prepared().test, lax, _weaker(), [])
    assert decision.decision == "keep_champion"
    assert "but its MCC drops from" in decision.reason


def test_equal_challenger_leaves_the_champion() -> None:
    """A model trained again on the same data is no reason for a change."""
    decision = decide_champion(prepared().test, trained().bundle, trained().bundle, [])
    assert (decision.decision, decision.evidence["improvement"]) == ("keep_champion", 0)


def test_worse_challenger_leaves_the_champion() -> None:
    """Newer is not better."""
    assert decide_champion(prepared().test, _weaker(), trained().bundle, []).decision == "keep_champion"


def test_first_model_needs_no_opponent() -> None:
    """Without a champion a model that passed the gate takes the place."""
    decision = decide_champion(prepared().test, trained().bundle, None, [])
    assert (decision.decision, decision.evidence["champion_value"]) == ("promote_first", None)


@pytest.mark.parametrize("has_champion", [True, False])
def test_blockers_reject_the_better_challenger(has_champion: bool) -> None:
    """A model that broke a limit is not promoted, not even for want of another, and the reason repeats why."""
    decision = decide_champion(prepared().test, trained().bundle, _weaker() if has_champion else None, ["It is too old."])
    assert decision.decision == "rejected_by_gate"
    assert "It is too old." in decision.reason


@pytest.mark.parametrize("bundle_name", ["trained", "useless"])
def test_gate_says_of_stored_figures_what_it_said_of_measured_ones(bundle_name: str) -> None:
    """Nothing is lost on the way through the warehouse."""
    bundle = trained().bundle if bundle_name == "trained" else useless_bundle()
    measured = evaluate_arrest_model(bundle, prepared().development, prepared().test).failures
    assert failures_at_gate(_stored(bundle, 3), 3) == measured
    assert bool(measured) == (bundle_name == "useless")


def test_undefined_figures_are_undefined_when_stored() -> None:
    """An AUC that cannot be had is a failure, not a number that passes every comparison."""
    evaluation = _stored(trained().bundle, 3, is_arrest=np.zeros(len(prepared().test), dtype=bool))
    assert any("AUC is not defined" in failure for failure in failures_at_gate(evaluation, 3))


def test_each_version_is_judged_by_its_own_rows() -> None:
    """A month may have been trained more than once."""
    evaluation = pd.concat([_stored(useless_bundle(), 1), _stored(trained().bundle, 2)], ignore_index=True)
    assert failures_at_gate(evaluation, 1)
    assert failures_at_gate(evaluation, 2) == []


def test_a_version_without_evaluation_is_an_error_that_says_what_to_do() -> None:
    """Nobody becomes champion unseen."""
    with pytest.raises(MissingPartitionError, match="version 4 has no rows in arrest_evaluation; materialize its evaluation"):
        failures_at_gate(_stored(trained().bundle, 3), 4)
