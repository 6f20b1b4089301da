"""Split tracks by time. A track is one row, so that it is never on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def split_tracks(training_set: pd.DataFrame, test_share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return train and test tracks: the latest share of those with an event are for the test, all others for training.

    Args:
        training_set: rows of `training_set`, or some of them.
        test_share: of the tracks that have an event. Without any, of all, by a digest of their ids.
    """
    is_test = _latest(training_set, test_share) if training_set["event_at"].notna().any() else _by_digest(training_set, test_share)
    return training_set[~is_test].reset_index(drop=True), training_set[is_test].reset_index(drop=True)


def _latest(training_set: pd.DataFrame, share: float) -> pd.Series:
    ordered = training_set[training_set["event_at"].notna()].sort_values(["event_at", "track_id"], kind="stable")
    latest = ordered.index[len(ordered) - round(share * len(ordered)) :]
    return training_set.index.to_series().isin(latest)


def _by_digest(training_set: pd.DataFrame, share: float) -> pd.Series:
    from pandas.util import hash_pandas_object

    digests = hash_pandas_object(training_set["track_id"].astype(object), index=False)
    return digests.rank(method="first") > len(training_set) - round(share * len(training_set))
