"""A model is promoted unless it forecasts the city worse than repeating the day before."""

from datetime import date
from typing import Any

import pandas as pd
import pytest

from mlops_assets.contracts.checking import find_violations
from mlops_assets.contracts.frames import rows_to_frame, to_arrow, to_pandas
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.model_contracts import FORECAST_CHAMPION, FORECAST_METRICS
from mlops_assets.donostia_parking.modelling.promotion import decide_champion, failures_at_gate
from mlops_assets.errors import MissingPartitionError

_ABOUT = {
    "issue_date": date(2022, 4, 1),
    "run_at": pd.Timestamp("2022-04-02", tz="UTC"),
    "city_code": "donostia",
    "method": "seasonal_profile",
    "model_description": "usual",
    "training_point_count": 500,
    "history_days": 56,
    "forecast_horizon_hours": 24,
    "forecast_count": 0,
    "model_run_id": "run",
}


def metrics(mae: float | None, naive: float | None, version: int = 1, **of_car_parks: float) -> pd.DataFrame:
    """Return what is stored of a version: the city's errors over all horizons and over the first, and those of car parks."""

    def row(car_park_id: str, horizon_hours: int, mae: float | None, naive: float | None) -> dict[str, Any]:
        figures = {"mae_spaces": mae, "seasonal_naive_mae_spaces": naive}
        return {**_ABOUT, "car_park_id": car_park_id, "horizon_hours": horizon_hours, **figures, "model_version": version}

    rows = [row(CITY_TOTAL_ID, 0, mae, naive), row(CITY_TOTAL_ID, 1, 9_999, 1)]
    rows += [row(name, 0, of_car_park, 1) for name, of_car_park in of_car_parks.items()]
    frame = pd.DataFrame(rows).reindex(columns=FORECAST_METRICS.column_names)
    return to_pandas(to_arrow(frame, FORECAST_METRICS))


@pytest.mark.parametrize(("mae", "naive"), [(90, 100), (100, 100), (0, 0), (None, None), (None, 100), (90, None)])
def test_gate_lets_equal_better_and_unknown_pass(mae: float | None, naive: float | None) -> None:
    """A young feed has nothing to compare, and whoever repeats the day before is as good as that."""
    assert failures_at_gate(metrics(mae, naive), 1) == []


def test_gate_names_both_errors() -> None:
    """Worse than repeating the day before, in places that people know."""
    assert failures_at_gate(metrics(120.4, 99.6), 1) == [
        "The city's mean absolute error is 120 spaces in the backtest, 100 if the day before is repeated."
    ]


def test_only_the_city_over_all_horizons_decides() -> None:
    """Single car parks and single horizons may be worse."""
    assert failures_at_gate(metrics(90, 100, harbour=500), 1) == []


def test_each_version_is_judged_by_its_own_rows() -> None:
    """A day may have been trained more than once."""
    both = pd.concat([metrics(120, 100, version=1), metrics(90, 100, version=2)], ignore_index=True)
    assert failures_at_gate(both, 1)
    assert failures_at_gate(both, 2) == []
    assert decide_champion(both, 2, None, []).evidence == {"mae_spaces": 90, "seasonal_naive_mae_spaces": 100}


def test_city_without_a_row_is_unknown() -> None:
    """A model of car parks alone has no error of the city's."""
    rows = metrics(120, 100, harbour=5)
    harbour = rows[rows["car_park_id"] == "harbour"]
    assert failures_at_gate(harbour, 1) == []
    assert decide_champion(harbour, 1, None, []).evidence == {"mae_spaces": None, "seasonal_naive_mae_spaces": None}


def test_unmeasured_version_is_an_error_that_says_what_to_do() -> None:
    """Nobody becomes champion unseen."""
    with pytest.raises(MissingPartitionError, match="version 4 has no rows in forecast_metrics; materialize its metrics first"):
        failures_at_gate(metrics(90, 100), 4)


def test_first_model_needs_no_opponent() -> None:
    """The evidence is in the reason."""
    decision = decide_champion(metrics(90, 100), 1, None, [])
    assert (decision.decision, decision.is_promoted) == ("promote_first", True)
    assert (
        decision.reason
        == "There was no champion, and its mean error of 90 spaces is not above the 100 of repeating the day before."
    )


def test_newer_model_replaces_the_champion() -> None:
    """Even one whose errors are not known yet: the champion has not seen the latest days."""
    decision = decide_champion(metrics(None, None, version=2), 2, 1, [])
    assert (decision.decision, decision.is_promoted) == ("promote", True)
    assert decision.reason == "It has seen newer days than version 1, and nothing could be compared yet."
    assert decision.evidence == {"mae_spaces": None, "seasonal_naive_mae_spaces": None}


@pytest.mark.parametrize("champion", [None, 1])
def test_blockers_reject(champion: int | None) -> None:
    """Not even for want of another, and the reason repeats them all."""
    decision = decide_champion(metrics(90, 100, version=2), 2, champion, ["It is too old.", "It was rolled back."])
    assert (decision.decision, decision.is_promoted) == ("rejected_by_gate", False)
    assert decision.reason == "It is too old. It was rolled back."
    assert decision.evidence == {"mae_spaces": 90, "seasonal_naive_mae_spaces": 100}


@pytest.mark.parametrize(("mae", "champion"), [(90.0, 1), (None, None)])
def test_record_keeps_its_contract(mae: float | None, champion: int | None) -> None:
    """One row, also where nothing is known and there was no champion."""
    decision = decide_champion(metrics(mae, mae, version=2), 2, champion, [])
    row = {"challenger_version": 2, "champion_version": champion, **decision.as_row()}
    record = rows_to_frame([row], FORECAST_CHAMPION)
    assert set(row) == set(FORECAST_CHAMPION.column_names)
    stored = to_pandas(to_arrow(record, FORECAST_CHAMPION))
    assert find_violations(stored, FORECAST_CHAMPION).empty
    assert stored["challenger_version"].tolist() == [2]
    assert stored["champion_version"].isna().tolist() == [champion is None]
    assert stored["mae_spaces"].isna().tolist() == [mae is None]
