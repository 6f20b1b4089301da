"""The rows that a month's model may know, and how they are split into training, validation and test rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mlops_assets.chicago_crimes import TIME_ZONE
from mlops_assets.chicago_crimes.model_contracts import TRAINING_WINDOW
from mlops_assets.errors import NotEnoughDataError
from mlops_assets.ml.splitting import split_at_random, split_by_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd

WINDOW_MONTHS = 12
"""Months before the partition that make its training window: one of each season, as in the original system."""

SplitStrategy = Literal["time", "random"]
_SPLIT_SEED = 42


def build_training_window(crimes: pd.DataFrame, months: Sequence[str], minimum_months: int, minimum_rows: int) -> pd.DataFrame:
    """Return the window's rows, one per crime, ordered by time.

    Args:
        crimes: `enriched_crimes` of the months that are materialized.
        months: the keys of these months.
        minimum_months: fewer months than this are an error.
        minimum_rows: fewer rows than this are an error.

    Raises:
        NotEnoughDataError: too few months or rows, or rows of one outcome only.
    """
    require_months(months, minimum_months)
    window = crimes[TRAINING_WINDOW.column_names].take(_latest_versions_by_time(crimes)).reset_index(drop=True)
    if len(window) < minimum_rows:
        raise NotEnoughDataError(
            f"the training window of {months[0]} to {months[-1]} has {len(window)} rows; at least {minimum_rows} are needed"
        )
    if window["is_arrest"].nunique() < 2:
        raise NotEnoughDataError(
            f"every one of the {len(window)} crimes of {months[0]} to {months[-1]} has the same outcome: nothing can be learned"
        )
    return window


def require_months(months: Sequence[str], minimum_months: int) -> None:
    """Refuse a window of too few months, before anything of it is read.

    Raises:
        NotEnoughDataError: there are fewer.
    """
    if len(months) < minimum_months:
        found = ", ".join(months) or "none"
        raise NotEnoughDataError(
            f"the training window needs at least {minimum_months} of the {WINDOW_MONTHS} months before it; materialized: {found}"
        )


def _latest_versions_by_time(crimes: pd.DataFrame) -> np.ndarray:
    """Return the positions of the newest version of each crime, by the time of the crime.

    Positions instead of sorted frames: of a year of crimes, each sorted copy costs a hundred megabytes.
    """
    import numpy as np

    versions = crimes[["crime_id", "updated_at"]].reset_index(drop=True)
    if versions["crime_id"].duplicated().any():
        # A version that does not say when it was updated is older than any that does.
        versions = versions.sort_values(["updated_at", "crime_id"], kind="stable", na_position="first")
        versions = versions.drop_duplicates("crime_id", keep="last")
    positions = versions.index.to_numpy()
    moments = crimes["occurred_at"].to_numpy(dtype="datetime64[us]")[positions]
    return positions[np.lexsort((versions["crime_id"].to_numpy(), moments))]


def split_training_window(
    window: pd.DataFrame, strategy: SplitStrategy, test_share: float, validation_share: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a window into its development and test rows, and mark the validation rows among the development rows.

    Args:
        window: `training_window`.
        strategy: `time` tests on the latest rows, as the model will be used; `random` draws rows at random, stratified by
            outcome, as the original system did, and flatters every model.
        test_share: share of all rows that are test rows.
        validation_share: share of the development rows that are validation rows.

    Returns:
        `development_split` with `is_validation`, and `test_split`.
    """

    def split(rows: pd.DataFrame, share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
        if strategy == "time":
            return split_by_time(rows, "occurred_at", share)
        return split_at_random(rows, "is_arrest", share, _SPLIT_SEED)

    development, test = split(window, test_share)
    _, validation = split(development[["crime_id", "occurred_at", "is_arrest"]], validation_share)
    return development.assign(is_validation=development["crime_id"].isin(validation["crime_id"])), test


def draw_training_window(window: pd.DataFrame) -> dict[str, bytes]:
    """Draw the arrest rate by month, in which trends and arrests not yet recorded show, as a PNG picture by name."""
    from mlops_assets.ml.plots import plot_series

    local_month = window["occurred_at"].dt.tz_convert(TIME_ZONE).dt.tz_localize(None).dt.to_period("M")
    rates = window.groupby(local_month)["is_arrest"].mean()
    return {"arrest_rate": plot_series(rates.index.astype(str), {"arrest rate": rates}, "Arrest rate by month", "share of crimes")}
