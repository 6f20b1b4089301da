"""The search finds a sensible model, the same one each time, and the bundle takes raw crimes."""

from collections.abc import Collection
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from mlops_assets.chicago_crimes.contracts import RAW_CRIMES
from mlops_assets.chicago_crimes.modelling import training
from mlops_assets.chicago_crimes.modelling.candidates import FAMILIES, arrest_candidates, installed_families
from mlops_assets.chicago_crimes.modelling.features import COLUMNS, FEATURE_SETS, PROFILED_CATEGORIES, PROFILED_NUMBERS
from mlops_assets.chicago_crimes.modelling.preprocessing import make_features
from mlops_assets.chicago_crimes.modelling.resampling import ClassBalance
from mlops_assets.chicago_crimes.modelling.selection import selected_names
from mlops_assets.chicago_crimes.modelling.training import MODEL_INPUT
from mlops_assets.contracts.frames import empty_frame, rows_to_frame
from mlops_assets.errors import ContractError, NotEnoughDataError, SettingsError
from mlops_assets.ml.bundle import Bundle
from mlops_assets.ml.metrics import best_mcc_threshold, evaluate_binary
from mlops_assets.ml.predictors import BinaryClassifier
from mlops_assets.ml.search import Trial
from mlops_assets_tests.chicago_crimes.tiny_crimes import (
    WINDOW,
    learnable_crimes,
    police_stations,
    prepared,
    raw_crimes,
    train_again,
    trained,
)

_CANDIDATES = [
    {"family": family, "features": feature_set, "resampling": "none"}
    for family in installed_families()
    for feature_set in FAMILIES[family].feature_sets
]


def _quick(**changes: Any) -> Bundle[BinaryClassifier]:
    """Train logistic regression only."""
    return train_again(**{"families": ["logistic_regression"], **changes}).bundle


@cache
def _boosting(feature_set: str) -> Bundle[BinaryClassifier]:
    return train_again(families=["hist_gradient_boosting"], feature_sets=[feature_set]).bundle


def test_winner_is_the_best_of_all_candidates() -> None:
    """Every family is tried on each set of features that suits it; the lowest log loss on validation rows wins."""
    found = trained()
    assert [trial.labels for trial in found.trials] == _CANDIDATES
    best = min(found.trials, key=lambda trial: trial.metrics["log_loss"])
    assert found.bundle.provenance.estimator_name == best.name
    assert found.bundle.provenance.metrics == best.metrics
    assert found.bundle.predictor.threshold == best.metrics["threshold"]
    assert not found.is_cut_by_budget


def test_categories_are_for_families_that_take_them_and_smote_is_not_for_categories() -> None:
    """Each family with each set and each resampling that makes sense, once; nothing is resampled unless that is asked for."""
    found = [tuple(candidate.labels.values()) for candidate in arrest_candidates(COLUMNS, resamplings=["none", "smote"])]
    others = {("logistic_regression", "encoded"), ("random_forest", "encoded"), ("hist_gradient_boosting", "encoded")}
    assert {(family, features) for family, features, resampling in found if resampling == "smote"} >= others
    assert all(features == "encoded" for _, features, resampling in found if resampling == "smote")
    assert ("hist_gradient_boosting", "native", "none") in found
    assert ("random_forest", "native", "none") not in found
    assert len(found) == len(set(found))
    assert {candidate.labels["resampling"] for candidate in arrest_candidates(COLUMNS)} == {"none"}


def test_defaults_lie_in_their_ranges() -> None:
    """The first trial of a candidate is one that the search might have drawn."""
    for family in FAMILIES.values():
        assert all(allowed.low <= family.defaults[name] <= allowed.high for name, allowed in family.space.items())


def test_winner_has_learned_the_city() -> None:
    """Where most of an arrest is in the code, the model ranks well."""
    bundle = trained().bundle
    assert bundle.provenance.metrics["auc"] is not None
    assert bundle.provenance.metrics["auc"] > 0.85
    narcotics, theft = bundle.predict(raw_crimes(iucr_code=["1811", "0910"], primary_type=["NARCOTICS", "MOTOR VEHICLE THEFT"]))[
        "probability"
    ].to_numpy()
    assert (theft < 0.1, narcotics > 0.9) == (True, True)


