"""A model is measured on all test rows, beside baselines that can be checked by hand, and held against the gate."""

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from mlops_assets.chicago_crimes.model_contracts import ARREST_EVALUATION
from mlops_assets.chicago_crimes.modelling.evaluation import (
    GATE,
    ArrestEvaluation,
    draw_evaluation,
    evaluate_arrest_model,
    largest_feature_difference,
    measure_importance,
    rate_by_type,
)
from mlops_assets.chicago_crimes.modelling.features import FEATURE_SETS
from mlops_assets.chicago_crimes.modelling.preprocessing import CrimeEnricher
from mlops_assets.contracts.checking import find_violations
from mlops_assets.contracts.frames import to_arrow
from mlops_assets.ml.bundle import Bundle
from mlops_assets.ml.predictors import BinaryClassifier
from mlops_assets_tests.chicago_crimes.tiny_crimes import (
    enriched_crimes,
    police_stations,
    prepared,
    train_again,
    trained,
    useless_bundle,
)


@cache
def _evaluation() -> ArrestEvaluation:
    return evaluate_arrest_model(trained().bundle, prepared().development, prepared().test)


def _overall(evaluation: ArrestEvaluation) -> pd.DataFrame:
    return evaluation.table.query("slice_kind == 'all'").set_index("predictor")


def _development_of_types() -> pd.DataFrame:
    """Return five rows: thefts with one arrest in three, batteries with two in two."""
    return enriched_crimes(
        primary_type=["THEFT", "THEFT", "THEFT", "BATTERY", "BATTERY"], is_arrest=[True, False, False, True, True]
    )


def test_rate_by_type_is_that_of_development_rows() -> None:
    """Thefts 1/3, batteries 1, a new type the overall 3/5."""
    test = enriched_crimes(primary_type=["BATTERY", "ARSON", "THEFT"])
    assert rate_by_type(_development_of_types(), test).tolist() == pytest.approx([1, 3 / 5, 1 / 3])


def test_baselines_are_right_by_hand() -> None:
    """Of four crimes one arrest: always-no errs by 1/4, the type's rate by (1/3)^2 on both thefts, 0 and 1 on the batteries."""
    types = ["THEFT", "THEFT", "BATTERY", "BATTERY"]
    test = enriched_crimes(primary_type=types, is_arrest=[False, False, True, False])
    figures = _overall(evaluate_arrest_model(trained().bundle, _development_of_types(), test))
    majority_class, base_rate_by_type = (figures.loc[predictor].to_dict() for predictor in ("majority_class", "base_rate_by_type"))
    assert [majority_class[name] for name in ("accuracy", "brier", "mcc", "recall", "auc")] == [0.75, 0.25, 0, 0, 0.5]
    assert base_rate_by_type["brier"] == pytest.approx((1 / 9 + 1 / 9 + 0 + 1) / 4)
    assert [base_rate_by_type[name] for name in ("precision", "recall", "accuracy")] == [0.5, 1, 0.75]
    assert figures["no_information_rate"].tolist() == [0.75] * 3
    assert figures["row_count"].tolist() == [4] * 3


def test_model_beats_both_baselines() -> None:
    """The learnable city's model is better than the rate of each type, which is better than always no."""
    brier = _overall(_evaluation())["brier"]
    assert brier["model"] < brier["base_rate_by_type"] < brier["majority_class"]


def test_threshold_is_the_one_chosen_on_validation_rows() -> None:
    """It is not chosen again on test rows; the same for every slice."""
    model = _evaluation().table.query("predictor == 'model'")
    assert set(model["threshold"]) == {trained().bundle.predictor.threshold}


def test_slices_hold_all_rows() -> None:
    """Districts and types, small and missing ones together, add up to the test rows; none of them is too small to be measured."""
    table = _evaluation().table
    assert set(table["slice_kind"]) == {"all", "district_code", "primary_type"}
    totals = table.groupby(["predictor", "slice_kind"])[["row_count", "positive_count"]].sum()
    test = prepared().test
    assert (totals["row_count"] == len(test)).all()
    assert (totals["positive_count"] == test["is_arrest"].sum()).all()
    assert table.loc[table["slice"] != "(small groups)", "row_count"].min() >= 100


