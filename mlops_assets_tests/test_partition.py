"""What a partition is: equal by dimension and key, and a level of a path that says both."""

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.foreign_files import is_foreign
from mlops_assets.partition import Partition, key_of_path_level

NEW_YEAR = datetime(2024, 1, 1, tzinfo=timezone.utc)


def test_dimension_and_key_are_what_a_partition_is() -> None:
    """Whether somebody has looked up its window makes no other partition of it."""
    assert Partition("month", "2024-01", (NEW_YEAR, NEW_YEAR.replace(month=2))) == Partition("month", "2024-01")
    assert Partition("day", "2024-01") != Partition("month", "2024-01")
    assert str(Partition("month", "2024-01")) == "month 2024-01"


@pytest.mark.parametrize(
    ("partition", "level"),
    [
        (Partition("month", "2024-01"), "month=2024-01"),
        (Partition("hour", "2024-10-27-02:00+0100"), "hour=2024-10-27-02%3A00%2B0100"),
        (Partition("playlist", "rock/pop = 50%"), "playlist=rock%2Fpop%20%3D%2050%25"),
    ],
)
def test_path_level_is_one_level(partition: Partition, level: str) -> None:
    """Months and days look as they always did; what means something in a path is encoded as Hive encodes it."""
    assert partition.path_level == level


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_key_comes_back_from_its_path_level(key: str) -> None:
    """Whatever people call their files, the lake lists the keys that were written, and a key never leaves its folder."""
    level = Partition("playlist", key).path_level
    assert key_of_path_level(level) == key
    assert "/" not in level
    assert not is_foreign(f"{level}/data.parquet")
