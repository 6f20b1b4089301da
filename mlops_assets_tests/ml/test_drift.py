"""Drift is zero for the training rows themselves, large for other rows, and always finite."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.errors import ContractError, NotEnoughDataError
from mlops_assets.ml.drift import COMMON_VALUES, FeatureProfile, build_profile, measure_drift

NUMBERS = st.lists(st.one_of(st.none(), st.integers(-5, 5).map(float), st.floats(-1e6, 1e6, width=32)), min_size=1, max_size=50)
CODES = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "c", "other"])), min_size=1, max_size=50)


def _numbers(values: Sequence[float | None]) -> pd.DataFrame:
    return pd.DataFrame({"x": pd.array(values, dtype="Float64")})


def _codes(values: Sequence[str | None]) -> pd.DataFrame:
    return pd.DataFrame({"code": pd.Series(list(values), dtype="string")})


def _drift_of(profile: FeatureProfile, frame: pd.DataFrame) -> pd.Series:
    return measure_drift(profile, frame).iloc[0]


@given(numbers=NUMBERS, codes=CODES)
def test_profile_survives_json(numbers: list[float | None], codes: list[str | None]) -> None:
    """What is read back equals what was built."""
    rows = min(len(numbers), len(codes))
    frame = pd.concat([_numbers(numbers[:rows]), _codes(codes[:rows])], axis=1)
    profile = build_profile(frame, ["x"], ["code"])
    content = profile.to_dict()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert FeatureProfile.from_dict(json.loads(json.dumps(content))) == profile


@given(numbers=NUMBERS)
def test_training_rows_have_no_numeric_drift(numbers: list[float | None]) -> None:
    """A frame compared with itself has PSI 0 and a KS within the resolution of the grid."""
    frame = _numbers(numbers)
    found = _drift_of(build_profile(frame, ["x"], []), frame)
    assert found["psi"] == pytest.approx(0, abs=1e-12)
    if frame["x"].notna().any():
        # Between two values that are 1 / n apart the straight line of the grid is off by up to that step.
        assert found["ks"] <= 0.005 + 1 / frame["x"].notna().sum()


@given(reference=NUMBERS, current=NUMBERS)
def test_numeric_drift_is_finite_and_ks_near_the_exact_one(reference: list[float | None], current: list[float | None]) -> None:
    """PSI is never negative or infinite; KS differs from brute force by the resolution of the grid at most."""
    before, now = _numbers(reference), _numbers(current)
    found = _drift_of(build_profile(before, ["x"], []), now)
    assert np.isfinite(found["psi"])
    assert found["psi"] >= -1e-12
    seen_before, seen_now = before["x"].dropna(), now["x"].dropna()
    if len(seen_before) and len(seen_now):
        points = pd.concat([seen_before, seen_now])
        exact = max(abs((seen_before <= point).mean() - (seen_now <= point).mean()) for point in points)
        assert found["ks"] == pytest.approx(exact, abs=0.005 + 1 / len(seen_before))
    else:
        assert np.isnan(found["ks"])


@given(reference=CODES, current=CODES)
def test_categorical_drift_is_finite_and_zero_for_the_same_shares(reference: list[str | None], current: list[str | None]) -> None:
    """PSI is never negative or infinite, and 0 for the training rows in any order."""
    profile = build_profile(_codes(reference), [], ["code"])
    assert _drift_of(profile, _codes(reference[::-1]))["psi"] == pytest.approx(0, abs=1e-12)
    found = _drift_of(profile, _codes(current))
    assert np.isfinite(found["psi"])
    assert found["psi"] >= -1e-12
    assert np.isnan(found["ks"])


def test_psi_of_a_case_worked_out_by_hand() -> None:
    """Three quarters and one quarter become the reverse; half a row is added to each of four bins."""
    profile = build_profile(_codes(["a"] * 75 + ["b"] * 25), [], ["code"])
    found = _drift_of(profile, _codes(["a"] * 25 + ["b"] * 75))
    # Bins: a, b, other, missing. The last two are empty on both sides and cost nothing.
    assert found["psi"] == pytest.approx(2 * (50 / 102) * np.log(75.5 / 25.5))


def test_ks_of_a_shift_is_the_share_that_moved() -> None:
    """Moving a uniform distribution by a tenth of its width gives a distance of a tenth."""
    values = np.arange(10_000.0)
    profile = build_profile(pd.DataFrame({"x": values}), ["x"], [])
    found = _drift_of(profile, pd.DataFrame({"x": values + 1000}))
    assert found["ks"] == pytest.approx(0.1, abs=0.001)


def test_constant_feature_that_changes_has_drifted() -> None:
    """A feature of one value is compared as well, in both directions."""
    profile = build_profile(pd.DataFrame({"x": [5.0] * 100}), ["x"], [])
    for value in (4.0, 6.0):
        assert _drift_of(profile, pd.DataFrame({"x": [value] * 100}))["ks"] == 1.0
    assert _drift_of(profile, pd.DataFrame({"x": [5.0] * 100}))["ks"] == 0.0


def test_column_that_is_no_longer_filled_has_drifted() -> None:
    """Missing values are a bin of their own, and their shares are reported."""
    profile = build_profile(pd.DataFrame({"x": np.arange(100.0)}), ["x"], [])
    found = _drift_of(profile, pd.DataFrame({"x": [*np.arange(0.0, 100.0, 2.0), *[np.nan] * 25, *[np.inf] * 25]}))
    assert (found["missing_share_reference"], found["missing_share_current"], found["row_count"]) == (0.0, 0.5, 100)
    assert found["psi"] > 0.2


def test_rare_and_unseen_values_are_counted_as_other() -> None:
    """Only the most common values are kept; the rest, and what is new, fall into one bin."""
    codes = [f"c{number:02d}" for number in range(COMMON_VALUES + 2) for _ in range(2)] + ["c00"]
    profile = build_profile(_codes(codes), [], ["code"])
    (entry,) = profile.categorical
    assert len(entry.shares) == COMMON_VALUES
    assert next(iter(entry.shares.items())) == ("c00", pytest.approx(3 / len(codes)))
    assert entry.other_share == pytest.approx(4 / len(codes))
    assert _drift_of(profile, _codes(["new"] * 100))["psi"] > 1


def test_booleans_and_categories_are_compared_as_text() -> None:
    """The same values in another pandas type are the same values."""
    frame = pd.DataFrame({"flag": [True, False, True], "kind": pd.Categorical(["p", "q", "p"], categories=["q", "p", "r"])})
    profile = build_profile(frame, [], ["flag", "kind"])
    assert dict(profile.categorical[0].shares) == {"True": pytest.approx(2 / 3), "False": pytest.approx(1 / 3)}
    again = pd.DataFrame({"flag": pd.array([True, False, True], dtype="boolean"), "kind": ["p", "q", "p"]})
    assert measure_drift(profile, again)["psi"].tolist() == pytest.approx([0.0, 0.0])


def test_table_has_one_row_per_feature() -> None:
    """Numbers come first, in the order in which they were given."""
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [0.5, 0.6]})
    table = measure_drift(build_profile(frame, ["c", "a"], ["b"]), frame)
    assert table["feature"].tolist() == ["c", "a", "b"]
    assert table["kind"].tolist() == ["numeric", "numeric", "categorical"]
    assert list(table.columns) == [
        "feature",
        "kind",
        "psi",
        "ks",
        "missing_share_reference",
        "missing_share_current",
        "row_count",
    ]


def test_missing_column_is_named() -> None:
    """A feed that lost a column is an error that names it."""
    profile = build_profile(pd.DataFrame({"x": [1.0]}), ["x"], [])
    with pytest.raises(ContractError, match="no column x"):
        measure_drift(profile, pd.DataFrame({"y": [1.0]}))


def test_empty_frame_is_refused() -> None:
    """Nothing can be said about no rows."""
    with pytest.raises(NotEnoughDataError, match="no rows"):
        build_profile(pd.DataFrame({"x": []}), ["x"], [])
