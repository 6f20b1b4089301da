"""Codes by several outcomes at once: means that one can compute by hand, and no row's own outcome in its training features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.errors import NotEnoughDataError
from mlops_assets.ml.encoders import CodeEncoder
from mlops_assets.ml.outcome_encoder import OutcomeEncoder

CODES = pd.DataFrame({"artist": ["A", "A", "B", None], "album": ["x", "y", "y", "y"]})
OUTCOMES = pd.DataFrame({"popularity": [0.8, 0.4, 0.2, 0.6], "is_high": [1.0, 0.0, 0.0, 0.0]})


def test_every_code_has_its_frequency_and_a_mean_per_outcome() -> None:
    """Without smoothing these are the plain shares and means; an unseen and a missing code have those of all rows."""
    encoder = OutcomeEncoder(smoothing=0.0).fit(CODES, OUTCOMES)
    found = encoder.transform(pd.DataFrame({"artist": ["A", "unseen", None], "album": ["y", "y", "y"]}))
    names = ["artist_frequency", "artist_popularity", "artist_is_high", "album_frequency", "album_popularity", "album_is_high"]
    assert encoder.get_feature_names_out().tolist() == names
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], [0.5, 0.6, 0.5, 0.75, 0.4, 0.0], atol=1e-6)
    np.testing.assert_allclose(found[1:, :3], [[0, 0.5, 0.25]] * 2, atol=1e-6)


def test_each_mean_is_that_of_an_encoder_of_its_own() -> None:
    """In training, too, so that nothing of the cross-fitting is lost."""
    random = np.random.default_rng(1)
    codes = pd.DataFrame({"artist": random.integers(0, 9, 80).astype(str)})
    outcomes = pd.DataFrame({"a": random.random(80), "b": random.random(80)})
    together = OutcomeEncoder(smoothing=2.0, folds=4, seed=3).fit_transform(codes, outcomes)
    for position, name in enumerate(outcomes, start=1):
        alone = CodeEncoder(smoothing=2.0, folds=4, seed=3).fit_transform(codes, outcomes[name])
        np.testing.assert_array_equal(together[:, [0, position]], alone)


@given(row=st.integers(0, 29), outcome=st.floats(0, 1))
def test_own_outcome_of_a_row_is_not_in_its_training_features(row: int, outcome: float) -> None:
    """Whatever it is."""
    random = np.random.default_rng(2)
    codes = pd.DataFrame({"artist": random.integers(0, 5, 30).astype(str)})
    outcomes = pd.DataFrame({"popularity": random.random(30)})
    changed = outcomes.copy()
    changed.loc[row, "popularity"] = outcome
    encoded = [OutcomeEncoder(smoothing=1.0, folds=6).fit_transform(codes, each)[row] for each in (outcomes, changed)]
    np.testing.assert_array_equal(*encoded)


def test_fewer_rows_than_folds_are_refused() -> None:
    """There would be nobody to learn a row's mean from."""
    with pytest.raises(NotEnoughDataError, match="5 folds"):
        OutcomeEncoder().fit_transform(CODES, OUTCOMES)