@pytest.mark.parametrize(("feature_set", "fitted"), [("native", 2), ("encoded", 1)])
def test_nothing_is_computed_that_no_candidate_uses(monkeypatch: pytest.MonkeyPatch, feature_set: str, fitted: int) -> None:
    """Neither SMOTE nor another set of features; the encoding that candidates share is fitted anew for the bundle alone."""
    of, asked = prepared(), list[str]()

    def noted(feature_set: str, columns: Collection[str]) -> Pipeline:
        asked.append(feature_set)
        return make_features(feature_set, columns)

    monkeypatch.setattr(training, "balance_classes", lambda *rows: pytest.fail("nothing is to be resampled"))
    monkeypatch.setattr("mlops_assets.chicago_crimes.modelling.preprocessing.make_features", noted)
    bundle = train_again(families=["hist_gradient_boosting"], feature_sets=[feature_set]).bundle
    assert asked == [feature_set] * fitted
    assert bundle.predictor.pipeline["features"] is not of.encoding


def test_winner_is_fitted_again_on_all_development_rows_and_on_no_test_row() -> None:
    """The bundle's estimator is the one that all development rows give, and its features know codes of validation rows alone."""
    of = prepared()
    is_last = np.arange(len(of.development)) == len(of.development) - 1
    assert of.development.loc[is_last, "is_validation"].all()
    development = of.development.assign(location_description=of.development["location_description"].mask(is_last, "CAVE"))
    bundle = train_again(development=development, families=["hist_gradient_boosting"], feature_sets=["native"]).bundle
    features, outcome = make_features("native", selected_names(of.selected)), development["is_arrest"].to_numpy(dtype=bool)
    (candidate,) = arrest_candidates(selected_names(of.selected), families=["hist_gradient_boosting"], feature_sets=["native"])
    rows = features.fit_transform(development, outcome)
    expected = (
        candidate.build(candidate.defaults, bundle.provenance.seed)
        .fit(rows, outcome)
        .predict_proba(features.transform(of.test))[:, 1]
    )
    np.testing.assert_array_equal(bundle.predict(of.test)["probability"].to_numpy(), expected)
    (codes,) = (part for name, part, _ in bundle.predictor.pipeline["features"]["encode"].transformers_ if name == "codes")
    assert "CAVE" in codes.categories_[list(codes.feature_names_in_).index("location_description")]
    assert bundle.provenance.training_rows == len(development) == 4_000


def test_metrics_and_threshold_are_of_the_fit_that_had_not_seen_validation_rows() -> None:
    """They are reported as measured, on rows that the model of that time knew nothing of."""
    of, columns = prepared(), selected_names(prepared().selected)
    is_validation = of.development["is_validation"].to_numpy(dtype=bool)
    rows, validation = of.development[~is_validation], of.development[is_validation]
    features = make_features("native", columns)
    (candidate,) = arrest_candidates(columns, families=["hist_gradient_boosting"], feature_sets=["native"])
    first = candidate.build(candidate.defaults, 42).fit(
        features.fit_transform(rows, rows["is_arrest"]), rows["is_arrest"].astype(bool)
    )
    score, outcome = first.predict_proba(features.transform(validation))[:, 1], validation["is_arrest"].to_numpy(dtype=bool)
    bundle = _boosting("native")
    assert bundle.provenance.metrics == evaluate_binary(outcome, score, best_mcc_threshold(outcome, score)).as_dict()
    assert bundle.reference is not None
    assert bundle.reference.numeric[-1].quantiles[-1] == score.max()
    assert not np.array_equal(bundle.predict(validation)["probability"].to_numpy(), score)


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    """A rerun writes the very model that is registered already, fingerprint and files alike, tuning included."""
    quick = {"families": ["hist_gradient_boosting"], "tuning_trials": 2}
    for name in ("first", "again"):
        train_again(**quick).bundle.save(tmp_path / name)
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == ["bundle.joblib", "bundle.json"]
    for file in (tmp_path / "first").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name


