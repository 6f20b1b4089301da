"""Charts of Chicago: the map of arrests, and drift over months."""

from __future__ import annotations

from typing import Literal

import altair as alt
import pandas as pd

from mlops_assets.dashboard.theme import BASELINE, DIVERGING, MODEL, OBSERVED, SEQUENTIAL, WARNING

Shown = Literal["recorded_share", "expected_share", "difference"]
SHOWN: dict[Shown, str] = {
    "expected_share": "predicted",
    "recorded_share": "recorded",
    "difference": "predicted less recorded",
}
_PSI_LIMITS = (0.1, 0.2)


def arrest_map(areas: pd.DataFrame, cells: pd.DataFrame, shown: Shown) -> alt.LayerChart:
    """Draw a circle for each area, as large as its crimes are many, over the shape that the crimes give to the city.

    Args:
        areas: as `tables.chicago.arrests_by_area` returns them.
        cells: as `tables.chicago.crimes_by_cell` returns them.
        shown: what the colour of a circle says.
    """
    position = {"longitude": alt.Longitude("longitude_deg:Q"), "latitude": alt.Latitude("latitude_deg:Q")}
    city = alt.Chart(cells).mark_square(size=22, color=BASELINE, opacity=0.25).encode(**position)
    circles = (
        alt.Chart(areas)
        .mark_circle(stroke="white", strokeWidth=1, opacity=0.9)
        .encode(
            **position,
            size=alt.Size("crime_count:Q", scale=alt.Scale(range=[80, 700]), legend=None),
            color=alt.Color(
                f"{shown}:Q", scale=_scale(areas, shown), legend=alt.Legend(title="% of crimes", orient="top", gradientLength=160)
            ),
            tooltip=[
                alt.Tooltip("area_name", title="area"),
                alt.Tooltip("crime_count", title="crimes", format=","),
                alt.Tooltip("recorded_count", title="arrests recorded", format=","),
                alt.Tooltip("expected_count", title="arrests predicted", format=",.0f"),
                alt.Tooltip("recorded_share", title="recorded, %", format=".1f"),
                alt.Tooltip("expected_share", title="predicted, %", format=".1f"),
            ],
        )
    )
    return alt.layer(city, circles).project("mercator").properties(height=540)


def _scale(areas: pd.DataFrame, shown: Shown) -> alt.Scale:
    """Give predicted and recorded shares the same scale, and differences one with its middle at 0."""
    if shown == "difference":
        bound = float(areas["difference"].abs().max()) or 1.0
        return alt.Scale(scheme=DIVERGING, domain=[-bound, bound], reverse=True)
    both = areas[["recorded_share", "expected_share"]]
    return alt.Scale(scheme=SEQUENTIAL, domain=[float(both.min().min()), float(both.max().max())])


def drift_heatmap(drift: pd.DataFrame) -> alt.Chart:
    """Draw the population stability index of every column in every month; those beyond the limit of drift stand out.

    Args:
        drift: rows of `arrest_drift`.
    """
    columns = drift.loc[(drift["kind"] != "quality") & drift["psi"].notna()]
    shown = columns.assign(month=columns["month"].astype(str).str[:7])
    order = list(shown.groupby("feature")["psi"].max().sort_values(ascending=False).index)
    stable, drifted = _PSI_LIMITS
    colours = alt.Scale(type="threshold", domain=[stable, drifted], range=["#dbeafe", "#60a5fa", WARNING])
    return (
        alt.Chart(shown[["month", "feature", "psi", "is_over_limit"]])
        .mark_rect(stroke="white")
        .encode(
            alt.X("month:O", title=None, axis=alt.Axis(labelAngle=-45, labelOverlap=True)),
            alt.Y("feature:N", title=None, sort=order, axis=alt.Axis(labelLimit=150, labelOverlap=False)),
            alt.Color("psi:Q", scale=colours, legend=alt.Legend(title="PSI", orient="top", gradientLength=160)),
            tooltip=["month", "feature", alt.Tooltip("psi", format=".3f"), "is_over_limit"],
        )
        .properties(height=22 * len(order) + 140)
    )


def live_quality(drift: pd.DataFrame, metric: str) -> alt.Chart:
    """Draw a metric month by month: what the validation promised, and what was observed.

    Args:
        drift: rows of `arrest_drift`.
        metric: one of those whose kind is `quality`.
    """
    rows = drift.loc[(drift["kind"] == "quality") & (drift["feature"] == metric)]
    shown = (
        rows.assign(month=rows["month"].astype(str).str[:7])
        .rename(columns={"reference_value": "promised", "current_value": "observed"})
        .melt(["month"], ["promised", "observed"], "series", "value")
        .dropna()
    )
    return (
        alt.Chart(shown)
        .mark_line(point=True)
        .encode(
            alt.X("month:O", title=None, axis=alt.Axis(labelAngle=-45, labelOverlap=True)),
            alt.Y("value:Q", title=metric.replace("_", " "), scale=alt.Scale(zero=False)),
            alt.Color(
                "series:N",
                scale=alt.Scale(domain=["promised", "observed"], range=[MODEL, OBSERVED]),
                legend=alt.Legend(title=None, orient="top"),
            ),
            tooltip=["month", "series", alt.Tooltip("value", format=".4f")],
        )
        .properties(height=240)
    )
