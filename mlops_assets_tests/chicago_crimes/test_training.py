"""The search finds a sensible model, the same one each time, and the bundle takes raw crimes."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.chicago_crimes.contracts import RAW_CRIMES
from mlops_assets.chicago_crimes.features import PROFILED_CATEGORIES, PROFILED_NUMBERS
from mlops_assets.chicago_crimes.selection import selected_names
from mlops_assets.chicago_crimes.training import MODEL_INPUT, candidate_families
from mlops_assets.contracts.frames import empty_frame
from mlops_assets.errors import ContractError, NotEnoughDataError, SettingsError
from mlops_assets.ml.bundle import ModelBundle
from mlops_assets.ml.search import Trial
from mlops_assets_tests.chicago_crimes.crimes import (
    WINDOW,
    learnable_crimes,
    police_stations,
    prepared,
    raw_crimes,
    train_again,
    trained,
)

_FAMILIES = [family.name for family in candidate_families()]


def _quick(**changes: Any) -> ModelBundle:
    """Train logistic regression on natural rows only."""
    return train_again(**{"families": ["logistic_regression"], "rows": ["natural"], **changes}).bundle


def test_winner_is_the_best_of_all_candidates() -> None:
    """Every family is tried on natural and on balanced rows; the lowest log loss on validation rows wins."""
    found = trained()
    assert [(trial.family, trial.rows) for trial in found.trials] == [
        (family, rows) for family in _FAMILIES for rows in ("natural", "balanced")
    ]
    best = min(found.trials, key=lambda trial: trial.score)
    assert found.bundle.estimator_name == f"{best.family} on {best.rows} rows"
    assert found.bundle.metrics == best.metrics
    assert found.bundle.threshold == best.metrics["threshold"]
    assert not found.is_cut_by_budget


def test_winner_has_learned_the_city() -> None:
    """Where most of an arrest is in the code, the model ranks well, and on natural rows, whose rates are true."""
    bundle = trained().bundle
    assert bundle.metrics["auc"] is not None
    assert bundle.metrics["auc"] > 0.85
    assert bundle.estimator_name.endswith("on natural rows")
    narcotics, theft = bundle.predict_probability(
        raw_crimes(iucr_code=["1811", "0910"], primary_type=["NARCOTICS", "MOTOR VEHICLE THEFT"])
    )
    assert (theft < 0.1, narcotics > 0.9) == (True, True)


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    """A rerun writes the very model that is registered already, fingerprint and files alike."""
    for name, bundle in (("first", trained().bundle), ("again", train_again().bundle)):
        bundle.save(tmp_path / name)
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == ["bundle.joblib", "bundle.json"]
    for file in (tmp_path / "first").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name


def test_fingerprint_tells_models_apart() -> None:
    """Whatever makes another bundle gives another fingerprint: rows, resampling, features, seed, stations, window."""
    of = prepared()
    changed = of.scaled_train.assign(x_ft=of.scaled_train["x_ft"] + np.float32(1))
    bundles = [
        _quick(),
        _quick(scaled_train=changed),
        _quick(balanced_train=of.balanced.iloc[1:]),
        _quick(selected_features=of.selected.assign(is_selected=of.selected["feature"] == "iucr_code_target_rate")),
        _quick(seed=1),
        _quick(stations=police_stations(station_code=["001", "003", "headquarters"])),
        _quick(window=(WINDOW[0] - timedelta(days=31), WINDOW[1])),
        _quick(rows=["balanced"]),
    ]
    assert len({bundle.fingerprint for bundle in bundles}) == len(bundles)
    assert _quick().fingerprint == bundles[0].fingerprint


def test_bundle_takes_raw_crimes_and_ignores_other_columns() -> None:
    """From records as the portal gives them, with or without enrichment, it makes the features that it was trained on."""
    of, bundle = prepared(), trained().bundle
    features = selected_names(of.selected)
    expected = bundle.pipeline[-1].predict_proba(of.scaled_test[features])[:, 1]
    raw = of.test[MODEL_INPUT.column_names].sample(frac=1, axis=1, random_state=0).assign(colour="blue", nearest_station_code="999")
    np.testing.assert_array_equal(bundle.predict_probability(raw), expected)
    np.testing.assert_array_equal(bundle.predict_probability(of.test), expected)


def test_input_is_what_is_known_when_a_crime_is_reported() -> None:
    """The outcome, and when it was last changed, are never asked for."""
    assert set(MODEL_INPUT.column_names) < set(RAW_CRIMES.column_names)
    assert not {"is_arrest", "updated_at", "crime_id"} & set(MODEL_INPUT.column_names)


def test_saved_bundle_gives_the_same_probabilities(tmp_path: Path) -> None:
    """What is loaded for a month's predictions is what was trained."""
    bundle, crimes = trained().bundle, prepared().test.head(50)
    bundle.save(tmp_path)
    np.testing.assert_array_equal(ModelBundle.load(tmp_path).predict_probability(crimes), bundle.predict_probability(crimes))


