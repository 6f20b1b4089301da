"""Charts of songs: how the two sides of the label differ, feature by feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from mlops_assets.dashboard.theme import DIVERGING, NO, YES

if TYPE_CHECKING:
    from collections.abc import Sequence

LIKED, NOT_LIKED = "liked", "not liked"
_LABEL_COLOURS = alt.Scale(domain=[LIKED, NOT_LIKED], range=[YES, NO])
_BINS = 24
_SHOWN_POINTS = 1_500


def distribution(songs: pd.DataFrame, feature: str) -> alt.Chart:
    """Draw which share of the liked and of the other songs has which values of a feature."""
    return (
        alt.Chart(binned(songs, feature))
        .mark_bar(opacity=0.6)
        .encode(
            alt.X("low:Q", title=feature, scale=alt.Scale(zero=False)),
            alt.X2("high:Q"),
            alt.Y("share_pct:Q", title="% of the songs", stack=None),
            alt.Y2(datum=0),
            alt.Color("label:N", scale=_LABEL_COLOURS, legend=alt.Legend(title=None, orient="top")),
            tooltip=["label", alt.Tooltip("low", format=".3~g"), alt.Tooltip("high", format=".3~g"), "song_count"],
        )
        .properties(height=260)
    )


def binned(songs: pd.DataFrame, feature: str) -> pd.DataFrame:
    """Count songs of each label in equal bins: `label`, `low`, `high`, `song_count`, `share_pct` (of the songs of the label)."""
    values = songs[feature].to_numpy(dtype=float)
    edges = np.histogram_bin_edges(values[~np.isnan(values)], bins=_BINS)
    frames = []
    for label, is_liked in ((LIKED, True), (NOT_LIKED, False)):
        of_label = values[(songs["is_liked"] == is_liked).to_numpy(dtype=bool) & ~np.isnan(values)]
        counts, _ = np.histogram(of_label, edges)
        shares = 100 * counts / max(len(of_label), 1)
        frames.append(
            pd.DataFrame({"label": label, "low": edges[:-1], "high": edges[1:], "song_count": counts, "share_pct": shares})
        )
    return pd.concat(frames, ignore_index=True)


def pairs(songs: pd.DataFrame, across: str, up: str) -> alt.Chart:
    """Draw a point for each song; of many songs, as many as can be told apart, spread evenly over the table."""
    step = -(-len(songs) // _SHOWN_POINTS)
    points = songs.iloc[::step].assign(label=lambda frame: np.where(frame["is_liked"], LIKED, NOT_LIKED))
    return (
        alt.Chart(points[list(dict.fromkeys([across, up, "title", "artist", "label"]))])
        .mark_circle(size=36, opacity=0.6)
        .encode(
            alt.X(f"{across}:Q", scale=alt.Scale(zero=False)),
            alt.Y(f"{up}:Q", scale=alt.Scale(zero=False)),
            alt.Color("label:N", scale=_LABEL_COLOURS, legend=alt.Legend(title=None, orient="top")),
            tooltip=["title:N", "artist:N", "label:N", f"{across}:Q", f"{up}:Q"],
        )
        .properties(height=340)
    )


def correlation(songs: pd.DataFrame, features: Sequence[str]) -> alt.Chart:
    """Draw the rank correlation (Spearman) of every two features, and of each with the label."""
    return (
        alt.Chart(correlations(songs, features))
        .mark_rect()
        .encode(
            alt.X("across:N", title=None, sort=None, axis=alt.Axis(labelAngle=-90, labelOverlap=False)),
            alt.Y("up:N", title=None, sort=None, axis=alt.Axis(labelOverlap=False)),
            alt.Color(
                "correlation:Q",
                scale=alt.Scale(scheme=DIVERGING, domain=[-1, 1], reverse=True),
                legend=alt.Legend(title=None, orient="top", gradientLength=160),
            ),
            tooltip=["across", "up", alt.Tooltip("correlation", format="+.2f")],
        )
        .properties(height=540)
    )


def correlations(songs: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """Return the rank correlations in long form: `up`, `across`, `correlation`; those of constant columns are left out."""
    numbers = songs[["is_liked", *features]].astype(float)
    found = numbers.corr(method="spearman").rename_axis("up").reset_index()
    return found.melt("up", var_name="across", value_name="correlation").dropna()
