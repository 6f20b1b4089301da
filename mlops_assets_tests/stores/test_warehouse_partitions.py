"""What stands in the partition column of a warehouse table, by the column's type and the kind of partition."""

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.contracts import ColumnType
from mlops_assets.errors import ContractError
from mlops_assets.partition import Partition
from mlops_assets.stores.warehouse.partitions import PartitionValue, partition_value, stored_partitions
from mlops_assets_tests.tables import plays_by

CHICAGO, MADRID = ZoneInfo("America/Chicago"), ZoneInfo("Europe/Madrid")


def window(start: datetime, **length: float) -> tuple[datetime, datetime]:
    """Return a window of some length by the clock."""
    return start, start + timedelta(**length)


MONTH = Partition("month", "2024-03", window(datetime(2024, 3, 1, tzinfo=CHICAGO), days=31))
SHORT_DAY = Partition("day", "2024-03-31", window(datetime(2024, 3, 31, tzinfo=MADRID), days=1))
HOUR = Partition("hour", "2024-10-27-02:00+0100", window(datetime(2024, 10, 27, 2, fold=1, tzinfo=MADRID), hours=1))
FILE = Partition("playlist", "rock.csv")


@pytest.mark.parametrize(
    ("type_", "partition", "value"),
    [
        ("date", MONTH, date(2024, 3, 1)),
        ("date", Partition("month", "2024-03"), date(2024, 3, 1)),
        ("date", SHORT_DAY, date(2024, 3, 31)),
        ("date", Partition("day", "2024-03-31"), date(2024, 3, 31)),
        ("timestamp", MONTH, datetime(2024, 3, 1, 6, tzinfo=timezone.utc)),
        ("timestamp", HOUR, datetime(2024, 10, 27, 1, tzinfo=timezone.utc)),
        ("timestamp", Partition("day", "2024-03-31"), datetime(2024, 3, 31, tzinfo=timezone.utc)),
        ("string", HOUR, "2024-10-27-02:00+0100"),
        ("string", FILE, "rock.csv"),
    ],
)
def test_column_holds_the_beginning_or_the_key(type_: ColumnType, partition: Partition, value: PartitionValue) -> None:
    """A day where its calendar is followed, a time in UTC, or the key as it is."""
    assert partition_value(plays_by(type_), partition) == value


@pytest.mark.parametrize(
    ("type_", "partition", "reason"),
    [
        ("date", HOUR, "hour .* shares its day with other partitions"),
        ("date", Partition("hour", "2024-03-31-06:00", window(datetime(2024, 3, 31, 6, tzinfo=MADRID), hours=6)), "shares its day"),
        ("date", FILE, "playlist rock.csv is no time, as the partition column 'part' needs; make the column a string"),
        ("timestamp", FILE, "is no time"),
        ("float64", MONTH, "partition column 'part' is float64; use date, timestamp or string"),
    ],
)
def test_what_the_column_cannot_tell_apart_is_refused(type_: ColumnType, partition: Partition, reason: str) -> None:
    """Nothing is written where it would replace the rows of another partition."""
    with pytest.raises(ContractError, match=f"weather/plays: .*{reason}"):
        partition_value(plays_by(type_), partition)


@given(
    st.one_of(
        st.tuples(st.just("date"), st.dates()),
        st.tuples(st.just("timestamp"), st.datetimes(timezones=st.just(timezone.utc))),
        st.tuples(st.just("string"), st.text()),
    )
)
def test_stored_partition_is_found_again(column_and_value: tuple[ColumnType, PartitionValue]) -> None:
    """Whatever a table lists can be read and replaced, so that a copy of a table misses nothing."""
    type_, value = column_and_value
    (partition,) = stored_partitions(plays_by(type_), [value, None])
    assert partition_value(plays_by(type_), partition) == value
