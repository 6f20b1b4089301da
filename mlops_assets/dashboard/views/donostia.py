"""The page of Donostia: free spaces and forecasts, skill by hours ahead, and the feed."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from mlops_assets.dashboard.charts import donostia as charts
from mlops_assets.dashboard.errors import NothingToShowError
from mlops_assets.dashboard.reading import choose, read, section, show_chart
from mlops_assets.dashboard.tables.donostia import (
    SHOWN_DAYS,
    live_skill,
    read_accuracy,
    read_backtest,
    read_car_parks,
    read_feed_health,
    read_forecasts,
    read_history,
    read_issue_dates,
)
from mlops_assets.donostia_parking.cities import CITIES

_DAYS = (3, 7, SHOWN_DAYS)


def show() -> None:
    """Draw the page."""
    st.title("Donostia parking", anchor=False)
    with section():
        parks = read(read_car_parks)
        position = choose("Car park", range(len(parks)), format_func=list(parks["car_park_name"]).__getitem__)
        park = parks.iloc[position]
        with section("Free spaces and forecast"):
            _show_forecast(park)
        with section("Skill by hours ahead"):
            _show_skill(park)
        with section("Feed"):
            _show_feed(park["city_code"])


def _show_forecast(park: pd.Series) -> None:
    left, right = st.columns(2)
    days = choose("Days of history", _DAYS, where=left)
    history = read(read_history, park["city_code"], park["car_park_id"], days)
    issue_date = choose("Forecast from the end of", read(read_issue_dates), where=right)
    forecasts = _of(read(read_forecasts, issue_date), park)
    known = history.dropna(subset=["free_spaces"])
    with st.container(horizontal=True):
        if not known.empty:
            st.metric("Free, last reading", f"{known['free_spaces'].iloc[-1]:,}")
        if not history.empty and pd.notna(history["capacity"].iloc[-1]):
            st.metric("Capacity", f"{history['capacity'].iloc[-1]:,}")
        if not forecasts.empty:
            st.metric("Lowest forecast", f"{forecasts['forecast_spaces'].min():,.0f}")
    zone = CITIES[park["city_code"]].time_zone
    show_chart(charts.history_and_forecast(history, forecasts, zone))
    st.caption(f"Black: what happened. Blue: the forecast, with intervals of 80 % and 95 %. Hours by the clocks of {zone}.")


def _show_skill(park: pd.Series) -> None:
    backtest = _of(read(read_backtest), park)
    try:
        live = live_skill(_of(read(read_accuracy), park))
    except NothingToShowError:
        live = pd.DataFrame({"horizon_hours": [], "skill": []})
    overall = backtest.loc[backtest["horizon_hours"] == 0]
    if not overall.empty:
        with st.container(horizontal=True):
            st.metric("Mean error", f"{overall['mae_spaces'].iloc[0]:,.0f} spaces")
            st.metric("Repeating the day before", f"{overall['seasonal_naive_mae_spaces'].iloc[0]:,.0f} spaces")
            st.metric("Held by the 80 % interval", f"{overall['coverage_80'].iloc[0]:.0%}")
    show_chart(charts.skill_by_horizon(backtest, live))
    st.caption(
        "1 is perfect, 0 as good as repeating the day before; below -1 is cut off. Backtest: what the newest model would "
        "have reached in the past. "
        f"Live: forecasts of the last {SHOWN_DAYS} days that have come true."
    )


def _show_feed(city_code: str) -> None:
    health = read(read_feed_health, city_code)
    last_read_at = health["last_read_at"].max()
    with st.container(horizontal=True):
        if pd.notna(last_read_at):
            st.metric("Last reading (UTC)", f"{last_read_at:%Y-%m-%d %H:%M}")
        st.metric("Hours read", f"{health['read_pct'].mean():.1f} %")
        st.metric("Rejected records", f"{health['rejected_count'].sum():,}")
    show_chart(charts.feed_days(health))
    st.caption("What the hours of all car parks are made of, day by day: read, repeated from an hour before, or not to be trusted.")


def _of(frame: pd.DataFrame, park: pd.Series) -> pd.DataFrame:
    return frame.loc[(frame["city_code"] == park["city_code"]) & (frame["car_park_id"] == park["car_park_id"])]
