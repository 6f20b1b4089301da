"""Classes are balanced as asked for, and only training rows are made up or dropped."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlops_assets.chicago_crimes.modelling.resampling import ClassBalance, balance_classes
from mlops_assets.errors import NotEnoughDataError

_NAMES = ["x_ft", "y_ft", "iucr_code_frequency"]


def _rows(arrests: int, others: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return features and outcomes: arrests near 1, other rows near 0."""
    is_arrest = np.arange(arrests + others) < arrests
    values = np.random.default_rng(5).normal(is_arrest[:, None], 0.01, (len(is_arrest), len(_NAMES)))
    return pd.DataFrame(values.astype("float32"), columns=_NAMES), is_arrest


def _balance(arrests: int, others: int, oversampled_ratio: float = 0.5, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    return balance_classes(*_rows(arrests, others), ClassBalance(oversampled_ratio, 0.8, seed))


def test_ratios_are_those_asked_for() -> None:
    """Of 20 arrests and 100 others, SMOTE 0.5 makes 50 arrests, and undersampling 0.8 leaves 62 others (50 / 0.8)."""
    _, is_arrest = _balance(20, 100)
    assert (int(is_arrest.sum()), int((~is_arrest).sum())) == (50, 62)


def test_made_up_rows_lie_between_arrests_and_all_others_are_given_ones() -> None:
    """The 20 real arrests are kept, 30 are interpolated among them, and the other rows are real."""
    features, is_arrest = _balance(20, 100)
    given_features, given_arrests = _rows(20, 100)
    arrests = given_features[given_arrests]
    assert ((features[is_arrest] >= arrests.min()) & (features[is_arrest] <= arrests.max())).all(axis=None)
    real = {tuple(row) for row in given_features.itertuples(index=False)}
    is_real = np.array([tuple(row) in real for row in features.itertuples(index=False)])
    assert (int((is_real & is_arrest).sum()), int((~is_real).sum()), bool(is_real[~is_arrest].all())) == (20, 30, True)


@pytest.mark.parametrize(("arrests", "oversampled"), [(20, 0.8), (60, 0.5)])
def test_same_seed_gives_the_same_rows_and_another_seed_others(arrests: int, oversampled: float) -> None:
    """Both samplers draw from the seed alone: the one that makes rows up, and the one that drops them."""
    (first, _), (again, _), (other, _) = (_balance(arrests, 100, oversampled, seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


@pytest.mark.parametrize(("arrests", "others"), [(5, 100), (0, 100), (100, 0)])
def test_too_few_of_a_class_are_refused(arrests: int, others: int) -> None:
    """Neighbours between which to make up arrests must exist; the error counts what is there."""
    with pytest.raises(NotEnoughDataError, match=f"{arrests} arrests among {arrests + others} training rows"):
        _balance(arrests, others)


@pytest.mark.parametrize(("arrests", "others"), [(80, 100), (100, 80), (100, 3)])
def test_balanced_rows_stay_as_they_are(arrests: int, others: int) -> None:
    """Nothing is made up and nothing dropped where there are arrests enough."""
    features, is_arrest = _balance(arrests, others)
    pd.testing.assert_frame_equal(features, _rows(arrests, others)[0])
    assert int(is_arrest.sum()) == arrests


@settings(max_examples=30)
@example(arrests=50, others=101)
@given(arrests=st.integers(6, 60), others=st.integers(1, 120))
def test_every_count_of_rows_can_be_balanced(arrests: int, others: int) -> None:
    """Also where the ratio asks for a fraction of a row: 50 arrests to 101 others need half an arrest more."""
    _, is_arrest = _balance(arrests, others)
    found = int(is_arrest.sum())
    assert found == max(arrests, int(0.5 * others))
    assert len(is_arrest) - found == min(others, int(found / 0.8))
