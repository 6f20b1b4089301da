"""Features have fixed names and order, are learned from fitting rows alone, and are defined for every row."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.chicago_crimes.features import CODE_COLUMNS, FEATURE_NAMES
from mlops_assets.chicago_crimes.model_contracts import SCALED_TEST, SCALED_TRAIN
from mlops_assets.chicago_crimes.preprocessing import CrimePreprocessor, FeatureSelector, fit_preprocessing, scale_test
from mlops_assets.contracts.checking import find_violations
from mlops_assets.contracts.frames import to_arrow
from mlops_assets_tests.chicago_crimes.crimes import enriched_crimes, learnable_crimes, prepared

_FEATURES = list(FEATURE_NAMES)


def _features(**columns: Any) -> pd.DataFrame:
    """Return the features of made-up crimes, by the preprocessor of the learnable city."""
    return prepared().preprocessor.transform(enriched_crimes(**columns))


def _hundred(seed: int) -> pd.DataFrame:
    """Return a small train split: 80 fitting rows, then 20 validation rows."""
    return learnable_crimes(rows=100, seed=seed).assign(is_validation=np.arange(100) >= 80)


def test_columns_and_their_order_are_those_of_the_features() -> None:
    """Everything downstream counts on names, order and 32-bit floats."""
    for features in (_features(), prepared().scaled_train[_FEATURES], prepared().scaled_test[_FEATURES]):
        assert features.columns.tolist() == _FEATURES
        assert (features.dtypes == np.float32).all()


def test_tables_keep_their_contracts() -> None:
    """Scaled tables can be stored as they are, one row per row of their split, in its order."""
    of = prepared()
    for scaled, split, contract in ((of.scaled_train, of.train, SCALED_TRAIN), (of.scaled_test, of.test, SCALED_TEST)):
        assert list(scaled.columns) == contract.column_names
        assert scaled["crime_id"].tolist() == split["crime_id"].tolist()
        assert to_arrow(scaled, contract).num_rows == len(split)
        assert find_violations(scaled, contract).empty


def test_fitting_rows_are_standardized() -> None:
    """On the rows that were learned from, numbers and codes have mean 0 and deviation 1."""
    scaled = prepared().scaled_train
    fitting = scaled.loc[~scaled["is_validation"], _FEATURES].astype(float)
    is_scaled = [name.endswith(("_ft", "_log", "_frequency", "_rate")) for name in _FEATURES]
    standardized = fitting.loc[:, is_scaled]
    assert standardized.mean().abs().max() < 1e-4
    deviation = standardized.std(ddof=0)
    assert deviation[deviation > 0].to_numpy() == pytest.approx(1, abs=1e-3)
    assert deviation.index[deviation == 0].tolist() == ["fbi_code_frequency", "beat_code_frequency", "ward_code_frequency"]


def test_flags_calendar_and_circles_stay_as_they_are() -> None:
    """They are between -1 and 1 already, and 0 and 1 can be read."""
    features = _features(is_domestic=[True, False], x_ft=[1_170_000.0, 0.0], y_ft=[1_890_000.0, 0.0])
    assert features["is_domestic"].tolist() == [1, 0]
    assert features["is_location_known"].tolist() == [1, 0]
    one_hot = features.filter(regex="^is_(season|time_of_day)_")
    assert one_hot.columns[(one_hot == 1).all()].tolist() == ["is_season_winter", "is_time_of_day_morning"]
    assert (one_hot.sum(axis=1) == 2).all()


def test_hours_and_weekdays_lie_on_circles() -> None:
    """6:00 is a quarter turn of the day; Monday is a seventh of a week."""
    features = _features(local_hour=6, local_weekday=1).iloc[0]
    assert features[["local_hour_sin", "local_hour_cos"]].tolist() == pytest.approx([1, 0], abs=1e-6)
    angle = 2 * np.pi / 7
    assert features[["local_weekday_sin", "local_weekday_cos"]].tolist() == pytest.approx([np.sin(angle), np.cos(angle)], abs=1e-6)


def test_unseen_and_missing_codes_have_frequency_0_and_the_overall_rate() -> None:
    """A new code is no error and no secret: it stands for "nothing is known"."""
    unseen = dict.fromkeys([*CODE_COLUMNS], "999") | {
        "iucr_code": "999Z",
        "beat_code": "9999",
        "ward_code": "99",
        "fbi_code": "99Z",
    }
    crimes = enriched_crimes(**{**unseen, "community_area_code": "99"}, case_number=["A", "B"])
    nullable = [name for name in CODE_COLUMNS if name not in ("iucr_code", "primary_type")]
    crimes.loc[1, nullable] = None
    preprocessor = prepared().preprocessor
    features = preprocessor.transform(crimes)
    pd.testing.assert_series_equal(features.iloc[0], features.iloc[1], check_names=False)
    codes = preprocessor.transformer_.named_transformers_["codes"]
    fitting = prepared().train.query("not is_validation")
    expected = np.tile([0.0, fitting["is_arrest"].mean()], len(CODE_COLUMNS))
    encoded = features.filter(regex="_(frequency|target_rate)$").loc[[0]]
    assert codes["scale"].inverse_transform(encoded)[0] == pytest.approx(expected, abs=1e-6)


def test_missing_position_stands_at_the_median() -> None:
    """A crime without a position gets features all the same, and a flag that says so."""
    missing = _features(x_ft=np.nan, y_ft=np.nan, latitude_deg=np.nan, longitude_deg=np.nan).iloc[0]
    fitting = prepared().scaled_train.query("not is_validation")
    for name in ("x_ft", "y_ft", "distance_to_station_log"):
        known = fitting.loc[fitting["is_location_known"] == 1, name]
        assert missing[name] == pytest.approx(known.median(), abs=1e-2)
    assert missing["is_location_known"] == 0


def test_extreme_distances_are_pulled_in_and_their_rows_kept() -> None:
    """A crime at the end of the state counts as one at the 99.9 % quantile; test rows are never dropped."""
    fitting = prepared().train.query("not is_validation")
    limit_m = fitting["distance_to_station_m"].quantile(0.999)
    far = _features(distance_to_station_m=[limit_m, 10 * limit_m, 1e6])["distance_to_station_log"]
    assert far.tolist() == [far[0]] * 3
    assert far[0] >= prepared().scaled_train["distance_to_station_log"].max() - 1e-6


def test_distance_is_on_a_logarithmic_scale() -> None:
    """From 0.9 to 1.9 km is as far as from 1.9 to 3.9 km: each doubles one plus the distance."""
    steps = _features(distance_to_station_m=[899.0, 1_799.0, 3_599.0])["distance_to_station_log"].diff()
    assert steps.iloc[1] == pytest.approx(steps.iloc[2], rel=1e-4)


def test_validation_rows_teach_nothing() -> None:
    """With other validation rows, outcomes included, the fitted object and the fitting rows' features are the same."""
    train, other = _hundred(1), _hundred(2)
    changed = pd.concat([train[:80], other[80:]], ignore_index=True)
    (one, scaled), (same, scaled_changed) = fit_preprocessing(train), fit_preprocessing(changed)
    pd.testing.assert_frame_equal(scaled[:80], scaled_changed[:80])
    pd.testing.assert_frame_equal(one.transform(other), same.transform(other))
    assert not scaled[80:][_FEATURES].equals(scaled_changed[80:][_FEATURES])


