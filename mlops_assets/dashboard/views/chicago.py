"""The page of Chicago: arrests on a map, drift over months."""

from __future__ import annotations

import streamlit as st

from mlops_assets.dashboard.charts import chicago as charts
from mlops_assets.dashboard.reading import choose, read, section, show_chart
from mlops_assets.dashboard.tables.chicago import (
    AreaKind,
    arrests_by_area,
    crimes_by_cell,
    read_crimes,
    read_drift,
    read_months,
    read_stations,
)

_AREAS: dict[str, AreaKind] = {"nearest police station": "nearest_station_code", "police district": "district_code"}


def show() -> None:
    """Draw the page."""
    st.title("Chicago crimes", anchor=False)
    with section("Arrests by area"):
        _show_map()
    with section("Drift"):
        _show_drift()


def _show_map() -> None:
    left, middle, right = st.columns(3)
    month = choose("Month", read(read_months), where=left)
    kind = _AREAS[choose("Area", list(_AREAS), where=middle)]
    shown = choose("Colour", list(charts.SHOWN), format_func=charts.SHOWN.__getitem__, where=right)
    crimes = read(read_crimes, month)
    areas = arrests_by_area(crimes, read(read_stations), kind)
    with st.container(horizontal=True):
        st.metric("Crimes scored", f"{len(crimes):,}")
        st.metric("Arrests recorded", f"{crimes['is_arrest'].sum():,}")
        st.metric("Arrests predicted", f"{crimes['arrest_probability'].sum():,.0f}")
    show_chart(charts.arrest_map(areas, crimes_by_cell(crimes), shown))
    st.caption(
        "A circle is as large as its crimes are many. Predicted arrests are the sum of the crimes' probabilities. Arrests are "
        "recorded up to months after a crime, so the newest month has fewer than it will have."
    )
    with st.expander("As a table"):
        columns = ["area_name", "crime_count", "recorded_count", "expected_count", "recorded_share", "expected_share"]
        table = areas[columns].sort_values("crime_count", ascending=False).round(1)
        st.dataframe(table.rename(columns=lambda name: name.replace("_", " ")), hide_index=True)


def _show_drift() -> None:
    drift = read(read_drift)
    st.caption(
        "Population stability index between a month and what its model was trained on: below 0.1 is stable, above 0.2 is drift."
    )
    show_chart(charts.drift_heatmap(drift))
    metrics = sorted(drift.loc[drift["kind"] == "quality", "feature"].unique())
    if metrics:
        metric = choose("Metric of the model in each month", metrics, format_func=lambda name: name.replace("_", " "))
        show_chart(charts.live_quality(drift, metric))