def test_fingerprint_tells_models_apart() -> None:
    """Whatever makes another bundle gives another fingerprint: rows, resampling, columns, seed, stations, window."""
    of = prepared()
    bundles = [
        _quick(),
        _quick(development=of.development.assign(x_ft=of.development["x_ft"] + 1)),
        _quick(selected_features=of.selected.assign(is_selected=of.selected["feature"] == "iucr_code")),
        _quick(seed=1),
        _quick(stations=police_stations(station_code=["001", "003", "headquarters"])),
        _quick(window=(WINDOW[0] - timedelta(days=31), WINDOW[1])),
        _quick(resamplings=["smote"]),
        _quick(resamplings=["smote"], balance=ClassBalance(seed=1)),
    ]
    assert len({bundle.provenance.fingerprint for bundle in bundles}) == len(bundles)
    assert _quick().provenance.fingerprint == bundles[0].provenance.fingerprint


def test_resampled_candidates_promise_more_arrests() -> None:
    """Fitted on balanced classes, a model's probabilities are too high: why it is tried only if asked for."""
    natural, balanced = (
        _quick(resamplings=[name]).predict(prepared().test)["probability"].to_numpy().mean() for name in ("none", "smote")
    )
    assert balanced > natural + 0.05


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_bundle_takes_raw_crimes_and_ignores_other_columns(feature_set: str) -> None:
    """From records as the portal gives them, with or without enrichment, it makes the features that it was trained on."""
    of, bundle = prepared(), _boosting(feature_set)
    features, estimator = bundle.predictor.pipeline["features"], bundle.predictor.pipeline["estimate"]
    expected = estimator.predict_proba(features.transform(of.test))[:, 1]
    raw = of.test[MODEL_INPUT.column_names].sample(frac=1, axis=1, random_state=0).assign(colour="blue", nearest_station_code="999")
    np.testing.assert_array_equal(bundle.predict(raw)["probability"].to_numpy(), expected)
    np.testing.assert_array_equal(bundle.predict(of.test)["probability"].to_numpy(), expected)


def test_input_is_what_is_known_when_a_crime_is_reported() -> None:
    """The outcome, and when it was last changed, are never asked for."""
    assert set(MODEL_INPUT.column_names) < set(RAW_CRIMES.column_names)
    assert not {"is_arrest", "updated_at", "crime_id"} & set(MODEL_INPUT.column_names)


def test_saved_bundle_gives_the_same_probabilities(tmp_path: Path) -> None:
    """What is loaded for a month's predictions is what was trained."""
    bundle, crimes = trained().bundle, prepared().test.head(50)
    bundle.save(tmp_path)
    np.testing.assert_array_equal(
        Bundle.load(tmp_path).predict(crimes)["probability"].to_numpy(), bundle.predict(crimes)["probability"].to_numpy()
    )


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_one_crime_gets_what_it_gets_in_a_batch(feature_set: str) -> None:
    """To the last bit, whatever is missing of it and however strange it is; its typical record is one too, also after saving."""
    bundle = _boosting(feature_set)
    empty = {column.name: None for column in MODEL_INPUT.columns if column.nullable}
    crimes: list[dict[str, Any]] = [
        {str(name): None if value is pd.NA or value != value else value for name, value in crime.items()}
        for crime in prepared().test[MODEL_INPUT.column_names].head(6).to_dict("records")
    ]
    crimes += [bundle.typical_values(), {**crimes[0], **empty}, {**crimes[0], "iucr_code": "999Z", "x_ft": 1e300, "y_ft": 0.0}]
    batch = bundle.predict(rows_to_frame(crimes, MODEL_INPUT)).to_dict("records")
    assert [bundle.predict_record(crime) for crime in crimes] == batch


