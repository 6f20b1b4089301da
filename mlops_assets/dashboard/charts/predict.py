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
    """Draw by how much each of the strongest inputs moved the score; those that did not are left out."""
    strongest = [effect for effect in effects if effect.effect][:_SHOWN_EFFECTS]
    shown = pd.DataFrame(
        {
            "input": [effect.name for effect in strongest],
            "value": [_text(effect.value) for effect in strongest],
            "typical": [_text(effect.typical) for effect in strongest],
            "effect": [effect.effect for effect in strongest],
        }
    )
    return (
        alt.Chart(shown)
        .mark_bar(cornerRadius=2)
        .encode(
            alt.X("effect:Q", title="change of the probability", axis=alt.Axis(format="+.2f")),
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
