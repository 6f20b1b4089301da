"""A month is scored by its champion, compared with what the champion knew, and judged once outcomes are known."""

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest

from mlops_assets.chicago_crimes.model_contracts import ARREST_DRIFT, ARREST_PREDICTIONS
from mlops_assets.chicago_crimes.modelling.features import PROFILED_CATEGORIES, PROFILED_NUMBERS
from mlops_assets.chicago_crimes.modelling.monitoring import measure_month, score_crimes
from mlops_assets.contracts.checking import find_violations
from mlops_assets.contracts.frames import to_arrow
from mlops_assets.errors import NotEnoughDataError, PermanentError
from mlops_assets_tests.chicago_crimes.tiny_crimes import ARREST_RATES, learnable_crimes, trained, useless_bundle

_NUMBERS = [*PROFILED_NUMBERS, "arrest_probability"]


@cache
def _same_city() -> pd.DataFrame:
    """Return other crimes of the city that the model was trained on."""
    return learnable_crimes(rows=2_000, seed=7)


@cache
def _other_city() -> pd.DataFrame:
    """Return crimes of a city that has turned to narcotics and trespass, and leads to many more arrests."""
    return learnable_crimes(
        rows=2_000, seed=7, weights=np.array([30.0 if rate > 0.5 else 1.0 for _, rate in ARREST_RATES.values()])
    )


def _keeps_contract(table: pd.DataFrame) -> bool:
    stored = table.assign(month=date(2024, 1, 1), model_version=1, model_run_id="run")
    return to_arrow(stored, ARREST_DRIFT).num_rows == len(table) and find_violations(stored, ARREST_DRIFT).empty


def test_every_crime_gets_one_prediction() -> None:
    """In the order of the crimes, with the class at the bundle's threshold."""
    bundle, crimes = trained().bundle, _same_city()
    scores = score_crimes(bundle, crimes)
    assert scores["crime_id"].tolist() == crimes["crime_id"].tolist()
    np.testing.assert_array_equal(scores["arrest_probability"], bundle.predict(crimes)["probability"].to_numpy())
    assert scores["is_arrest_predicted"].tolist() == (scores["arrest_probability"] >= bundle.predictor.threshold).tolist()
    stored = scores.assign(month=date(2023, 1, 1), model_version=1, model_run_id="run")
    assert to_arrow(stored, ARREST_PREDICTIONS).num_rows == len(crimes)
    assert find_violations(stored, ARREST_PREDICTIONS).empty


def test_the_outcome_is_not_looked_at_when_scoring() -> None:
    """Turning all outcomes over changes no probability."""
    crimes = _same_city()
    turned = crimes.assign(is_arrest=~crimes["is_arrest"])
    pd.testing.assert_frame_equal(score_crimes(trained().bundle, turned), score_crimes(trained().bundle, crimes))


def test_the_same_city_has_not_drifted() -> None:
    """Other crimes from the same distribution cross no limit, and no retraining is due."""
    drift = measure_month(trained().bundle, _same_city(), outcomes_known=True)
    assert not drift.table["is_over_limit"].any()
    assert not drift.retraining.is_due


def test_a_shifted_mix_of_types_is_drift() -> None:
    """Codes, types and the score cross their limits; what did not change does not."""
    drift = measure_month(trained().bundle, _other_city(), outcomes_known=False)
    over = drift.table.loc[drift.table["is_over_limit"], "feature"]
    assert set(over) == {"primary_type", "iucr_code", "arrest_probability"}


def test_a_shifted_mix_of_types_calls_for_retraining_once_it_hurts() -> None:
    """Three columns are not the whole city; that the model ranks worse among them is known with the outcomes."""
    drift = measure_month(trained().bundle, _other_city(), outcomes_known=True)
    over = drift.table.loc[drift.table["is_over_limit"] & (drift.table["kind"] == "quality"), "feature"]
    assert over.tolist() == ["auc", "mcc"]
    assert drift.retraining.is_due


def test_drift_of_many_columns_calls_for_retraining() -> None:
    """When more than 30 % of the columns are elsewhere, the model no longer knows the city; the reason names them."""
    elsewhere = _other_city().assign(
        location_description="SPACESHIP", district_code="099", time_of_day="night", local_hour=np.int8(3)
    )
    drift = measure_month(trained().bundle, elsewhere, outcomes_known=False)
    assert drift.retraining.is_due
    assert "primary_type" in drift.retraining.reasons[0]


