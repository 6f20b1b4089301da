"""Features are chosen by what their columns say about arrests on real rows, and said only once."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.chicago_crimes.features import FEATURE_NAMES, FEATURES
from mlops_assets.chicago_crimes.model_contracts import SELECTED_FEATURES
from mlops_assets.chicago_crimes.selection import (
    correlate_features,
    group_correlated,
    measure_information,
    select_features,
    selected_names,
)
from mlops_assets.contracts.checking import find_violations
from mlops_assets.contracts.frames import to_arrow
from mlops_assets_tests.chicago_crimes.crimes import SEED, learnable_crimes, prepared


def _train(rows: int = 1_000, **columns: Any) -> pd.DataFrame:
    """Return train rows in which every second crime leads to an arrest, with some columns replaced."""
    return learnable_crimes(rows=rows, seed=3).assign(is_arrest=np.arange(rows) % 2 == 0, is_validation=False, **columns)


def _selected(scaled: pd.DataFrame, minimum_information: float = 0.0005, largest_correlation: float = 0.95) -> pd.DataFrame:
    """Return the scores of the learnable city with other scaled features."""
    return select_features(prepared().train, correlate_features(scaled), minimum_information, largest_correlation, SEED).set_index(
        "feature"
    )


def test_a_code_that_decides_carries_all_information() -> None:
    """A code that is the outcome says ln 2 nats of a fair coin, less the correction of 1 / (2 n)."""
    information = measure_information(_train(beat_code=["0111", "0222"] * 500), SEED)
    assert information["beat_code"] == pytest.approx(np.log(2) - 1 / 2_000)


def test_a_constant_code_and_a_coin_carry_nothing() -> None:
    """A column that never varies, and one in which both values have the same rate."""
    information = measure_information(_train(beat_code="0111", ward_code=["1", "1", "2", "2"] * 250), SEED)
    assert (information["beat_code"], information["ward_code"]) == (0, 0)


def test_an_informative_code_beats_noise() -> None:
    """In the learnable city the code says most, its type less, and beat, ward and weekday next to nothing."""
    found = _selected(prepared().scaled_train)["mutual_information"].groupby(_source_of).first()
    assert found["iucr_code"] > found["primary_type"] > 0.1
    assert found[["beat_code", "ward_code", "local_weekday"]].max() < 0.001


def _source_of(feature: str) -> str:
    return FEATURES[feature][0]


@settings(max_examples=15, deadline=None)
@given(values=st.integers(2, 300), seed=st.integers(0, 2**32 - 1))
def test_a_random_code_of_many_values_carries_next_to_nothing(values: int, seed: int) -> None:
    """By chance alone 300 values in 3,000 rows would seem to say 0.05 nats, more than most real columns do."""
    random = np.random.default_rng(seed)
    train = _train(3_000, beat_code=random.integers(0, values, 3_000).astype(str).astype(object))
    columns = ["beat_code", "is_arrest"]
    assert measure_information(train.assign(**_constant_but(columns)), SEED)["beat_code"] < 0.03


def _constant_but(columns: list[str]) -> dict[str, Any]:
    """Return one value for every other column, so that only these columns cost time."""
    sources = {source for source, _ in FEATURES.values()}
    numbers = {"x_ft", "y_ft", "distance_to_station_m"}
    return {name: np.nan if name in numbers else 0 for name in sources if name not in columns}


def test_a_missing_code_is_a_value_of_its_own() -> None:
    """That a place is not given may say a lot."""
    information = measure_information(_train(beat_code=["0111", None] * 500), SEED)
    assert information["beat_code"] == pytest.approx(np.log(2) - 1 / 2_000)


def test_a_position_that_decides_is_found_and_unknown_ones_are_left_out() -> None:
    """Arrests in the east, none in the west; the hundred rows without a position do not disturb."""
    x_ft = np.where(np.arange(1_000) % 2 == 0, 1_180_000.0, 1_160_000.0) + np.arange(1_000)
    distance_m = np.random.default_rng(0).uniform(0, 5_000, 1_000)
    train = _train(x_ft=x_ft, y_ft=1_890_000.0 + np.arange(1_000) // 2, distance_to_station_m=distance_m)
    train.loc[:99, ["x_ft", "y_ft", "distance_to_station_m"]] = np.nan
    information = measure_information(train, SEED)
    assert information["x_ft"] > 0.6
    assert information["distance_to_station_m"] < 0.05


def test_without_any_position_they_carry_nothing() -> None:
    """An export without coordinates is no reason to stop."""
    nowhere = {"x_ft": np.nan, "y_ft": np.nan, "distance_to_station_m": np.nan}
    information = measure_information(_train().assign(**nowhere), SEED)
    assert [information[name] for name in nowhere] == [0, 0, 0]


def test_of_two_features_that_say_the_same_the_more_informative_one_is_used() -> None:
    """The other one says which feature speaks for it, also where one is the mirror image of the other."""
    scaled = prepared().scaled_train
    copied = scaled.assign(primary_type_frequency=-2 * scaled["iucr_code_frequency"])
    scores = _selected(copied)
    leader, follower = scores.loc["iucr_code_frequency"], scores.loc["primary_type_frequency"]
    assert (leader["is_selected"], leader["reason"]) == (True, "selected")
    assert (follower["is_selected"], follower["reason"]) == (False, "says the same as iucr_code_frequency")
    assert leader["correlation_group"] == follower["correlation_group"]


def test_an_uninformative_twin_does_not_speak_for_anyone() -> None:
    """A feature below the limit is left out for that reason, and its twin above the limit is used."""
    scaled = prepared().scaled_train
    scores = _selected(scaled.assign(ward_code_frequency=scaled["iucr_code_frequency"]))
    assert scores.loc["iucr_code_frequency", "is_selected"]
    assert scores.loc["ward_code_frequency", "reason"] == "carries less than 0.0005 nats"


def test_features_that_never_vary_neither_fail_nor_join_a_group() -> None:
    """A constant has no correlation; two of them are not the same thing."""
    scaled = prepared().scaled_train
    constant = scaled.assign(iucr_code_frequency=np.float32(0), primary_type_frequency=np.float32(0))
    correlation = correlate_features(constant)
    assert np.isfinite(correlation.to_numpy()).all()
    scores = _selected(constant)
    groups = scores.loc[["iucr_code_frequency", "primary_type_frequency"], "correlation_group"]
    assert groups.nunique() == 2
    # They are judged by what their column says, not by how it was encoded.
    assert scores.loc["iucr_code_frequency", "is_selected"]


def test_correlations_are_those_of_numpy() -> None:
    """The matrix is the usual one."""
    scaled = prepared().scaled_train
    fitting = scaled[~scaled["is_validation"].astype(bool)]
    features = [name for name in FEATURE_NAMES if fitting[name].std() > 1e-9]
    expected = np.corrcoef(fitting[features].to_numpy(dtype=float), rowvar=False)
    found = correlate_features(scaled).loc[features, features]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_groups_are_chains_of_strong_correlations() -> None:
    """A goes with B and B with C, so all three are one group; D is alone."""
    correlation = pd.DataFrame(np.eye(4), index=list("ABCD"), columns=list("ABCD"))
    for (one, other), value in {("A", "B"): 0.97, ("B", "C"): -0.99, ("A", "C"): 0.9, ("C", "D"): 0.95}.items():
        correlation.loc[one, other] = correlation.loc[other, one] = value
    groups = group_correlated(correlation, 0.95)
    assert [int(group) for group in groups] == [0, 0, 0, 1]


def test_validation_rows_do_not_vote() -> None:
    """With other outcomes on validation rows the scores are the same."""
    of = prepared()
    turned = of.train.assign(is_arrest=of.train["is_arrest"] ^ of.train["is_validation"])
    scores = select_features(turned, correlate_features(of.scaled_train), 0.0005, 0.95, SEED)
    pd.testing.assert_frame_equal(scores, of.selected)


def test_same_seed_gives_the_same_scores() -> None:
    """The estimator for continuous columns draws from the seed alone."""
    of = prepared()
    pd.testing.assert_frame_equal(select_features(of.train, correlate_features(of.scaled_train), 0.0005, 0.95, SEED), of.selected)


def test_selected_names_come_in_the_order_of_features() -> None:
    """The order of columns does not change with the scores from month to month."""
    selected = prepared().selected
    names = selected_names(selected.sample(frac=1, random_state=0))
    positions = [FEATURE_NAMES.index(name) for name in names]
    assert all(one < other for one, other in itertools.pairwise(positions))
    assert set(names) == set(selected.loc[selected["is_selected"], "feature"])


def test_table_keeps_its_contract_and_is_sorted() -> None:
    """One row per feature, the most informative first."""
    selected = prepared().selected
    assert sorted(selected["feature"]) == sorted(FEATURE_NAMES)
    assert selected["mutual_information"].is_monotonic_decreasing
    assert to_arrow(selected[SELECTED_FEATURES.column_names], SELECTED_FEATURES).num_rows == len(FEATURE_NAMES)
    assert find_violations(selected, SELECTED_FEATURES).empty
