"""Charts of Donostia: what happened and what is to be expected, how good forecasts are, and how the feed is."""

from __future__ import annotations

import altair as alt
import pandas as pd

from mlops_assets.dashboard.theme import BASELINE, DOUBTFUL, MODEL, OBSERVED, WARNING, YES

_STATES = {
    "read_pct": ("read", YES),
    "filled_pct": ("repeated", MODEL),
    "stuck_pct": ("stuck at zero", DOUBTFUL),
    "stale_pct": ("stale feed", WARNING),
    "missing_pct": ("missing", BASELINE),
}


def history_and_forecast(history: pd.DataFrame, forecasts: pd.DataFrame, time_zone: str) -> alt.LayerChart:
    """Draw free spaces as they were, and as they are forecast with intervals of 80 % and 95 %, by the clocks of the city.

    Args:
        history: `hour_at`, `free_spaces` and `capacity`.
        forecasts: rows of `forecasts` of the same car park.
        time_zone: of the city.
    """
    observed = _by_local_clock(history[["hour_at", "free_spaces"]], time_zone)
    expected = _by_local_clock(forecasts, time_zone)
    hour = alt.X("hour:T", title=None, axis=alt.Axis(labelOverlap=True, tickCount=8))
    when = alt.Tooltip("hour:T", title="hour", format="%a %d %b %H:%M")
    bands = [
        alt.Chart(expected)
        .mark_area(opacity=opacity, color=MODEL)
        .encode(hour, alt.Y(f"low_{level}_spaces:Q", title="free spaces"), alt.Y2(f"high_{level}_spaces:Q"))
        for level, opacity in ((95, 0.15), (80, 0.25))
    ]
    happened = (
        alt.Chart(observed)
        .mark_line(color=OBSERVED, strokeWidth=1.5)
        .encode(hour, alt.Y("free_spaces:Q", title="free spaces"), tooltip=[when, alt.Tooltip("free_spaces", title="free spaces")])
    )
    forecast = (
        alt.Chart(expected)
        .mark_line(color=MODEL, strokeWidth=2)
        .encode(
            hour,
            alt.Y("forecast_spaces:Q", title="free spaces"),
            tooltip=[
                when,
                alt.Tooltip("forecast_spaces", title="forecast", format=",.0f"),
                alt.Tooltip("low_80_spaces", title="80 %, from", format=",.0f"),
                alt.Tooltip("high_80_spaces", title="80 %, to", format=",.0f"),
            ],
        )
    )
    return alt.layer(*bands, happened, forecast).properties(height=320)


def skill_by_horizon(backtest: pd.DataFrame, live: pd.DataFrame) -> alt.LayerChart:
    """Draw the skill by hours ahead: 1 is perfect, 0 is as good as repeating the day before, and below -1 is cut.

    Args:
        backtest: rows of `forecast_metrics` of one car park.
        live: `horizon_hours` and `skill` of forecasts that have come true; may be empty.
    """
    promised = backtest.loc[backtest["horizon_hours"] > 0, ["horizon_hours", "skill"]].assign(series="backtest")
    shown = pd.concat([promised, live[["horizon_hours", "skill"]].assign(series="live")], ignore_index=True).dropna()
    lines = (
        alt.Chart(shown)
        .mark_line(point=True, clip=True)
        .encode(
            alt.X("horizon_hours:Q", title="hours ahead", axis=alt.Axis(tickMinStep=1)),
            alt.Y("skill:Q", title="skill", scale=alt.Scale(domain=[-1, 1])),
            alt.Color(
                "series:N",
                scale=alt.Scale(domain=["backtest", "live"], range=[MODEL, OBSERVED]),
                legend=alt.Legend(title=None, orient="top"),
            ),
            tooltip=["series", "horizon_hours", alt.Tooltip("skill", format=".2f")],
        )
    )
    naive = alt.Chart(pd.DataFrame({"skill": [0]})).mark_rule(color=BASELINE, strokeDash=[4, 4]).encode(alt.Y("skill:Q"))
    return alt.layer(naive, lines).properties(height=280)


def feed_days(health: pd.DataFrame) -> alt.Chart:
    """Draw what the hours of each day are made of.

    Args:
        health: as `tables.donostia.feed_health` returns it.
    """
    names = {column: name for column, (name, _) in _STATES.items()}
    shown = health.rename(columns=names).melt(["local_date"], list(names.values()), "state", "share_pct")
    shown = shown.assign(day=shown["local_date"].astype(str), order=shown["state"].map(list(names.values()).index))
    return (
        alt.Chart(shown[["day", "state", "share_pct", "order"]])
        .mark_bar()
        .encode(
            alt.X("day:O", title=None, axis=alt.Axis(labelAngle=-45, labelOverlap=True)),
            alt.Y("share_pct:Q", title="% of the hours", scale=alt.Scale(domain=[0, 100])),
            alt.Color(
                "state:N",
                scale=alt.Scale(domain=list(names.values()), range=[colour for _, colour in _STATES.values()]),
                legend=alt.Legend(title=None, orient="top", columns=3),
            ),
            order=alt.Order("order:Q"),
            tooltip=["day", "state", alt.Tooltip("share_pct", title="%", format=".1f")],
        )
        .properties(height=260)
    )


def _by_local_clock(frame: pd.DataFrame, time_zone: str) -> pd.DataFrame:
    """Return the rows with `hour`, the city's clock without a zone: a browser would show its own otherwise."""
    local = frame["hour_at"].dt.tz_convert(time_zone).dt.tz_localize(None)
    return frame.assign(hour=local.dt.strftime("%Y-%m-%dT%H:%M:%S")).drop(columns="hour_at").select_dtypes(exclude="datetimetz")