def test_every_watched_column_and_the_score_are_compared() -> None:
    """One row each, numbers first; only they have a KS distance."""
    table = measure_month(trained().bundle, _same_city(), outcomes_known=False).table.set_index("feature")
    assert table.index.tolist() == [*_NUMBERS, *PROFILED_CATEGORIES]
    assert table.index[table["kind"] == "numeric"].tolist() == table.index[table["ks"].notna()].tolist() == _NUMBERS
    assert (table["row_count"] == 2_000).all()


def test_quality_is_measured_only_when_outcomes_are_known() -> None:
    """Before that, arrests that are not recorded yet would look like the model's errors."""
    unknown, known = (measure_month(trained().bundle, _same_city(), outcomes_known=known).table for known in (False, True))
    assert "quality" not in set(unknown["kind"])
    quality = known[known["kind"] == "quality"].set_index("feature")
    assert quality.index.tolist() == ["auc", "mcc", "brier", "log_loss"]
    assert quality["reference_value"].to_dict() == pytest.approx(
        {name: trained().bundle.provenance.metrics[name] for name in quality.index}
    )
    pd.testing.assert_frame_equal(known[known["kind"] != "quality"].reset_index(drop=True), unknown, check_dtype=False)


def test_live_performance_is_that_of_the_month() -> None:
    """The Brier score by hand."""
    crimes = _same_city()
    table = measure_month(trained().bundle, crimes, outcomes_known=True).table.set_index("feature")
    error = trained().bundle.predict(crimes)["probability"].to_numpy() - crimes["is_arrest"].to_numpy(dtype=float)
    assert table.loc["brier", "current_value"] == pytest.approx((error**2).mean())
    assert table.loc["brier", "row_count"] == len(crimes)


def test_a_drop_of_live_performance_calls_for_retraining() -> None:
    """Where the same crimes suddenly lead to other outcomes, nothing drifts but the model is wrong."""
    crimes = _same_city()
    turned = crimes.assign(is_arrest=~crimes["is_arrest"])
    drift = measure_month(trained().bundle, turned, outcomes_known=True)
    assert drift.table.loc[drift.table["is_over_limit"], "feature"].tolist() == ["auc", "mcc"]
    assert drift.retraining.is_due
    assert "The AUC dropped" in " ".join(drift.retraining.reasons)
    assert not measure_month(trained().bundle, turned, outcomes_known=False).retraining.is_due


def test_better_than_expected_is_no_reason_to_retrain() -> None:
    """A model that validated poorly and does well is left alone."""
    known = trained().bundle.provenance
    modest = replace(trained().bundle, provenance=replace(known, metrics={**known.metrics, "auc": 0.6, "mcc": 0.2}))
    drift = measure_month(modest, _same_city(), outcomes_known=True)
    assert not drift.table["is_over_limit"].any()
    assert not drift.retraining.is_due


@pytest.mark.parametrize("outcomes_known", [True, False])
@pytest.mark.parametrize("is_one_class", [True, False])
def test_table_keeps_its_contract(outcomes_known: bool, is_one_class: bool) -> None:
    """Also in a month of one outcome, whose AUC does not exist."""
    crimes = _same_city().assign(is_arrest=False) if is_one_class else _same_city()
    assert _keeps_contract(measure_month(trained().bundle, crimes, outcomes_known).table)


def test_a_model_that_knew_nothing_can_be_watched_all_the_same() -> None:
    """Figures of any model fit into the table."""
    assert _keeps_contract(measure_month(useless_bundle(), _other_city(), outcomes_known=True).table)


def test_a_bundle_without_reference_is_an_error() -> None:
    """There is nothing to compare with, and the error says what to do."""
    with pytest.raises(PermanentError, match="holds no reference to measure drift against; train it again"):
        measure_month(replace(trained().bundle, reference=None), _same_city(), outcomes_known=False)


def test_an_empty_month_cannot_be_compared() -> None:
    """No rows have no distribution."""
    with pytest.raises(NotEnoughDataError, match="no rows"):
        measure_month(trained().bundle, _same_city().iloc[:0], outcomes_known=False)
