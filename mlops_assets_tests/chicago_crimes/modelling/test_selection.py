"""Columns are chosen by what they say about arrests on training rows."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.chicago_crimes.model_contracts import SELECTED_FEATURES
from mlops_assets.chicago_crimes.modelling.features import COLUMNS, SOURCE_COLUMNS
from mlops_assets.chicago_crimes.modelling.selection import measure_information, select_features, selected_names
from mlops_assets.contracts.checking import find_violations
from mlops_assets.contracts.frames import to_arrow
from mlops_assets_tests.chicago_crimes.tiny_crimes import SEED, learnable_crimes, prepared


def _crimes(rows: int = 1_000, **columns: Any) -> pd.DataFrame:
    """Return crimes every second of which leads to an arrest, with some columns replaced."""
    return learnable_crimes(rows=rows, seed=3).assign(is_arrest=np.arange(rows) % 2 == 0, **columns)


def test_a_code_that_decides_carries_all_information() -> None:
    """A code that is the outcome says ln 2 nats of a fair coin, less the correction of 1 / (2 n)."""
    information = measure_information(_crimes(beat_code=["0111", "0222"] * 500), SEED)
    assert information["beat_code"] == pytest.approx(np.log(2) - 1 / 2_000)


def test_a_constant_code_and_a_coin_carry_nothing() -> None:
    """A column that never varies, and one in which both values have the same rate."""
    information = measure_information(_crimes(beat_code="0111", ward_code=["1", "1", "2", "2"] * 250), SEED)
    assert (information["beat_code"], information["ward_code"]) == (0, 0)


def test_how_exactly_a_time_is_known_may_decide() -> None:
    """Arrests at seven minutes past, none at the full hour: derived columns are measured like the others."""
    minutes = pd.to_timedelta(np.where(np.arange(1_000) % 2 == 0, 7, 0), unit="min")
    information = measure_information(_crimes(occurred_at=pd.Timestamp("2024-01-15 12:00", tz="UTC") + minutes), SEED)
    assert information["time_precision_min"] == pytest.approx(np.log(2) - 1 / 2_000)


def test_an_informative_code_beats_noise() -> None:
    """In the learnable city the code says most, its type less, and beat, ward and weekday next to nothing."""
    found = prepared().selected.set_index("feature")["mutual_information"]
    assert found["iucr_code"] > found["primary_type"] > 0.1
    assert found[["beat_code", "ward_code", "local_weekday"]].max() < 0.001


@settings(max_examples=15)
@given(values=st.integers(2, 300), seed=st.integers(0, 2**32 - 1))
def test_a_random_code_of_many_values_carries_next_to_nothing(values: int, seed: int) -> None:
    """By chance alone 300 values in 3,000 rows would seem to say 0.05 nats, more than most real columns do."""
    random = np.random.default_rng(seed)
    crimes = _crimes(3_000, beat_code=random.integers(0, values, 3_000).astype(str).astype(object))
    assert measure_information(crimes.assign(**_constant_but("beat_code")), SEED)["beat_code"] < 0.03


def _constant_but(column: str) -> dict[str, Any]:
    """Return one value for every other column, so that only this column costs time."""
    numbers = {"x_ft", "y_ft", "distance_to_station_m"}
    others = {name: np.nan if name in numbers else 0 for name in SOURCE_COLUMNS if name not in (column, "occurred_at")}
    return {**others, "location_status": "known"}


def test_a_missing_code_is_a_value_of_its_own() -> None:
    """That a place is not given may say a lot."""
    information = measure_information(_crimes(beat_code=["0111", None] * 500), SEED)
    assert information["beat_code"] == pytest.approx(np.log(2) - 1 / 2_000)


def test_a_position_that_decides_is_found_and_unknown_ones_are_left_out() -> None:
    """Arrests in the east, none in the west; the hundred rows without a position do not disturb."""
    x_ft = np.where(np.arange(1_000) % 2 == 0, 1_180_000.0, 1_160_000.0) + np.arange(1_000)
    distance_m = np.random.default_rng(0).uniform(0, 5_000, 1_000)
    crimes = _crimes(x_ft=x_ft, y_ft=1_890_000.0 + np.arange(1_000) // 2, distance_to_station_m=distance_m)
    crimes.loc[:99, ["x_ft", "y_ft", "distance_to_station_m"]] = np.nan
    information = measure_information(crimes, SEED)
    assert information["x_ft"] > 0.6
    assert information["distance_to_station_m"] < 0.05


def test_without_any_position_they_carry_nothing() -> None:
    """An export without coordinates is no reason to stop."""
    nowhere = {"x_ft": np.nan, "y_ft": np.nan, "distance_to_station_m": np.nan}
    information = measure_information(_crimes().assign(**nowhere), SEED)
    assert [information[name] for name in nowhere] == [0, 0, 0]


def test_columns_below_the_limit_are_left_out() -> None:
    """Weekday and season say nothing in the learnable city; the limit itself is enough."""
    selected = prepared().selected.set_index("feature")
    assert not selected.loc[["local_weekday", "season"], "is_selected"].any()
    limit = float(selected["mutual_information"]["primary_type"])
    again = select_features(prepared().development, limit, SEED).set_index("feature")
    assert again.loc[["iucr_code", "primary_type"], "is_selected"].all()
    assert not again.loc[["x_ft", "local_hour"], "is_selected"].any()


def test_validation_rows_do_not_vote_and_the_seed_decides() -> None:
    """With other outcomes on validation rows the scores are the same, drawn from the same seed."""
    of = prepared()
    turned = of.development.assign(is_arrest=of.development["is_arrest"] ^ of.development["is_validation"])
    pd.testing.assert_frame_equal(select_features(turned, 0.0005, SEED), of.selected)


def test_selected_names_come_in_the_order_of_columns() -> None:
    """The order of features does not change with the scores from month to month."""
    selected = prepared().selected
    names = selected_names(selected.sample(frac=1, random_state=0))
    positions = [COLUMNS.index(name) for name in names]
    assert all(one < other for one, other in itertools.pairwise(positions))
    assert set(names) == set(selected.loc[selected["is_selected"], "feature"])


def test_table_keeps_its_contract_and_is_sorted() -> None:
    """One row per column, the most informative first."""
    selected = prepared().selected
    assert sorted(selected["feature"]) == sorted(COLUMNS)
    assert selected["mutual_information"].is_monotonic_decreasing
    assert to_arrow(selected[SELECTED_FEATURES.column_names], SELECTED_FEATURES).num_rows == len(COLUMNS)
    assert find_violations(selected, SELECTED_FEATURES).empty
