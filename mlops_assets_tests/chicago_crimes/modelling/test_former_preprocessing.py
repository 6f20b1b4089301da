"""A champion that was trained before there were sets of features goes on scoring, and can be beaten."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from mlops_assets.chicago_crimes.modelling import former_preprocessing
from mlops_assets.chicago_crimes.modelling.evaluation import largest_feature_difference, measure_importance
from mlops_assets.chicago_crimes.modelling.promotion import decide_champion
from mlops_assets.ml.bundle import Bundle
from mlops_assets.ml.predictors import BinaryClassifier
from mlops_assets_tests.chicago_crimes.former_release import FEATURES, write_former_bundle
from mlops_assets_tests.chicago_crimes.tiny_crimes import prepared, raw_crimes, trained


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, npt.NDArray[np.float64], pd.DataFrame]:
    """Give a bundle's folder, and what it said and made of the test rows when it was written."""
    folder = tmp_path_factory.mktemp("former")
    return folder, *write_former_bundle(folder, prepared().development, prepared().test)


@pytest.fixture(scope="module")
def former(written: tuple[Path, npt.NDArray[np.float64], pd.DataFrame]) -> Bundle[BinaryClassifier]:
    return Bundle.load(written[0])


def test_former_bundle_gives_the_probabilities_and_features_that_it_gave(
    former: Bundle[BinaryClassifier], written: tuple[Path, npt.NDArray[np.float64], pd.DataFrame]
) -> None:
    """Bit by bit, of the classes that are kept for it."""
    _, probability, features = written
    assert type(former.predictor.pipeline["preprocess"]) is former_preprocessing.CrimePreprocessor
    assert type(former.predictor.pipeline["select"]) is former_preprocessing.FeatureSelector
    np.testing.assert_array_equal(former.predict(prepared().test)["probability"].to_numpy(), probability)
    pd.testing.assert_frame_equal(former.predictor.pipeline[1:-1].transform(prepared().test), features)


def test_former_bundle_scores_what_it_has_never_seen(former: Bundle[BinaryClassifier]) -> None:
    """A new code and a missing position get a probability."""
    strange = raw_crimes(iucr_code="999Z", x_ft=[np.nan, 0.0], y_ft=[np.nan, 0.0])
    assert np.isfinite(former.predict(strange)["probability"].to_numpy()).all()


def test_former_bundle_is_evaluated_saved_and_compared_like_any_other(former: Bundle[BinaryClassifier], tmp_path: Path) -> None:
    """It serves its training features, and a challenger on other features may take its place."""
    test = prepared().test
    assert largest_feature_difference(former, test.head(100)) == 0
    assert set(measure_importance(former, test, 0).index) == set(FEATURES[:-1])
    former.save(tmp_path)
    np.testing.assert_array_equal(
        Bundle.load(tmp_path).predict(test)["probability"].to_numpy(), former.predict(test)["probability"].to_numpy()
    )
    decision = decide_champion(test, trained().bundle, former, [])
    assert decision.evidence["row_count"] == len(test)
    assert decision.evidence["champion_value"] > 0
