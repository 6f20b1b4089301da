"""The chart of an explanation."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from mlops_assets.dashboard.clients import Effect
from mlops_assets.dashboard.theme import NO, YES

_SHOWN_EFFECTS = 10
_ROW_HEIGHT = 26


def explanation(effects: Sequence[Effect]) -> alt.Chart:
    """Draw by how much each of the strongest inputs moved the score."""
    shown = pd.DataFrame(
        {
            "input": [effect.name for effect in effects],
            "value": [_text(effect.value) for effect in effects],
            "typical": [_text(effect.typical) for effect in effects],
            "effect": [effect.effect for effect in effects],
        }
    ).head(_SHOWN_EFFECTS)
    return (
        alt.Chart(shown)
        .mark_bar(cornerRadius=2)
        .encode(
            alt.X("effect:Q", title="change of the probability against the typical value", axis=alt.Axis(format="+.2f")),
            alt.Y("input:N", title=None, sort=None, axis=alt.Axis(labelOverlap=False)),
            color=alt.condition(alt.datum.effect > 0, alt.value(YES), alt.value(NO)),
            tooltip=["input", "value", "typical", alt.Tooltip("effect", format="+.3f")],
        )
        .properties(height=_ROW_HEIGHT * len(shown) + 70)
    )


def _text(value: object) -> str:
    if value is None:
        return "unknown"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
