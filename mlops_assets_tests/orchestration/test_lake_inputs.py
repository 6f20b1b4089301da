"""What an asset gets from the lake: windows of months, some columns, some months, or months one at a time."""

import threading
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.contracts.frames import empty_frame, to_arrow
from mlops_assets.errors import MissingPartitionError
from mlops_assets.orchestration.asset_specs import asset_key, lake_table
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.partitions import months_before
from mlops_assets.partition import Partition
from mlops_assets.stores.lake import LakeAddress
from mlops_assets_tests.orchestration.small_graph import MONTHS, SmallGraph, monthly_readings, readings_of
from mlops_assets_tests.tables import JANUARY, READINGS, RENAMED_READINGS

WINDOW = READINGS.derive("window", "Nothing; the asset only looks at the two months before its own.")


@pytest.fixture
def graph(tmp_path: Path, instance: dg.DagsterInstance) -> SmallGraph:
    """Give a graph with readings of January to March."""
    graph = SmallGraph(tmp_path, instance, READINGS, WINDOW)
    graph.run(monthly_readings, months=("2024-01", "2024-03"))
    return graph


def look_from(graph: SmallGraph, month: str, input_type: type = pd.DataFrame, **metadata: Any) -> Any:
    """Materialize the window of a month and return what the asset got as the readings of the two months before."""
    got = []

    @dg.asset(
        **lake_table(WINDOW),
        partitions_def=MONTHS,
        ins={
            "readings": dg.AssetIn(partition_mapping=months_before(2), metadata=metadata, dagster_type=input_type),
        },
    )
    def window(readings: Any) -> pd.DataFrame:
        got.append(readings)
        return empty_frame(WINDOW)

    graph.run(monthly_readings, window, only=[window], month=month)
    return got[0]


def forget(graph: SmallGraph, month: str) -> None:
    """Remove a partition from the lake, as if it had never been materialized."""
    Path(graph.metadata(monthly_readings)[month]["dagster/uri"]).unlink()


def test_window_is_one_frame_in_the_order_of_months(graph: SmallGraph) -> None:
    """The rows of all partitions of a window come as one frame, the oldest month first, numbered through."""
    frame = look_from(graph, "2024-04")
    assert frame["temperature_c"].tolist() == [2.0, 2.0, 3.0, 3.0, 3.0]
    assert frame.index.tolist() == [0, 1, 2, 3, 4]


def test_first_window_has_fewer_months(graph: SmallGraph) -> None:
    """Before the first partition there is nothing to read: February sees January alone, as a frame like any other."""
    pd.testing.assert_frame_equal(look_from(graph, "2024-02"), look_from(graph, "2024-02", PartitionedFrames)["2024-01"])
    assert look_from(graph, "2024-02")["temperature_c"].tolist() == [1.0]


def test_window_before_all_partitions_is_empty(graph: SmallGraph) -> None:
    """The first month has no months before it: its window has columns and types and no rows."""
    pd.testing.assert_frame_equal(look_from(graph, "2024-01"), empty_frame(READINGS))
    assert look_from(graph, "2024-01", columns=["reading_id"]).dtypes.astype(str).to_dict() == {"reading_id": "int64"}
    assert len(look_from(graph, "2024-01", PartitionedFrames)) == 0


def test_gap_in_the_window_is_an_error(graph: SmallGraph) -> None:
    """A window with a hole must not pass for a whole one; the error names the hole."""
    forget(graph, "2024-02")
    with pytest.raises(MissingPartitionError, match=r"weather/readings, month 2024-02 has not been materialized"):
        look_from(graph, "2024-04")


def test_gap_may_be_skipped(graph: SmallGraph) -> None:
    """An asset that says so gets the months that are there, and can tell which they are."""
    forget(graph, "2024-02")
    assert look_from(graph, "2024-04", skip_missing_partitions=True)["temperature_c"].tolist() == [3.0] * 3
    assert look_from(graph, "2024-04", PartitionedFrames, skip_missing_partitions=True).keys == ("2024-03",)
    forget(graph, "2024-03")
    pd.testing.assert_frame_equal(look_from(graph, "2024-04", skip_missing_partitions=True), empty_frame(READINGS))


