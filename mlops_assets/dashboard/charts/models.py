"""Charts of models: the champion beside its baselines, and when which version was trained and promoted."""

from __future__ import annotations

import altair as alt
import pandas as pd

from mlops_assets.dashboard.theme import BASELINE, MODEL

_ROW_HEIGHT = 26


def beside_baselines(metrics: pd.DataFrame, metric: str) -> alt.Chart:
    """Draw one metric of the model and of each baseline.

    Args:
        metrics: `metric`, `predictor` and `value`; the model is called `model`.
        metric: which of them.
    """
    shown = metrics.loc[metrics["metric"] == metric].assign(predictor=lambda frame: frame["predictor"].str.replace("_", " "))
    return (
        alt.Chart(shown)
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            alt.X("value:Q", title=metric.replace("_", " ")),
            alt.Y("predictor:N", title=None, sort=None, axis=alt.Axis(labelLimit=170, labelOverlap=False)),
            alt.Color(
                "predictor:N",
                scale=alt.Scale(domain=list(shown["predictor"]), range=_colours(shown["predictor"])),
                legend=None,
            ),
            tooltip=["predictor", alt.Tooltip("value", format=".4~g")],
        )
        .properties(height=_height(shown))
    )


def training_windows(versions: pd.DataFrame) -> alt.Chart:
    """Draw on which time each version was trained; versions that are or were champion are coloured.

    Args:
        versions: as `tables.models.versions_table` returns them.
    """
    shown = versions.assign(name="version " + versions["version"].astype(str), promoted=versions["promoted at"].notna())
    return (
        alt.Chart(shown)
        .mark_bar(height=12, cornerRadius=2)
        .encode(
            alt.X("trained from:T", title=None),
            alt.X2("trained to:T"),
            alt.Y("name:N", title=None, sort=None, axis=alt.Axis(labelOverlap=False)),
            alt.Color("promoted:N", scale=alt.Scale(domain=[True, False], range=[MODEL, BASELINE]), legend=None),
            tooltip=["name", "role", "partition", "promoted at:T"],
        )
        .properties(height=_height(shown))
    )


def _height(rows: pd.DataFrame) -> int:
    """Return a height that leaves room for the axis below the rows."""
    return _ROW_HEIGHT * len(rows) + 60


def _colours(predictors: pd.Series) -> list[str]:
    return [MODEL if predictor == "model" else BASELINE for predictor in predictors]