@pytest.mark.parametrize("column", ["iucr_code", "x_ft", "occurred_at"])
def test_missing_column_is_named(column: str) -> None:
    """Also a column that the selected features do not need: the contract is fixed."""
    with pytest.raises(ContractError, match=f"columns missing: {column} "):
        trained().bundle.predict(raw_crimes().drop(columns=column))["probability"].to_numpy()


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_anything_that_can_be_reported_gets_a_probability(feature_set: str) -> None:
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
    probability = _boosting(feature_set).predict(strange)["probability"].to_numpy()
    assert np.isfinite(probability).all()
    assert ((probability >= 0) & (probability <= 1)).all()


def test_no_crimes_get_no_probabilities() -> None:
    """An empty batch is no error."""
    assert trained().bundle.predict(empty_frame(RAW_CRIMES))["probability"].to_numpy().tolist() == []


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_a_code_that_was_never_seen_is_like_a_missing_one(feature_set: str) -> None:
    """Also where none was missing in training: a new place gets the probability of a crime of that kind without a place."""
    of = prepared()
    complete = of.development.assign(location_description=of.development["location_description"].fillna("STREET"))
    bundle = train_again(development=complete, families=["hist_gradient_boosting"], feature_sets=[feature_set]).bundle
    unseen, missing = bundle.predict(raw_crimes(location_description=["CAVE", None], occurred_at=WINDOW[0]))[
        "probability"
    ].to_numpy()
    assert unseen == missing


def test_bundle_says_where_it_comes_from() -> None:
    """Window, columns and features are those that were handed in."""
    bundle = _boosting("native")
    assert (bundle.provenance.training_start_at, bundle.provenance.training_end_at) == WINDOW
    assert set(bundle.provenance.feature_names) <= set(selected_names(prepared().selected))
    assert "season" not in selected_names(prepared().selected)
    assert "local_weekday" not in bundle.provenance.feature_names
    assert bundle.input_contract == MODEL_INPUT


def test_reference_holds_the_watched_columns_and_the_score() -> None:
    """Drift is measured against all development rows; the score against validation rows."""
    reference = trained().bundle.reference
    assert reference is not None
    assert reference.row_count == len(prepared().development)
    assert [entry.feature for entry in reference.numeric] == [*PROFILED_NUMBERS, "arrest_probability"]
    assert [entry.feature for entry in reference.categorical] == list(PROFILED_CATEGORIES)


def test_each_trial_is_reported_as_it_ends() -> None:
    """Whoever waits sees what is going on, and an early end is no secret."""
    seen: list[Trial] = []
    found = train_again(time_budget_seconds=0.0, on_trial=seen.append)
    assert [trial.labels for trial in seen] == _CANDIDATES[:1]
    assert found.is_cut_by_budget


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"families": ["oracle"]}, "unknown family: oracle; known: "),
        ({"feature_sets": ["best"]}, "unknown feature set: best; known: "),
        ({"resamplings": ["best"]}, "unknown resampling: best; known: "),
        ({"families": ["random_forest"], "feature_sets": ["native"]}, "random_forest cannot be fitted on native features"),
    ],
)
def test_candidates_that_there_are_not_are_refused(named: dict[str, list[str]], message: str) -> None:
    """The error lists those that there are, or says what does not go together."""
    with pytest.raises(SettingsError, match=message):
        train_again(**named)


def test_no_selected_column_is_an_error() -> None:
    """A limit above all scores leaves nothing to learn from."""
    with pytest.raises(NotEnoughDataError, match="no column carries enough information"):
        _quick(selected_features=prepared().selected.assign(is_selected=False))


@pytest.mark.parametrize("part", ["training", "validation"])
def test_one_outcome_only_is_an_error(part: str) -> None:
    """Where nobody was ever arrested there is nothing to fit, or to choose by."""
    development = prepared().development
    is_part = development["is_validation"] == (part == "validation")
    with pytest.raises(NotEnoughDataError, match=f"All {part} rows have the same outcome"):
        _quick(development=development.assign(is_arrest=development["is_arrest"] & ~is_part))


def test_a_city_that_is_learned_is_another_each_seed() -> None:
    """The builder of these tests draws from its seed alone."""
    assert learnable_crimes(rows=50, seed=1).equals(learnable_crimes(rows=50, seed=1))
    assert not learnable_crimes(rows=50, seed=1).equals(learnable_crimes(rows=50, seed=2))
