"""A window holds each crime once, in order of time; fitting rows come before validation rows, and these before test rows."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.chicago_crimes.model_contracts import DEVELOPMENT_SPLIT, TEST_SPLIT, TRAINING_WINDOW
from mlops_assets.chicago_crimes.modelling.training_window import build_training_window, split_training_window
from mlops_assets.contracts.checking import find_violations
from mlops_assets.contracts.frames import to_arrow
from mlops_assets.errors import NotEnoughDataError
from mlops_assets_tests.chicago_crimes.tiny_crimes import enriched_crimes, prepared

_MONTHS = ["2024-01", "2024-02"]


def _window(*months: pd.DataFrame, minimum_months: int = 1, minimum_rows: int = 1, keys: list[str] | None = None) -> pd.DataFrame:
    crimes = pd.concat(months, ignore_index=True)
    return build_training_window(crimes, _MONTHS if keys is None else keys, minimum_months, minimum_rows)


def _crimes(crime_id: list[int], is_arrest: list[bool], updated: str | list[str], **columns: Any) -> pd.DataFrame:
    return enriched_crimes(crime_id=crime_id, is_arrest=is_arrest, updated_at=pd.to_datetime(updated, utc=True), **columns)


def test_newest_version_of_a_crime_wins_across_months() -> None:
    """A crime whose date was corrected is in two partitions; the later record counts, wherever it stands."""
    older = _crimes([1, 2], [False, False], "2024-02-01")
    newer = _crimes([1, 3], [True, False], "2024-03-01")
    for months in ((older, newer), (newer, older)):
        window = _window(*months).set_index("crime_id")
        assert window.index.is_unique
        assert window["is_arrest"].to_dict() == {1: True, 2: False, 3: False}


def test_a_version_without_update_time_is_the_oldest() -> None:
    """It is unknown when it was true, so any version that says so is better."""
    undated = _crimes([1, 2], [False, False], "NaT")
    dated = _crimes([1], [True], "2024-01-20")
    for months in ((undated, dated), (dated, undated)):
        assert _window(*months).set_index("crime_id")["is_arrest"].to_dict() == {1: True, 2: False}


def test_rows_are_ordered_by_time_and_then_by_crime() -> None:
    """The order does not depend on the order of partitions or of the rows in them."""
    moments = list(pd.to_datetime(["2024-01-03", "2024-01-01", "2024-01-02", "2024-01-01"], utc=True))
    updates = ["2024-02-01", "2024-02-01", "2024-02-01", "2024-03-01"]
    crimes = _crimes([4, 9, 3, 5], [True, False, False, False], updates, occurred_at=moments)
    window = _window(crimes)
    assert window["crime_id"].tolist() == [5, 9, 3, 4]
    assert window.index.tolist() == [0, 1, 2, 3]
    pd.testing.assert_frame_equal(window, _window(crimes.iloc[::-1]))


def test_too_few_months_say_how_many_are_needed_and_which_are_there() -> None:
    """Whoever reads it knows which partitions to materialize."""
    with pytest.raises(NotEnoughDataError, match=r"at least 6 of the 12 months .* materialized: 2024-01, 2024-02"):
        _window(_crimes([1, 2], [True, False], "2024-02-01"), minimum_months=6)


def test_no_month_at_all_is_said_as_such() -> None:
    """The first month of all has nothing before it."""
    with pytest.raises(NotEnoughDataError, match="materialized: none"):
        _window(_crimes([1, 2], [True, False], "2024-02-01"), keys=[])


def test_too_few_rows_say_how_many_there_are_and_where() -> None:
    """A version that lost to a newer one does not count."""
    same = _crimes([1, 2], [True, False], "2024-02-01")
    with pytest.raises(NotEnoughDataError, match="2024-01 to 2024-02 has 2 rows; at least 3 are needed"):
        _window(same, same, minimum_rows=3)


@pytest.mark.parametrize("is_arrest", [True, False])
def test_one_outcome_only_is_refused(is_arrest: bool) -> None:
    """With arrests only, or none, there is nothing to learn."""
    with pytest.raises(NotEnoughDataError, match="every one of the 2 crimes of 2024-01 to 2024-02 has the same outcome"):
        _window(_crimes([1, 2], [is_arrest, is_arrest], "2024-02-01"))


def test_parts_by_time_never_overlap() -> None:
    """Fitting rows end before validation rows begin, and these before test rows, even where many crimes share a time."""
    window = prepared().window.assign(occurred_at=prepared().window["occurred_at"].dt.floor("7D"))
    train, test = split_training_window(window, "time", 0.2, 0.2)
    fitting, validation = train[~train["is_validation"]], train[train["is_validation"]]
    assert fitting["occurred_at"].max() < validation["occurred_at"].min()
    assert validation["occurred_at"].max() < test["occurred_at"].min()
    assert len(train) + len(test) == len(window)


def test_shares_are_of_the_window_and_of_the_train_rows() -> None:
    """Of ten rows two are tested, and of the other eight two validate."""
    is_arrest = [True, False] * 5
    train, test = split_training_window(_window(_crimes(list(range(1, 11)), is_arrest, "2024-02-01")), "time", 0.2, 0.25)
    assert train["crime_id"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert train["is_validation"].tolist() == [False] * 6 + [True] * 2
    assert test["crime_id"].tolist() == [9, 10]


def test_random_split_is_stratified_and_shares_no_crime() -> None:
    """Every part has the arrest share of the whole, rows of all times, and its crimes for itself."""
    window = prepared().window
    train, test = split_training_window(window, "random", 0.2, 0.2)
    parts = [train[~train["is_validation"]], train[train["is_validation"]], test]
    assert [len(part) for part in parts] == [3_200, 800, 1_000]
    assert sorted(np.concatenate([part["crime_id"] for part in parts])) == sorted(window["crime_id"])
    for part in parts:
        assert part["is_arrest"].mean() == pytest.approx(window["is_arrest"].mean(), abs=1 / len(part))
        assert part["occurred_at"].max() - part["occurred_at"].min() > pd.Timedelta(days=350)


def test_random_split_is_the_same_each_time() -> None:
    """A rerun of the same month trains on the same rows."""
    first, again = (split_training_window(prepared().window, "random", 0.2, 0.2) for _ in range(2))
    pd.testing.assert_frame_equal(first[0], again[0])
    pd.testing.assert_frame_equal(first[1], again[1])


def test_tables_keep_their_contracts() -> None:
    """Window and splits can be stored as they are."""
    of = prepared()
    for frame, contract in ((of.window, TRAINING_WINDOW), (of.development, DEVELOPMENT_SPLIT), (of.test, TEST_SPLIT)):
        assert list(frame.columns) == contract.column_names
        assert to_arrow(frame, contract).num_rows == len(frame)
        assert find_violations(frame, contract).empty