def test_columns_are_projected(graph: SmallGraph) -> None:
    """An asset that names the columns it wants gets these, in its order."""
    frame = look_from(graph, "2024-04", columns=["temperature_c", "reading_id"])
    assert frame.columns.tolist() == ["temperature_c", "reading_id"]
    assert len(frame) == 5


def test_window_over_a_rename_has_todays_names(graph: SmallGraph) -> None:
    """Partitions of the release before a column was renamed and of the one after are one frame, whole or by column."""
    march = readings_of("2024-03").rename(columns=RENAMED_READINGS.former_names)
    address = LakeAddress((READINGS.domain, READINGS.name), Partition("month", "2024-03"))
    graph.lake.write(address, to_arrow(march, RENAMED_READINGS))
    graph.contracts[asset_key(READINGS)] = RENAMED_READINGS
    assert look_from(graph, "2024-04")["air_temperature_c"].tolist() == [2.0, 2.0, 3.0, 3.0, 3.0]
    projected = look_from(graph, "2024-04", columns=["air_temperature_c"])
    assert projected["air_temperature_c"].tolist() == [2.0, 2.0, 3.0, 3.0, 3.0]
    assert read_partition(graph.lake, RENAMED_READINGS, JANUARY)["air_temperature_c"].tolist() == [1.0]


def test_partitioned_frames_are_read_when_looked_at(graph: SmallGraph) -> None:
    """A lazy input reads nothing by itself, so even a missing month costs only those who look at it."""
    forget(graph, "2024-03")
    frames = look_from(graph, "2024-04", PartitionedFrames, columns=["temperature_c"])
    assert isinstance(frames, PartitionedFrames)
    assert frames.keys == ("2024-02", "2024-03")
    assert frames["2024-02"]["temperature_c"].tolist() == [2.0, 2.0]
    with pytest.raises(MissingPartitionError):
        frames["2024-03"]


def test_whole_table_is_one_frame_or_one_partition() -> None:
    """Mapping is lazy, keeps the keys, and can be undone by looking."""
    computed = []

    def load(key: str) -> pd.DataFrame:
        computed.append(key)
        return readings_of(key)

    frames = PartitionedFrames(["2024-01", "2024-02"], load).map(lambda frame: frame.head(1))
    assert computed == []
    assert [(key, len(frame)) for key, frame in frames.items()] == [("2024-01", 1), ("2024-02", 1)]
    assert computed == ["2024-01", "2024-02"]
    assert frames.concatenated()["temperature_c"].tolist() == [1.0, 2.0]


def test_partitions_are_loaded_at_once_in_their_order() -> None:
    """Loading a window waits for the storage once, not for each month; the rows stay in the order of months."""
    keys = ["2024-01", "2024-02", "2024-03"]
    all_are_loading = threading.Barrier(len(keys))
    last_is_loaded = threading.Event()

    def load(key: str) -> pd.DataFrame:
        all_are_loading.wait(timeout=10)
        if key == keys[-1]:
            last_is_loaded.set()
        assert last_is_loaded.wait(timeout=10)
        return readings_of(key)

    assert PartitionedFrames(keys, load).concatenated()["temperature_c"].tolist() == [1.0, 2.0, 2.0, 3.0, 3.0, 3.0]


def test_number_of_partitions_loaded_at_once_is_bounded() -> None:
    """A window of years does not open a connection for each of its months."""
    keys = [f"{year}-01" for year in range(2000, 2040)]
    loading, most_at_once, lock = 0, 0, threading.Lock()

    def load(key: str) -> pd.DataFrame:
        nonlocal loading, most_at_once
        with lock:
            loading += 1
            most_at_once = max(most_at_once, loading)
        frame = readings_of(key)
        with lock:
            loading -= 1
        return frame

    assert len(PartitionedFrames(keys, load).concatenated()) == len(keys)
    assert most_at_once <= 8


def test_partition_that_cannot_be_loaded_ends_the_loading() -> None:
    """The error of the first partition that fails is raised as it is, and most of the others are not loaded in vain."""
    keys = [f"{year}-01" for year in range(2000, 2100)]
    loaded = []

    def load(key: str) -> pd.DataFrame:
        if key == "2000-01":
            raise MissingPartitionError("no January")
        loaded.append(key)
        return readings_of(key)

    with pytest.raises(MissingPartitionError, match=r"^no January$"):
        PartitionedFrames(keys, load).concatenated()
    assert len(loaded) < len(keys) - 1
