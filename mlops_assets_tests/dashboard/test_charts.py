"""Charts show the rows that they are given, and Vega-Lite takes them."""

import altair as alt
import pandas as pd
import pytest

from mlops_assets.dashboard.charts import chicago as chicago_charts
from mlops_assets.dashboard.charts import donostia as donostia_charts
from mlops_assets.dashboard.charts import models as model_charts
from mlops_assets.dashboard.charts import predict as predict_charts
from mlops_assets.dashboard.charts import songs as song_charts
from mlops_assets.dashboard.clients import Effect
from mlops_assets.dashboard.tables import chicago, donostia, models, songs
from mlops_assets.stores.registry import Stores
from mlops_assets_tests.dashboard.small_platform import CAR_PARK, DAYS


def drawn(chart: alt.TopLevelMixin) -> list[pd.DataFrame]:
    """Return the rows that a chart sends to the browser, after its description was validated against Vega-Lite's schema."""
    return [pd.DataFrame(rows) for rows in chart.to_dict()["datasets"].values()]


def test_distribution_shows_shares_of_each_label(small: Stores) -> None:
    """The bars of a label add up to 100 %, whatever the number of its songs."""
    (rows,) = drawn(song_charts.distribution(songs.read_songs(small), "danceability"))
    assert rows.groupby("label")["share_pct"].sum().to_dict() == pytest.approx({"liked": 100, "not liked": 100})
    assert rows["song_count"].sum() == 40


def test_songs_without_a_value_are_left_out_of_its_distribution(small: Stores) -> None:
    """One of the forty songs has no tempo; no song has a loudness."""
    found = songs.read_songs(small)
    assert song_charts.binned(found, "tempo")["song_count"].sum() == 39
    assert song_charts.binned(found, "loudness")["song_count"].sum() == 0


def test_pairs_of_many_songs_are_thinned_evenly(small: Stores) -> None:
    """A browser gets no more points than people can tell apart."""
    many = pd.concat([songs.read_songs(small)] * 100, ignore_index=True)
    (rows,) = drawn(song_charts.pairs(many, "energy", "energy"))
    assert 1_000 < len(rows) <= 1_500


def test_correlations_are_of_ranks(small: Stores) -> None:
    """Energy falls as danceability rises; a feature without values has no correlation."""
    found = song_charts.correlations(songs.read_songs(small), ["danceability", "energy", "loudness"])
    values = found.set_index(["up", "across"])["correlation"]
    assert values["danceability", "energy"] == pytest.approx(-1)
    assert "loudness" not in values.index.get_level_values("up")
    assert drawn(song_charts.correlation(songs.read_songs(small), ["danceability", "energy"]))


def test_model_stands_beside_its_baselines(small: Stores) -> None:
    """A bar for each predictor, and one for each version's training window."""
    history = models.read_model(small, "chicago_crimes", "arrest_model")
    (rows,) = drawn(model_charts.beside_baselines(history.metrics, "auc"))
    assert rows["predictor"].tolist() == ["base rate by type", "majority class", "model"]
    (rows,) = drawn(model_charts.training_windows(models.versions_table(history.versions)))
    assert rows["promoted"].tolist() == [False, True]


@pytest.mark.parametrize("shown", list(chicago_charts.SHOWN))
def test_map_shows_areas_over_the_city(small: Stores, shown: chicago_charts.Shown) -> None:
    """A circle for each of the two stations, over two cells."""
    crimes = chicago.read_crimes(small, "2024-01")
    areas = chicago.arrests_by_area(crimes, chicago.read_stations(small), "nearest_station_code")
    rows = drawn(chicago_charts.arrest_map(areas, chicago.crimes_by_cell(crimes), shown))
    assert [len(each) for each in rows] == [2, 2]


def test_drift_shows_columns_and_quality_apart(small: Stores) -> None:
    """Columns have an index in each month; a metric has what was promised and what was observed."""
    drift = chicago.read_drift(small)
    (rows,) = drawn(chicago_charts.drift_heatmap(drift))
    assert set(zip(rows["month"], rows["feature"], rows["psi"], strict=True)) == {
        (month, feature, psi) for month in ("2024-01", "2024-02") for feature, psi in (("primary_type", 0.3), ("local_hour", 0.05))
    }
    (rows,) = drawn(chicago_charts.live_quality(drift, "auc"))
    assert rows.groupby("series")["value"].first().to_dict() == {"observed": 0.85, "promised": 0.9}


def test_history_is_told_by_the_clocks_of_the_city(small: Stores) -> None:
    """The day begins at midnight of the city, wherever the browser is."""
    history = donostia.read_history(small, "donostia", CAR_PARK, 1)
    forecasts = donostia.read_forecasts(small, DAYS[1])
    forecasts = forecasts[forecasts["car_park_id"] == CAR_PARK]
    rows = drawn(donostia_charts.history_and_forecast(history, forecasts, "Europe/Madrid"))
    assert {each["hour"].min() for each in rows} == {f"{DAYS[2]}T00:00:00"}


def test_skill_is_drawn_without_live_forecasts(small: Stores) -> None:
    """The backtest is there from the first day on; hours ahead taken together are no point of the line."""
    backtest = donostia.read_backtest(small)
    backtest = backtest[backtest["car_park_id"] == CAR_PARK]
    nothing = pd.DataFrame({"horizon_hours": [], "skill": []})
    lines = next(rows for rows in drawn(donostia_charts.skill_by_horizon(backtest, nothing)) if "series" in rows)
    assert (set(lines["series"]), lines["horizon_hours"].min(), len(lines)) == ({"backtest"}, 1, 24)


def test_feed_shows_every_state_of_every_day(small: Stores) -> None:
    """Three days with five states each."""
    (rows,) = drawn(donostia_charts.feed_days(donostia.read_feed_health(small, "donostia")))
    assert len(rows) == 15


def test_explanation_shows_the_strongest_inputs() -> None:
    """What is not known says so; of many inputs the first ten are shown, and none that changed nothing."""
    effects = [
        Effect("energy", None, 0.5, -0.2),
        Effect("tempo", 1, 1, 0.0),
        *(Effect(f"input_{number}", 0.1234567, "x", 0.1) for number in range(20)),
    ]
    (rows,) = drawn(predict_charts.explanation(effects))
    assert rows.iloc[0].to_dict() == {"input": "energy", "value": "unknown", "typical": "0.5", "effect": -0.2}
    assert (len(rows), rows.iloc[1]["value"]) == (10, "0.1235")
