"""Classes are balanced as asked for, from fitting rows alone, and made-up rows say that they are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlops_assets.chicago_crimes.balancing import balance_classes
from mlops_assets.chicago_crimes.features import FEATURE_NAMES
from mlops_assets.chicago_crimes.model_contracts import BALANCED_TRAIN
from mlops_assets.contracts.checking import find_violations
from mlops_assets.contracts.frames import to_arrow
from mlops_assets.errors import NotEnoughDataError
from mlops_assets_tests.chicago_crimes.crimes import prepared

_FEATURES = list(FEATURE_NAMES)


def _scaled(arrests: int, others: int, validation: int = 0) -> pd.DataFrame:
    """Return scaled rows: arrests near 1, other rows near 0, validation rows near 100."""
    rows = arrests + others + validation
    is_arrest = np.arange(rows) % 2 == 0
    is_arrest[: arrests + others] = np.arange(arrests + others) < arrests
    is_validation = np.arange(rows) >= arrests + others
    features = np.random.default_rng(5).normal(is_arrest[:, None] + 100.0 * is_validation[:, None], 0.01, (rows, len(_FEATURES)))
    frame = pd.DataFrame(features.astype("float32"), columns=_FEATURES)
    return frame.assign(crime_id=np.arange(rows), is_arrest=is_arrest, is_validation=is_validation)


def test_ratios_are_those_asked_for() -> None:
    """Of 20 arrests and 100 others, SMOTE 0.5 makes 50 arrests, and undersampling 0.8 leaves 62 others (50 / 0.8)."""
    balanced = balance_classes(_scaled(20, 100), 0.5, 0.8, seed=1)
    assert int(balanced["is_arrest"].sum()) == 50
    assert int((~balanced["is_arrest"]).sum()) == 62


def test_made_up_rows_are_flagged_and_lie_between_arrests() -> None:
    """The 30 rows beyond the 20 real arrests are synthetic arrests; every real row is one of the given ones."""
    scaled = _scaled(20, 100)
    balanced = balance_classes(scaled, 0.5, 0.8, seed=1)
    synthetic = balanced[balanced["is_synthetic"]]
    assert len(synthetic) == 30
    assert synthetic["is_arrest"].all()
    arrests = scaled.loc[scaled["is_arrest"], _FEATURES]
    assert ((synthetic[_FEATURES] >= arrests.min()) & (synthetic[_FEATURES] <= arrests.max())).all(axis=None)
    real = balanced[~balanced["is_synthetic"]]
    given_rows = {tuple(row) for row in scaled[["is_arrest", *_FEATURES]].itertuples(index=False)}
    assert {tuple(row) for row in real[["is_arrest", *_FEATURES]].itertuples(index=False)} <= given_rows
    assert int(real["is_arrest"].sum()) == 20


def test_validation_rows_are_left_out() -> None:
    """What judges candidates must not be learned from, nor be a neighbour of what is made up."""
    balanced = balance_classes(_scaled(20, 100, validation=40), 0.5, 0.8, seed=1)
    assert balanced[_FEATURES].to_numpy().max() < 50
    pd.testing.assert_frame_equal(balanced, balance_classes(_scaled(20, 100), 0.5, 0.8, seed=1))


@pytest.mark.parametrize(("arrests", "oversampled"), [(20, 0.8), (60, 0.5)])
def test_same_seed_gives_the_same_rows_and_another_seed_others(arrests: int, oversampled: float) -> None:
    """Both samplers draw from the seed alone: the one that makes rows up, and the one that drops them."""
    first, again, other = (balance_classes(_scaled(arrests, 100), oversampled, 0.8, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


@pytest.mark.parametrize(("arrests", "others"), [(5, 100), (0, 100), (100, 0)])
def test_too_few_of_a_class_are_refused(arrests: int, others: int) -> None:
    """Neighbours between which to make up arrests must exist; the error counts what is there."""
    with pytest.raises(NotEnoughDataError, match=f"{arrests} arrests among {arrests + others} fitting rows"):
        balance_classes(_scaled(arrests, others), 0.5, 0.8, seed=1)


@pytest.mark.parametrize(("arrests", "others"), [(80, 100), (100, 80), (100, 3)])
def test_balanced_rows_stay_as_they_are(arrests: int, others: int) -> None:
    """Nothing is made up and nothing dropped where there are arrests enough."""
    scaled = _scaled(arrests, others)
    balanced = balance_classes(scaled, 0.5, 0.8, seed=1)
    assert not balanced["is_synthetic"].any()
    pd.testing.assert_frame_equal(balanced[["is_arrest", *_FEATURES]], scaled[["is_arrest", *_FEATURES]])


def test_rows_between_the_ratios_are_only_undersampled() -> None:
    """60 arrests to 100 others are above 0.5 and below 0.8: 75 others are left (60 / 0.8)."""
    balanced = balance_classes(_scaled(60, 100), 0.5, 0.8, seed=1)
    assert not balanced["is_synthetic"].any()
    assert balanced["is_arrest"].value_counts().to_dict() == {True: 60, False: 75}


@settings(max_examples=30, deadline=None)
@example(arrests=50, others=101)
@given(arrests=st.integers(6, 60), others=st.integers(1, 120))
def test_every_count_of_rows_can_be_balanced(arrests: int, others: int) -> None:
    """Also where the ratio asks for a fraction of a row: 50 arrests to 101 others need half an arrest more."""
    balanced = balance_classes(_scaled(arrests, others), 0.5, 0.8, seed=1)
    found = int(balanced["is_arrest"].sum())
    assert found == max(arrests, int(0.5 * others))
    assert len(balanced) - found == min(others, int(found / 0.8))


def test_table_keeps_its_contract() -> None:
    """Balanced rows can be stored as they are."""
    balanced = prepared().balanced
    assert list(balanced.columns) == BALANCED_TRAIN.column_names
    assert to_arrow(balanced, BALANCED_TRAIN).num_rows == len(balanced)
    assert find_violations(balanced, BALANCED_TRAIN).empty
