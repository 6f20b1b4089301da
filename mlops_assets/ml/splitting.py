"""Split a labelled frame into a training and a test part, before anything is fitted on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.errors import ContractError, NotEnoughDataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def split_by_time(frame: pd.DataFrame, time_column: str, test_share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put the last share of rows by time into the test part, the rest into the training part.

    A model is used on what comes after its training data, so this is the split whose figures can be believed. Rows with
    the same time never straddle the cut: all of them go to the test part, which therefore holds at least its share of
    rows, and every training time lies strictly before every test time.

    Args:
        frame: Rows in any order.
        time_column: Column that orders the rows; without missing values.
        test_share: Share of rows for the test part, between 0 and 1.

    Returns:
        Training and test part, each sorted by time and, within one time, in the order of `frame`; both with a fresh
        index from 0.

    Raises:
        ContractError: The column is not there, or some of its values are missing.
        NotEnoughDataError: One of the parts would be empty.
    """
    import numpy as np

    times = _codes_without_missing(frame, time_column, is_sorted=True)
    test_rows = _test_row_count(len(frame), test_share)
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    cut = int(np.searchsorted(ordered, ordered[-test_rows], side="left"))
    if cut == 0:
        raise NotEnoughDataError(
            f"No row is left for training when {len(frame)} rows are split by '{time_column}': all rows before the cut "
            "share the time of the first test row. Use a longer window, a smaller test share, or a random split."
        )
    return _take(frame, order[:cut]), _take(frame, order[cut:])


def split_at_random(frame: pd.DataFrame, stratify_column: str, test_share: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw the test part at random, with the same shares of the values of one column in both parts.

    Args:
        frame: Rows in any order.
        stratify_column: Column whose shares are kept, usually the outcome; without missing values.
        test_share: Share of rows for the test part, between 0 and 1.
        seed: Seed of the draw.

    Returns:
        Training and test part, each in the order of `frame` and with a fresh index from 0.

    Raises:
        ContractError: The column is not there, or some of its values are missing.
        NotEnoughDataError: A value occurs only once, or a part is too small to hold every value.
    """
    import numpy as np
    from sklearn.model_selection import train_test_split

    classes = _codes_without_missing(frame, stratify_column)
    test_rows = _test_row_count(len(frame), test_share)
    rows_per_class = np.bincount(classes)
    if rows_per_class.min() < 2 or min(test_rows, len(frame) - test_rows) < len(rows_per_class):
        raise NotEnoughDataError(
            f"{len(frame)} rows cannot be split into {len(frame) - test_rows} and {test_rows} with every one of the "
            f"{len(rows_per_class)} values of '{stratify_column}' in both parts; the rarest has "
            f"{rows_per_class.min()} row(s). Use a longer window."
        )
    train, test = train_test_split(np.arange(len(frame)), test_size=test_rows, stratify=classes, random_state=seed)
    return _take(frame, np.sort(train)), _take(frame, np.sort(test))


def _codes_without_missing(frame: pd.DataFrame, column: str, *, is_sorted: bool = False) -> np.ndarray:
    """Number the values of a column, so that any column type can be ordered, compared and counted as integers."""
    import pandas as pd

    if column not in frame.columns:
        raise ContractError(f"Cannot split by '{column}': the frame has only the columns {', '.join(map(str, frame.columns))}.")
    codes, _ = pd.factorize(frame[column], sort=is_sorted)
    missing = int((codes < 0).sum())
    if missing:
        raise ContractError(f"Cannot split by '{column}': {missing} of {len(frame)} values are missing.")
    return codes


def _test_row_count(row_count: int, test_share: float) -> int:
    if not 0 < test_share < 1:
        raise ValueError(f"The test share must lie between 0 and 1, not {test_share}.")
    test_rows = max(1, round(row_count * test_share))
    if test_rows >= row_count:
        raise NotEnoughDataError(f"{row_count} row(s) cannot be split into a training and a test part.")
    return test_rows


def _take(frame: pd.DataFrame, positions: np.ndarray) -> pd.DataFrame:
    part = frame.take(positions)
    return part.reset_index(drop=True)