def test_test_rows_teach_nothing() -> None:
    """A row's features do not depend on the rows that it is transformed with, and transforming learns nothing."""
    preprocessor, _ = fit_preprocessing(_hundred(1))
    before = pickle.dumps(preprocessor)
    test = _hundred(3)
    together = preprocessor.transform(test)
    one_by_one = pd.concat([preprocessor.transform(test.iloc[[row]]) for row in range(0, 100, 10)])
    pd.testing.assert_frame_equal(together.iloc[::10], one_by_one)
    assert pickle.dumps(preprocessor) == before


def test_an_arrest_does_not_reach_the_rate_of_its_own_row() -> None:
    """Turning one outcome over leaves that row's features; the same code's other rows see it."""
    train = _hundred(1).assign(iucr_code="0486")
    turned = train.assign(is_arrest=train["is_arrest"].where(train.index != 7, ~train["is_arrest"]))
    rates = [_unscaled_rates(rows) for rows in (train, turned)]
    assert rates[0][7] == rates[1][7]
    assert (rates[0] != rates[1]).sum() == 64


def _unscaled_rates(train: pd.DataFrame) -> np.ndarray:
    preprocessor, scaled = fit_preprocessing(train)
    codes = [name for name in _FEATURES if name.endswith(("_frequency", "_target_rate"))]
    scaler = preprocessor.transformer_.named_transformers_["codes"]["scale"]
    encoded = scaler.inverse_transform(scaled.loc[:79, codes])
    return np.round(encoded[:, codes.index("iucr_code_target_rate")], 6)


def test_features_do_not_depend_on_the_order_in_which_values_appear() -> None:
    """The same rows in another order teach the same, whichever season or code comes first."""
    train = _hundred(1)
    shuffled = pd.concat([train[:80].sample(frac=1, random_state=0), train[80:]], ignore_index=True)
    one, other = fit_preprocessing(train)[0], fit_preprocessing(shuffled)[0]
    new = learnable_crimes(rows=50, seed=9)
    # The scale of rates comes from folds that are drawn by position; before scaling, rates are the same too.
    stable = [name for name in _FEATURES if not name.endswith("_target_rate")]
    pd.testing.assert_frame_equal(one.transform(new)[stable], other.transform(new)[stable], rtol=1e-4, atol=1e-5)
    encoded = [fitted.transformer_.named_transformers_["codes"]["encode"].transform(new) for fitted in (one, other)]
    np.testing.assert_allclose(encoded[0], encoded[1], rtol=1e-6)
    pd.testing.assert_frame_equal(one.transform(new.iloc[::-1]).iloc[::-1], one.transform(new))


def test_saved_preprocessor_gives_the_same_features() -> None:
    """What serving loads is what training used."""
    preprocessor = prepared().preprocessor
    loaded: CrimePreprocessor = pickle.loads(pickle.dumps(preprocessor))
    test = prepared().test
    pd.testing.assert_frame_equal(loaded.transform(test), preprocessor.transform(test))
    pd.testing.assert_frame_equal(loaded.transform(test), prepared().scaled_test[_FEATURES])


def test_a_window_without_any_position_keeps_all_features() -> None:
    """The features of a model are the same in every month, even of an export without coordinates."""
    nowhere = dict.fromkeys(["x_ft", "y_ft", "latitude_deg", "longitude_deg", "distance_to_station_m"], np.nan)
    train = _hundred(1).assign(**nowhere, nearest_station_code=None, location_status="missing")
    preprocessor, scaled = fit_preprocessing(train)
    assert np.isfinite(scaled[_FEATURES].to_numpy()).all()
    assert np.isfinite(scale_test(preprocessor, train)[_FEATURES].to_numpy()).all()


def test_selector_keeps_features_in_the_order_asked_for() -> None:
    """The estimator gets its columns as it was fitted on them."""
    assert FeatureSelector(["y_ft", "x_ft"]).fit_transform(_features()).columns.tolist() == ["y_ft", "x_ft"]
