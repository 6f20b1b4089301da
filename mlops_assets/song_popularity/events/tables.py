"""Tables made of events: those that the original's dashboards read, and one row per track."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from mlops_assets.contracts.frames import empty_frame
from mlops_assets.song_popularity.contracts import EVENTS, ORIGINAL_LEVELS, SPOTIFY_EVENTS, TRACKS
from mlops_assets.song_popularity.levels import level_of
from mlops_assets.song_popularity.model_contracts import COUNTRY_COLUMNS, SPOTIFY_PREDICTIONS

if TYPE_CHECKING:
    import pandas as pd

_NEWEST = ("track_name", "artist", "album", "album_release_date", "genre")


def as_spotify_events(events: pd.DataFrame, day: date) -> pd.DataFrame:
    """Return rows of `spotify_events` for the events of a day."""
    table = events.rename(columns={"event_at": "event_timestamp", "landed_at": "ingestion_timestamp"})
    return table.assign(
        event_date=day,
        hour_of_day=events["event_at"].dt.hour.astype("int32"),
        popularity_level=level_of(events["popularity"]).map(ORIGINAL_LEVELS).astype("string[pyarrow]"),
    )[SPOTIFY_EVENTS.column_names]


def as_spotify_predictions(predictions: pd.DataFrame, day: date) -> pd.DataFrame:
    """Return rows of `spotify_predictions` for the predictions of a day."""
    flags = {f"country_{code.lower()}": (predictions["country"] == code).astype("int32") for code in COUNTRY_COLUMNS}
    return predictions.rename(columns={"predicted_at": "prediction_timestamp"}).assign(
        event_date=day,
        hour_of_day=predictions["event_at"].dt.hour.astype("int32"),
        event_type_search_result=(predictions["event_type"] == "search_result").astype("int32"),
        popularity_level=predictions["predicted_class"].map(ORIGINAL_LEVELS).astype("string[pyarrow]"),
        **flags,
    )[SPOTIFY_PREDICTIONS.column_names]


def build_tracks(days: Iterable[pd.DataFrame], history: pd.DataFrame) -> pd.DataFrame:
    """Return one row per track: the newest known values of each column, and how often, when and where it was seen.

    Args:
        days: rows of `events`, day by day in the order of time; one day at a time is in memory.
        history: rows of `history`, older than every event.
    """
    import pandas as pd

    known = history.assign(event_count=0, countries="")[["track_id", *_NEWEST, "popularity", "event_count", "countries"]]
    for events in [empty_frame(EVENTS), *days] if history.empty else days:
        known = _updated(known, events)
    known["countries"] = known["countries"].replace("", pd.NA).astype("string[pyarrow]")
    known["event_count"] = known["event_count"].astype("int64")
    for name in ("popularity_known_at", "first_seen_at", "last_seen_at"):
        known[name] = (
            pd.to_datetime(known[name], utc=True) if name in known else pd.Series(pd.NaT, known.index, "datetime64[us, UTC]")
        )
    return known.sort_values("track_id", ignore_index=True)[TRACKS.column_names]


def _updated(known: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    if events.empty:
        return known
    ordered = events.sort_values(["event_at", "event_id"], kind="stable")
    with_popularity = ordered[ordered["popularity"].notna()]
    by_track = ordered.groupby("track_id")
    # `last` passes over empty values: what is newest of each column.
    newest = by_track[list(_NEWEST)].last()
    # Of a day without an unknown one, the column is read as plain whole numbers, which take no unknown ones in later.
    newest["popularity"] = with_popularity.groupby("track_id")["popularity"].last().astype("Int32")
    newest["popularity_known_at"] = with_popularity.groupby("track_id")["event_at"].last()
    newest["first_seen_at"], newest["last_seen_at"] = by_track["event_at"].min(), by_track["event_at"].max()
    newest["event_count"] = by_track.size()
    newest["countries"] = by_track["country"].agg(lambda codes: ", ".join(sorted(set(codes))))
    former = known.set_index("track_id").astype({"popularity": "Int32"})
    joined = newest.combine_first(former)
    both = newest.index.intersection(former.index)
    joined.loc[both, "event_count"] = newest.loc[both, "event_count"] + former.loc[both, "event_count"]
    if "first_seen_at" in former:
        joined.loc[both, "first_seen_at"] = former.loc[both, "first_seen_at"].fillna(newest.loc[both, "first_seen_at"])
    joined.loc[both, "countries"] = [
        ", ".join(sorted({*filter(None, old.split(", ")), *new.split(", ")}))
        for old, new in zip(former.loc[both, "countries"], newest.loc[both, "countries"], strict=True)
    ]
    return pd.DataFrame(joined).reset_index()
