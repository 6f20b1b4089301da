"""Splits keep time in order, keep shares, and refuse what cannot be split."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.errors import ContractError, NotEnoughDataError
from mlops_assets.ml.splitting import split_at_random, split_by_time


def test_last_share_by_time_becomes_the_test_part() -> None:
    """The newest rows are tested, whatever the order in which the frame came."""
    frame = pd.DataFrame({"at": pd.to_datetime(["2024-01-05", "2024-01-01", "2024-01-04", "2024-01-02", "2024-01-03"])})
    train, test = split_by_time(frame, "at", 0.4)
    assert train["at"].dt.day.tolist() == [1, 2, 3]
    assert test["at"].dt.day.tolist() == [4, 5]
    assert train.index.tolist() == [0, 1, 2]
    assert test.index.tolist() == [0, 1]


def test_rows_of_one_time_never_straddle_the_cut() -> None:
    """All rows of the cut's time go to the test part, in their original order."""
    frame = pd.DataFrame({"at": [2, 1, 2, 1, 2], "row": ["a", "b", "c", "d", "e"]})
    train, test = split_by_time(frame, "at", 0.2)
    assert train["row"].tolist() == ["b", "d"]
    assert test["row"].tolist() == ["a", "c", "e"]


def test_one_time_only_cannot_be_split_by_time() -> None:
    """No training row is left when all rows share one time, and the error says so."""
    with pytest.raises(NotEnoughDataError, match="No row is left for training"):
        split_by_time(pd.DataFrame({"at": [1, 1, 1]}), "at", 0.2)


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_are_refused(rows: int) -> None:
    """Neither part may be empty."""
    with pytest.raises(NotEnoughDataError, match=f"{rows} row"):
        split_by_time(pd.DataFrame({"at": [1] * rows}), "at", 0.2)


def test_missing_time_is_refused() -> None:
    """A row without a time has no place in a split by time."""
    with pytest.raises(ContractError, match="1 of 3 values"):
        split_by_time(pd.DataFrame({"at": pd.Series(["2024-01-01", None, "2024-01-02"], dtype="datetime64[ns]")}), "at", 0.5)


def test_unknown_column_is_named() -> None:
    """The error names the column that was asked for and those that are there."""
    with pytest.raises(ContractError, match=r"'at'.*columns when"):
        split_by_time(pd.DataFrame({"when": [1, 2]}), "at", 0.5)


def test_a_share_of_one_is_refused() -> None:
    """A share is between 0 and 1, both excluded."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        split_by_time(pd.DataFrame({"at": [1, 2]}), "at", 1.0)


@given(times=st.lists(st.integers(0, 20), min_size=2, max_size=60), test_share=st.floats(0.05, 0.95))
def test_training_lies_strictly_before_test_and_no_row_is_lost(times: list[int], test_share: float) -> None:
    """Every training time is before every test time, and both parts together are the frame."""
    frame = pd.DataFrame({"at": times, "row": range(len(times))})
    try:
        train, test = split_by_time(frame, "at", test_share)
    except NotEnoughDataError:
        return
    assert train["at"].max() < test["at"].min()
    assert sorted([*train["row"], *test["row"]]) == list(range(len(times)))
    assert len(test) >= round(len(times) * test_share)


def test_random_split_keeps_the_shares_of_the_column() -> None:
    """One in five is yes in the frame and in both parts; the order of rows stays."""
    frame = pd.DataFrame({"is_yes": [True, False, False, False, False] * 10, "row": range(50)})
    train, test = split_at_random(frame, "is_yes", 0.2, seed=3)
    assert (len(train), int(train["is_yes"].sum())) == (40, 8)
    assert (len(test), int(test["is_yes"].sum())) == (10, 2)
    assert train["row"].is_monotonic_increasing
    assert test["row"].is_monotonic_increasing


def test_random_split_depends_on_its_seed_only() -> None:
    """The same seed draws the same rows, another seed others."""
    frame = pd.DataFrame({"is_yes": [True, False] * 50, "row": range(100)})
    first, again, other = (split_at_random(frame, "is_yes", 0.3, seed=seed)[1] for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert first["row"].tolist() != other["row"].tolist()


def test_random_split_refuses_a_value_that_occurs_once() -> None:
    """A value with one row cannot be in both parts."""
    with pytest.raises(NotEnoughDataError, match="rarest has 1"):
        split_at_random(pd.DataFrame({"is_yes": [True] + [False] * 20}), "is_yes", 0.2, seed=0)
