"""The page of songs."""

from __future__ import annotations

import streamlit as st

from mlops_assets.dashboard.charts import songs as charts
from mlops_assets.dashboard.reading import choose, read, section, show_chart
from mlops_assets.dashboard.tables.songs import read_songs
from mlops_assets.song_preference.contracts import AUDIO_FEATURES, DATASET, FEATURE_NAMES

_EVERYBODY = "all listeners"


def show() -> None:
    """Draw the page."""
    st.title("Songs", anchor=False)
    with section():
        songs = read(read_songs)
        listeners = sorted(songs["listener"].unique())
        listener = choose("Listener", [_EVERYBODY, *listeners]) if len(listeners) > 1 else _EVERYBODY
        chosen = songs if listener == _EVERYBODY else songs[songs["listener"] == listener]
        with st.container(horizontal=True):
            st.metric("Songs", f"{len(chosen):,}")
            st.metric("Liked", f"{chosen['is_liked'].mean():.0%}")
            st.metric("Listeners", chosen["listener"].nunique())
        with section("Distribution"):
            feature = choose("Feature", FEATURE_NAMES, FEATURE_NAMES.index("danceability"), key="distribution")
            st.caption(next(column.description for column in AUDIO_FEATURES if column.name == feature))
            show_chart(charts.distribution(chosen, feature))
        with section("Pairs"):
            across, up = st.columns(2)
            first = choose("Across", FEATURE_NAMES, FEATURE_NAMES.index("energy"), where=across)
            second = choose("Up", FEATURE_NAMES, FEATURE_NAMES.index("acousticness"), where=up)
            show_chart(charts.pairs(chosen, first, second))
        with section("Correlation"):
            st.caption("Rank correlation (Spearman) of the features, and of each with the label `is_liked`.")
            show_chart(charts.correlation(chosen, FEATURE_NAMES))
        st.caption(f"From `{DATASET.label}`: {DATASET.description}")