def test_a_slice_is_measured_on_its_own_rows() -> None:
    """Thefts by hand: the mean squared error of their probabilities."""
    test = prepared().test
    is_theft = (test["primary_type"] == "THEFT").to_numpy(dtype=bool)
    error = _evaluation().probability[is_theft] - test.loc[is_theft, "is_arrest"].to_numpy(dtype=float)
    row = _evaluation().table.query("predictor == 'model' and slice == 'THEFT'").iloc[0]
    assert row["brier"] == pytest.approx((error**2).mean())
    assert row["row_count"] == is_theft.sum()


def test_table_keeps_its_contract() -> None:
    """With month, version and run it can be stored as it is."""
    table = _evaluation().table.assign(month=date(2024, 1, 1), model_version=1, model_run_id="run")
    assert to_arrow(table, ARREST_EVALUATION).num_rows == len(table)
    assert find_violations(table, ARREST_EVALUATION).empty


def test_test_rows_of_one_outcome_are_measured_and_fail_the_gate() -> None:
    """Without any arrest nothing can be ranked: the figure is empty, and the gate says why."""
    without = prepared().test.assign(is_arrest=False)
    evaluation = evaluate_arrest_model(trained().bundle, prepared().development, without)
    table = evaluation.table.assign(month=date(2024, 1, 1), model_version=1, model_run_id="run")
    assert table["auc"].isna().all()
    assert find_violations(table, ARREST_EVALUATION).empty
    assert "The AUC is not defined, because all rows have the same outcome." in evaluation.failures


def test_a_good_model_passes_the_gate() -> None:
    """The limits can be kept on data that can be learned."""
    assert _evaluation().failures == []


def test_a_useless_model_fails_the_gate() -> None:
    """A model that saw shuffled outcomes ranks no better than chance and is worse than the rate of each type."""
    failures = " ".join(evaluate_arrest_model(useless_bundle(), prepared().development, prepared().test).failures)
    for figure in ("AUC", "MCC", "Brier score", "log loss"):
        assert f"The {figure} is" in failures


def test_the_gate_asks_for_rows_enough() -> None:
    """A hundred rows say too little, however good they look."""
    failures = evaluate_arrest_model(trained().bundle, prepared().development, prepared().test.head(100)).failures
    assert any(f"at least {GATE.min_rows} are needed" in failure for failure in failures)


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_served_features_are_those_of_training(feature_set: str) -> None:
    """From raw columns the bundle makes the very features that enriched ones give, missing values included."""
    assert largest_feature_difference(_boosting(feature_set), prepared().test) == 0


def test_stations_that_moved_are_found() -> None:
    """A bundle that knows other stations serves another distance than the enriched column that it was trained on."""
    moved = police_stations(y_ft=1_990_000.0)
    pipeline = Pipeline([("enrich", CrimeEnricher(moved)), *_boosting("native").predictor.pipeline.steps[1:]])
    elsewhere = replace(_boosting("native"), predictor=replace(_boosting("native").predictor, pipeline=pipeline))
    assert largest_feature_difference(elsewhere, prepared().test) > 1_000


def test_a_feature_that_is_missing_on_one_side_alone_is_found() -> None:
    """Not a number is no difference of 0."""
    test = prepared().test.assign(distance_to_station_m=np.nan)
    assert largest_feature_difference(_boosting("native"), test) == np.inf


@pytest.mark.parametrize(("feature_set", "feature"), [("encoded", "iucr_code_target_rate"), ("native", "iucr_code")])
def test_importance_finds_what_decides(feature_set: str, feature: str) -> None:
    """Shuffling what is made of the code hurts most; the seed decides alone how rows are shuffled."""
    first, again = (measure_importance(_boosting(feature_set), prepared().test, seed=1) for _ in range(2))
    assert first.index[0] == feature
    assert first.is_monotonic_decreasing
    assert set(first.index) == set(_boosting(feature_set).provenance.feature_names)
    pd.testing.assert_series_equal(first, again)


@cache
def _boosting(feature_set: str) -> Bundle[BinaryClassifier]:
    return train_again(families=["hist_gradient_boosting"], feature_sets=[feature_set]).bundle


def test_figures_are_png_pictures() -> None:
    """Whatever is drawn can be shown."""
    importance = pd.Series({"x_ft": 0.2, "y_ft": 0.1})
    figures = draw_evaluation(_evaluation(), prepared().test["is_arrest"].to_numpy(dtype=bool), importance)
    assert list(figures) == ["confusion_matrix", "ranking_curves", "calibration", "importance"]
    assert all(picture.startswith(b"\x89PNG\r\n\x1a\n") for picture in figures.values())
