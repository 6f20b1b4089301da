"""Run configuration that cannot be meant is refused before a run, or named by its first step."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from mlops_assets.chicago_crimes.assets.model import Family, FeatureSet, Resampling
from mlops_assets.chicago_crimes.modelling.candidates import FAMILIES, RESAMPLINGS
from mlops_assets.chicago_crimes.modelling.features import FEATURE_SETS
from mlops_assets.donostia_parking.assets.model import Candidate
from mlops_assets.donostia_parking.modelling.backtesting import descriptions
from mlops_assets.errors import NotEnoughDataError, SettingsError
from mlops_assets.orchestration.failures import error_sentence
from mlops_assets.orchestration.run_config import require_valid
from mlops_assets_tests.platforms import Platform

MODEL, WINDOW, SPLITS = "chicago_crimes__arrest_model", "chicago_crimes__training_window", "splits"
SELECTED, DRIFT = (f"chicago_crimes__{name}" for name in ("selected_features", "arrest_drift"))
SNAPSHOTS, FORECASTS = "donostia_parking__snapshots", "donostia_parking__forecast_model"
JOBS = {DRIFT: "score_chicago_crimes", SNAPSHOTS: "read_donostia_parking", FORECASTS: "train_forecast_model"}


def config(**ops: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of a run by step."""
    return {"ops": {step: {"config": options} for step, options in ops.items()}}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Platform(tmp_path_factory.mktemp("platform"), instance)


def test_names_that_may_be_chosen_are_those_that_there_are() -> None:
    """The UI offers what the code knows; XGBoost is offered everywhere, and refused where it is not installed."""
    assert [family.value for family in Family] == list(FAMILIES)
    assert [feature_set.value for feature_set in FeatureSet] == list(FEATURE_SETS)
    assert [resampling.value for resampling in Resampling] == list(RESAMPLINGS)
    assert [way.value for way in Candidate] == list(descriptions())


@pytest.mark.parametrize(
    ("step", "options", "complaint"),
    [
        (
            MODEL,
            {"tuning_trials": -1},
            "tuning_trials: Input should be greater than or equal to 0, not -1",
        ),
        (MODEL, {"time_budget_seconds": 0.0}, "time_budget_seconds: Input should be greater than 0"),
        (MODEL, {"seed": -1}, "seed: Input should be greater than or equal to 0"),
        (
            MODEL,
            {"feature_sets": ["native", "raw"]},
            "not in enum type FeatureSet got raw; allowed: encoded, native",
        ),
        (
            MODEL,
            {"families": ["random_forest"], "feature_sets": ["native"]},
            "no candidate: random_forest cannot be fitted on native features",
        ),
        (
            MODEL,
            {"feature_sets": ["native"], "resamplings": ["smote"]},
            "no candidate: no family can be fitted on native features with smote resampling",
        ),
        (WINDOW, {"minimum_months": 13}, "minimum_months: Input should be less than or equal to 12"),
        (WINDOW, {"minimum_rows": 0}, "minimum_rows: Input should be greater than or equal to 1"),
        (SPLITS, {"test_share": 5.0}, "test_share: Input should be less than 1, not 5.0"),
        (SPLITS, {"validation_share": 0.0}, "validation_share: Input should be greater than 0"),
        (
            MODEL,
            {"oversampled_ratio": 2.0},
            "oversampled_ratio: Input should be less than",
        ),
        (SELECTED, {"minimum_information": -0.1}, "Input should be greater than or equal to 0"),
        (DRIFT, {"outcomes_known_after_days": -1}, "greater than or equal to 0"),
        (FORECASTS, {"horizon_hours": 0}, "horizon_hours: Input should be greater than or equal to 1"),
        (FORECASTS, {"horizon_hours": 999}, "horizon_hours: Input should be less than or equal to 168"),
        (FORECASTS, {"candidates": ["oracle"]}, "got oracle; allowed: seasonal_naive, "),
        (SNAPSHOTS, {"every_seconds": 0.0}, "every_seconds: Input should be greater than 0"),
        (SNAPSHOTS, {"since": "2024-01-01"}, "since and until are for mode: replay"),
        (
            SNAPSHOTS,
            {"mode": "replay", "since": "May"},
            "'May' is not a moment; write it like 2022-03-27",
        ),
        (
            SNAPSHOTS,
            {"mode": "replay", "since": "2024-01-02", "until": "2024-01-01"},
            "since 2024-01-02 is not before until 2024-01-01",
        ),
    ],
)
def test_value_that_cannot_be_meant_is_refused(platform: Platform, step: str, options: dict[str, Any], complaint: str) -> None:
    """The sentence names step, option and what is allowed."""
    with pytest.raises(SettingsError) as caught:
        require_valid(platform.definitions.resolve_job_def(JOBS.get(step, "train_arrest_model")), config(**{step: options}))
    assert complaint in str(caught.value)
    assert step in str(caught.value)


def test_configuration_that_a_job_cannot_do_without_is_asked_for(platform: Platform) -> None:
    """Who promotes a version says which one, and why; the sentence shows how."""
    job = platform.definitions.resolve_job_def("promote_chicago_crimes_arrest_model")
    with pytest.raises(SettingsError, match=r'Missing required config entry "ops".*promote_arrest_model_by_hand.*reason'):
        require_valid(job, {})
    with pytest.raises(SettingsError, match="reason: String should have at least 1 character"):
        require_valid(job, config(promote_arrest_model_by_hand={"version": 1, "reason": ""}))


def test_values_from_the_environment_of_a_step_are_left_to_it(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `env:` refers to may be known on another machine only."""
    monkeypatch.setenv("TRIALS", "3")
    job, options = platform.definitions.resolve_job_def("train_arrest_model"), {"tuning_trials": {"env": "TRIALS"}}
    require_valid(job, config(**{MODEL: options}))
    with pytest.raises(SettingsError, match="time_budget_seconds") as caught:
        require_valid(job, config(**{MODEL: {**options, "time_budget_seconds": -1.0}}))
    assert "tuning_trials" not in str(caught.value), "what stands beside it is looked at"


def test_first_step_names_what_a_later_one_could_not_use(platform: Platform) -> None:
    """The UI launches what has the right type; the run ends at once, not when the model is about to be fitted."""
    options = {MODEL: {"config": {"tuning_trials": -1}}}
    result = platform.run("train_arrest_model", month="2024-01", ops=options, raise_on_error=False)
    (failure,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    assert failure.step_key == WINDOW
    sentence = "tuning_trials: Input should be greater than or equal to 0, not -1"
    assert error_sentence(failure) == f"SettingsError: {MODEL}: {sentence}"


def test_window_without_any_month_says_so(platform: Platform) -> None:
    """On an empty platform there is nothing to learn from; people read how many months are needed."""
    with pytest.raises(NotEnoughDataError, match="needs at least 6 of the 12 months before it; materialized: none"):
        platform.run("train_arrest_model", month="2024-01")