@pytest.mark.parametrize("column", ["iucr_code", "x_ft", "occurred_at"])
def test_missing_column_is_named(column: str) -> None:
    """Also a column that the selected features do not need: the contract is fixed."""
    with pytest.raises(ContractError, match=f"columns missing: {column} "):
        trained().bundle.predict_probability(raw_crimes().drop(columns=column))


def test_anything_that_can_be_reported_gets_a_probability() -> None:
    """Codes never seen, everything missing that may be, positions of all kinds, a placeholder hour: always between 0 and 1."""
    nullable = [column.name for column in RAW_CRIMES.columns if column.nullable and column.name != "updated_at"]
    strange = raw_crimes(
        iucr_code=["999Z", "0486", "0486", "0486"],
        primary_type="NEW KIND OF CRIME",
        x_ft=[1_176_000.0, 0.0, 9e6, np.nan],
        y_ft=[1_900_000.0, 0.0, 9e6, np.nan],
        occurred_at=pd.Timestamp("2030-01-01 06:00", tz="UTC"),
    )
    strange.loc[3, nullable] = None
    probability = trained().bundle.predict_probability(strange)
    assert np.isfinite(probability).all()
    assert ((probability >= 0) & (probability <= 1)).all()


def test_no_crimes_get_no_probabilities() -> None:
    """An empty batch is no error."""
    assert trained().bundle.predict_probability(empty_frame(RAW_CRIMES)).tolist() == []


def test_bundle_says_where_it_comes_from() -> None:
    """Window, rows and features are those that were handed in."""
    of, bundle = prepared(), trained().bundle
    assert (bundle.training_start_at, bundle.training_end_at) == WINDOW
    assert bundle.training_rows == int((~of.train["is_validation"]).sum()) == 3_200
    assert bundle.feature_names == tuple(selected_names(of.selected))
    assert bundle.input_contract == MODEL_INPUT


def test_reference_holds_the_watched_columns_and_the_score() -> None:
    """Drift is measured against all train rows; the score against validation rows, on which it is not flattered."""
    of, reference = prepared(), trained().bundle.reference
    assert reference is not None
    assert reference.row_count == len(of.train)
    assert [entry.feature for entry in reference.numeric] == [*PROFILED_NUMBERS, "arrest_probability"]
    assert [entry.feature for entry in reference.categorical] == list(PROFILED_CATEGORIES)
    score = trained().bundle.predict_probability(of.train[of.train["is_validation"]])
    assert reference.numeric[-1].quantiles[0] == score.min()
    assert reference.numeric[-1].quantiles[-1] == score.max()


def test_each_trial_is_reported_as_it_ends() -> None:
    """Whoever waits sees what is going on, and an early end is no secret."""
    seen: list[Trial] = []
    found = train_again(time_budget_seconds=0.0, on_trial=seen.append)
    assert [(trial.family, trial.rows) for trial in seen] == [("logistic_regression", "natural")]
    assert found.is_cut_by_budget


def test_only_the_families_and_rows_that_are_named_are_tried() -> None:
    """A search can be made small."""
    found = train_again(families=["logistic_regression"], rows=["balanced"])
    assert [(trial.family, trial.rows) for trial in found.trials] == [("logistic_regression", "balanced")]


@pytest.mark.parametrize(("named", "message"), [({"families": ["oracle"]}, "family: oracle"), ({"rows": ["best"]}, "rows: best")])
def test_unknown_families_and_rows_are_refused(named: dict[str, list[str]], message: str) -> None:
    """The error lists those that there are."""
    with pytest.raises(SettingsError, match=f"{message}; known: "):
        train_again(**named)


def test_no_selected_feature_is_an_error() -> None:
    """A limit above all scores leaves nothing to learn from."""
    with pytest.raises(NotEnoughDataError, match="no feature carries enough information"):
        _quick(selected_features=prepared().selected.assign(is_selected=False))


@pytest.mark.parametrize("part", ["fitting", "validation"])
def test_one_outcome_only_is_an_error(part: str) -> None:
    """Where nobody was ever arrested there is nothing to fit, or to choose by."""
    of = prepared()
    is_part = of.scaled_train["is_validation"] == (part == "validation")
    with pytest.raises(NotEnoughDataError, match="rows of both outcomes"):
        _quick(scaled_train=of.scaled_train.assign(is_arrest=of.scaled_train["is_arrest"] & ~is_part))


def test_a_city_that_is_learned_is_another_each_seed() -> None:
    """The builder of these tests draws from its seed alone."""
    assert learnable_crimes(rows=50, seed=1).equals(learnable_crimes(rows=50, seed=1))
    assert not learnable_crimes(rows=50, seed=1).equals(learnable_crimes(rows=50, seed=2))
