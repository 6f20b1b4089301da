"""What a day of events looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.ml.plots import plot_bars

if TYPE_CHECKING:
    import pandas as pd


def draw_day(events: pd.DataFrame) -> dict[str, bytes]:
    """Draw, as PNG pictures by name, how many events there were by hour, and by country and kind."""
    hours = events["event_at"].dt.hour.value_counts().reindex(range(24), fill_value=0)
    kinds = events.groupby(["event_type", "country"]).size().nlargest(15)
    return {
        "events_by_hour": plot_bars([f"{hour:02d} h" for hour in hours.index], hours.to_numpy(), "Events by hour (UTC)", "events"),
        "events_by_kind": plot_bars(
            [f"{kind}, {code}" for kind, code in kinds.index], kinds.to_numpy(), "Events by kind", "events"
        ),
    }
