"""Figures agree with scikit-learn where it has them, and are defined where it gives up."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from mlops_assets.errors import NotEnoughDataError
from mlops_assets.ml.metrics import (
    MISSING_GROUP,
    SMALL_GROUPS,
    best_f1_threshold,
    best_mcc_threshold,
    calibration_table,
    evaluate_binary,
    evaluate_by_group,
    precision_recall_points,
    roc_points,
)

# Few distinct probabilities, so that ties are common.
PREDICTIONS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])), min_size=2, max_size=40)
BOTH_OUTCOMES = PREDICTIONS.filter(lambda rows: len({outcome for outcome, _ in rows}) == 2)


def _arrays(rows: list[tuple[bool, float]]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    return np.array([outcome for outcome, _ in rows]), np.array([probability for _, probability in rows])


def _continuous(rows: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    generator = np.random.default_rng(5)
    probability = generator.beta(1, 4, rows)
    return generator.random(rows) < probability, probability


def test_figures_of_a_case_worked_out_by_hand() -> None:
    """Four rows, one hit, one false alarm, one miss, one right no."""
    found = evaluate_binary(np.array([True, False, True, False]), np.array([0.9, 0.6, 0.4, 0.1]), 0.5)
    assert (found.row_count, found.positive_count, found.threshold) == (4, 2, 0.5)
    assert found.auc == 0.75
    assert found.average_precision == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert found.brier == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)
    assert (found.accuracy, found.precision, found.recall, found.f1, found.mcc) == (0.5, 0.5, 0.5, 0.5, 0.0)
    assert found.no_information_rate == 0.5
    assert found.as_dict()["auc"] == 0.75


def test_a_probability_at_the_threshold_is_a_yes() -> None:
    """The threshold itself belongs to yes."""
    assert evaluate_binary(np.array([True, False]), np.array([0.5, 0.4]), 0.5).accuracy == 1.0


@given(rows=BOTH_OUTCOMES, threshold=st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]))
def test_figures_agree_with_scikit_learn(rows: list[tuple[bool, float]], threshold: float) -> None:
    """Every figure that scikit-learn has comes out the same, ties included."""
    outcome, probability = _arrays(rows)
    found = evaluate_binary(outcome, probability, threshold)
    predicted = probability >= threshold
    assert found.auc == pytest.approx(reference.roc_auc_score(outcome, probability))
    assert found.average_precision == pytest.approx(reference.average_precision_score(outcome, probability))
    assert found.brier == pytest.approx(reference.brier_score_loss(outcome, probability))
    assert found.log_loss == pytest.approx(reference.log_loss(outcome, probability.clip(1e-7, 1 - 1e-7)))
    assert found.mcc == pytest.approx(reference.matthews_corrcoef(outcome, predicted))
    assert found.accuracy == pytest.approx(reference.accuracy_score(outcome, predicted))
    assert found.precision == pytest.approx(reference.precision_score(outcome, predicted, zero_division=0))
    assert found.recall == pytest.approx(reference.recall_score(outcome, predicted))
    assert found.f1 == pytest.approx(reference.f1_score(outcome, predicted, zero_division=0))
    assert found.no_information_rate == pytest.approx(reference.accuracy_score(outcome, np.zeros_like(outcome)))


def test_one_outcome_only_has_no_ranking_figures() -> None:
    """AUC and average precision are None, the rest is defined."""
    found = evaluate_binary(np.array([False, False]), np.array([0.2, 0.8]), 0.5)
    assert (found.auc, found.average_precision) == (None, None)
    assert (found.accuracy, found.recall, found.mcc, found.no_information_rate) == (0.5, 0.0, 0.0, 1.0)


def test_a_certain_and_wrong_answer_has_a_finite_log_loss() -> None:
    """Probabilities are kept a 32-bit step away from 0 and 1."""
    assert evaluate_binary(np.array([True]), np.array([0.0]), 0.5).log_loss == pytest.approx(-np.log(1e-7))


@pytest.mark.parametrize(
    ("outcome", "probability", "message"),
    [
        ([True, False], [0.5], "do not match"),
        ([True, False], [0.5, 1.5], r"go from 0\.5 to 1\.5"),
        ([True, False], [0.5, float("nan")], "between 0 and 1"),
        ([0, 2], [0.5, 0.5], "booleans"),
    ],
)
def test_wrong_input_is_refused(outcome: list[int], probability: list[float], message: str) -> None:
    """Figures of broken predictions are never returned."""
    with pytest.raises(ValueError, match=message):
        evaluate_binary(np.array(outcome), np.array(probability), 0.5)


def test_no_rows_are_refused() -> None:
    """A model without evaluation rows is an error, not a model of quality zero."""
    with pytest.raises(NotEnoughDataError, match="no rows"):
        evaluate_binary(np.array([], dtype=bool), np.array([]), 0.5)


@given(rows=BOTH_OUTCOMES)
def test_best_threshold_is_as_good_as_the_best_by_brute_force(rows: list[tuple[bool, float]]) -> None:
    """No cut between the probabilities has a higher MCC, or F1, than the one found at once."""
    outcome, probability = _arrays(rows)
    threshold = best_mcc_threshold(outcome, probability)
    best = max(reference.matthews_corrcoef(outcome, probability >= cut) for cut in np.unique(probability))
    assert reference.matthews_corrcoef(outcome, probability >= threshold) == pytest.approx(best)
    assert 0 <= threshold <= 1
    best = max(reference.f1_score(outcome, probability >= cut) for cut in np.unique(probability))
    assert reference.f1_score(outcome, probability >= best_f1_threshold(outcome, probability)) == pytest.approx(best)


def test_best_threshold_lies_between_the_two_sides() -> None:
    """Rounding a probability does not move it across the cut."""
    assert best_mcc_threshold(np.array([False, True]), np.array([0.25, 0.75])) == 0.5


def test_best_threshold_of_neighbouring_floats_still_separates_them() -> None:
    """Where no float lies between the sides, the upper one is the threshold."""
    low = 0.3
    high = float(np.nextafter(low, 1))
    assert best_mcc_threshold(np.array([False, True]), np.array([low, high])) == high


def test_threshold_of_one_outcome_is_refused() -> None:
    """One outcome gives no reason for any threshold."""
    with pytest.raises(NotEnoughDataError, match="same outcome"):
        best_mcc_threshold(np.array([True, True]), np.array([0.2, 0.8]))


def test_calibration_table_of_a_case_worked_out_by_hand() -> None:
    """Two bins of two rows, the upper one half a yes short of its promise."""
    outcome, probability = np.array([True, False, False, False]), np.array([0.9, 0.1, 0.7, 0.3])
    table = calibration_table(outcome, probability, bins=2)
    assert table["bin"].tolist() == [0, 1]
    assert table["row_count"].tolist() == [2, 2]
    assert table["lowest_probability"].tolist() == [0.1, 0.7]
    assert table["highest_probability"].tolist() == [0.3, 0.9]
    assert table["mean_probability"].tolist() == pytest.approx([0.2, 0.8])
    assert table["observed_rate"].tolist() == [0.0, 0.5]


def test_equal_probabilities_share_a_calibration_bin() -> None:
    """The error of a constant answer is its distance from the rate, whatever the order of the rows."""
    outcome = np.array([True] * 30 + [False] * 70)
    assert len(calibration_table(outcome, np.full(100, 0.5))) == 1
    assert evaluate_binary(outcome, np.full(100, 0.5), 0.5).calibration_error == pytest.approx(0.2)


@given(rows=PREDICTIONS, bins=st.integers(1, 50))
def test_calibration_bins_hold_every_row_once(rows: list[tuple[bool, float]], bins: int) -> None:
    """Bins are not empty, do not overlap, and add up to the rows and the yes answers."""
    outcome, probability = _arrays(rows)
    table = calibration_table(outcome, probability, bins)
    assert len(table) <= bins
    assert table["row_count"].min() > 0
    assert table["row_count"].sum() == len(rows)
    assert (table["observed_rate"] * table["row_count"]).sum() == pytest.approx(outcome.sum())
    assert (table["lowest_probability"].iloc[1:].to_numpy() > table["highest_probability"].iloc[:-1].to_numpy()).all()


def test_calibration_bins_have_equal_row_counts_without_ties() -> None:
    """Ten bins of a tenth of the rows each."""
    outcome, probability = _continuous(1000)
    assert calibration_table(outcome, probability)["row_count"].tolist() == [100] * 10


def test_groups_are_measured_apart_and_no_row_is_left_out() -> None:
    """Large groups have a line each; small ones are pooled, missing ones are a group."""
    groups = pd.Series(["b", "a", "a", "b", "a", None, None, "rare", "rarer"], dtype="string[pyarrow]", index=range(9, 0, -1))
    outcome = np.array([True, True, False, False, False, True, False, True, False])
    probability = np.array([0.9, 0.8, 0.1, 0.2, 0.3, 0.1, 0.9, 0.7, 0.6])
    table = evaluate_by_group(groups, outcome, probability, threshold=0.5, min_rows=2)
    assert table["group"].tolist() == ["a", MISSING_GROUP, "b", SMALL_GROUPS]
    assert table["row_count"].tolist() == [3, 2, 2, 2]
    assert table["accuracy"].tolist() == [1.0, 0.0, 1.0, 0.5]
    assert table.loc[1, "auc"] == 0.0


def test_group_with_one_outcome_has_nan_ranking_figures() -> None:
    """A table cell cannot be None, so an undefined AUC is NaN in a column of floats."""
    table = evaluate_by_group(pd.Series([7, 7]), np.array([False, False]), np.array([0.1, 0.2]), threshold=0.5, min_rows=1)
    assert table["group"].tolist() == ["7"]
    assert table["auc"].dtype == np.float64
    assert table["auc"].isna().all()


def test_groups_of_another_length_are_refused() -> None:
    """Groups are matched by position, so their number must be right."""
    with pytest.raises(ValueError, match="2 groups were given for 1 outcomes"):
        evaluate_by_group(pd.Series(["a", "b"]), np.array([True]), np.array([0.5]), threshold=0.5, min_rows=1)


@given(rows=BOTH_OUTCOMES)
def test_short_curves_are_those_of_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    """Below the limit all points of both curves are kept, but for the invented one at recall 0."""
    outcome, probability = _arrays(rows)
    false_rate, true_rate, _ = reference.roc_curve(outcome, probability, drop_intermediate=False)
    found = roc_points(outcome, probability)
    assert found["false_positive_rate"].tolist() == pytest.approx(false_rate.tolist())
    assert found["true_positive_rate"].tolist() == pytest.approx(true_rate.tolist())
    precision, recall, _ = reference.precision_recall_curve(outcome, probability)
    found = precision_recall_points(outcome, probability)
    assert found["recall"].tolist() == pytest.approx(recall[-2::-1].tolist())
    assert found["precision"].tolist() == pytest.approx(precision[-2::-1].tolist())


def test_long_curves_are_thinned_to_the_limit() -> None:
    """Few points, both ends among them, and nearly the same area."""
    outcome, probability = _continuous(5000)
    roc = roc_points(outcome, probability, limit=100)
    assert len(roc) <= 100
    assert roc.iloc[0].tolist() == [0.0, 0.0]
    assert roc.iloc[-1].tolist() == [1.0, 1.0]
    area = reference.auc(roc["false_positive_rate"], roc["true_positive_rate"])
    assert area == pytest.approx(reference.roc_auc_score(outcome, probability), abs=0.001)
    recall = precision_recall_points(outcome, probability, limit=100)["recall"]
    assert len(recall) <= 100
    assert recall.iloc[-1] == 1.0
    assert recall.is_monotonic_increasing
