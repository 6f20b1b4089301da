"""What pages read of the stores."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_assets.dashboard.errors import NothingToShowError
from mlops_assets.dashboard.tables import chicago, donostia, models, songs
from mlops_assets.stores.models.reader import RegistryReader
from mlops_assets.stores.registry import Stores
from mlops_assets_tests.dashboard.small_platform import CAR_PARK, DAYS


@pytest.mark.parametrize(
    ("read", "command"),
    [
        (songs.read_songs, "make demo ARGS=song_preference"),
        (chicago.read_months, "mlops-assets bootstrap chicago_crimes"),
        (chicago.read_drift, "mlops-assets bootstrap chicago_crimes"),
        (donostia.read_car_parks, "mlops-assets bootstrap donostia_parking"),
        (donostia.read_issue_dates, "mlops-assets bootstrap donostia_parking"),
        (donostia.read_backtest, "mlops-assets bootstrap donostia_parking"),
        (donostia.read_accuracy, "mlops-assets bootstrap donostia_parking"),
        (lambda stores: models.read_model(stores, "chicago_crimes", "arrest_model"), "mlops-assets bootstrap chicago_crimes"),
    ],
)
def test_empty_platform_says_what_to_run_and_stays_empty(
    empty: Stores, tmp_path: Path, read: Callable[[Stores], Any], command: str
) -> None:
    """Whoever only looks makes no database and no folder."""
    with pytest.raises(NothingToShowError) as caught:
        read(empty)
    assert caught.value.command == command
    assert list(tmp_path.iterdir()) == []


def test_songs_have_their_labels(small: Stores) -> None:
    """All songs are read, with what pages show of them."""
    found = songs.read_songs(small)
    assert (len(found), found["is_liked"].sum()) == (40, 20)
    assert {"listener", "title", "danceability"} <= set(found.columns)


def test_champion_has_its_evaluation_and_versions(small: Stores) -> None:
    """The champion's test metrics stand beside those of the baselines; the newest version comes first."""
    found = models.read_model(small, "chicago_crimes", "arrest_model")
    assert found.champion is not None
    assert found.provenance is not None
    assert (found.champion.version, found.provenance.estimator_name) == (1, "logistic_regression")
    losses = found.metrics[found.metrics["metric"] == "log_loss"].set_index("predictor")["value"]
    assert losses.to_dict() == {"model": 0.2, "majority_class": 0.5, "base_rate_by_type": 0.3}
    assert models.comparable_metrics(found.metrics)[0] == "log_loss"
    table = models.versions_table(found.versions)
    assert list(table["version"]) == [2, 1]
    assert list(table["role"]) == ["challenger", "champion"]
    assert list(table["promoted at"].isna()) == [True, False]


def test_model_without_evaluation_has_the_metrics_of_its_training(small: Stores) -> None:
    """A domain that keeps no table of evaluations shows what the bundle says."""
    found = models.read_model(small, "donostia_parking", "forecast_model").metrics
    assert found.to_dict("records") == [
        {"metric": "auc", "predictor": "model", "value": 1.0},
        {"metric": "mcc", "predictor": "model", "value": 0.5},
        {"metric": "auc", "predictor": "majority_class", "value": 0.5},
        {"metric": "mcc", "predictor": "majority_class", "value": 0.0},
    ]


def test_card_is_read_without_loading_the_model(small: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forest of hundreds of megabytes is not unpickled to show a few figures."""
    monkeypatch.delattr(RegistryReader, "load")
    assert models.read_model(small, "chicago_crimes", "arrest_model").provenance is not None


def test_decisions_are_read_where_a_domain_keeps_them(small: Stores) -> None:
    """A domain without such a table is no error."""
    found = models.read_decisions(small, "chicago_crimes")
    assert found is not None
    assert list(found["decision"]) == ["promote_first"]
    assert models.read_decisions(small, "donostia_parking") is not None


def test_arrests_are_counted_by_area(small: Stores) -> None:
    """East: 2 of 4 arrests recorded, 2 expected. West: a crime without a position is in its district alone."""
    assert chicago.read_months(small) == ["2024-02", "2024-01"]
    crimes, stations = chicago.read_crimes(small, "2024-01"), chicago.read_stations(small)
    shown = ["area_name", "crime_count", "recorded_share", "expected_share"]
    by_station = chicago.arrests_by_area(crimes, stations, "nearest_station_code")
    assert by_station[shown].to_numpy().tolist() == [["East", 4, 50.0, 50.0], ["West", 2, 0.0, pytest.approx(10.0)]]
    assert by_station["difference"].tolist() == [0.0, pytest.approx(10.0)]
    by_district = chicago.arrests_by_area(crimes, stations, "district_code")
    assert by_district["crime_count"].tolist() == [4, 3]
    assert chicago.crimes_by_cell(crimes)["crime_count"].tolist() == [2, 4]


def test_district_without_station_has_a_name(small: Stores) -> None:
    """It is drawn where its crimes are."""
    crimes = chicago.read_crimes(small, "2024-01").assign(district_code="031")
    (area,) = chicago.arrests_by_area(crimes, chicago.read_stations(small), "district_code").to_dict("records")
    assert (area["area_name"], area["latitude_deg"]) == ("District 031", 41.85)


def test_car_parks_begin_with_the_city(small: Stores) -> None:
    """The total of the city comes first, the car parks under their names of the newest day."""
    assert donostia.read_car_parks(small)["car_park_name"].tolist() == ["Donostia / San Sebastián: all", "Arcco"]


def test_history_is_of_the_days_and_the_car_park_asked_for(small: Stores) -> None:
    """Two days have 48 hours; those of others are not read."""
    history = donostia.read_history(small, "donostia", CAR_PARK, 2)
    assert (len(history), history["free_spaces"].iloc[-1]) == (48, 123)
    assert donostia.read_issue_dates(small) == [DAYS[1]]
    assert len(donostia.read_forecasts(small, DAYS[1])) == 48


def test_live_skill_compares_mean_errors() -> None:
    """At one hour ahead 4 against 8, at two hours the naive forecast made no error, and hours without a value do not count."""
    accuracy = pd.DataFrame(
        {
            "horizon_hours": [1, 1, 1, 2],
            "error_spaces": [-2.0, 6.0, None, 5.0],
            "seasonal_naive_error_spaces": [8.0, -8.0, 100.0, 0.0],
        }
    )
    assert donostia.live_skill(accuracy).to_dict("records") == [{"horizon_hours": 1, "skill": 0.5}]


def test_hours_of_a_day_add_up() -> None:
    """Each hour counts once: one that is missing, or stale and stuck at zero, for the worst of these."""
    hours = pd.DataFrame(
        {
            "local_date": ["2024-01-15"] * 5,
            "read_at": pd.to_datetime(["2024-01-15 01:00"] * 5, utc=True),
            "is_complete": [True, True, True, True, False],
            "is_filled": [False, True, False, False, False],
            "is_stale": [False, False, True, False, False],
            "is_stuck_at_zero": [False, False, True, True, False],
        }
    )
    (day,) = donostia.feed_health(hours).to_dict("records")
    shares = dict.fromkeys(("read_pct", "filled_pct", "stale_pct", "stuck_pct", "missing_pct"), 20.0)
    assert shares.items() <= day.items()


def test_rejected_records_are_counted_by_day(small: Stores) -> None:
    """The city's own rows do not count as a car park's."""
    health = donostia.read_feed_health(small, "donostia")
    assert health["rejected_count"].tolist() == [1, 0, 0]
    assert health["read_pct"].tolist() == [100.0, 100.0, 100.0]
