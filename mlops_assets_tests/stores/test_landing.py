"""What a source gave lands once, is listed by its name, and comes back as it came, compacted or not."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mlops_assets.stores.landing import Landing, containers, objects, open_landing
from mlops_assets_tests.kills import FSYNC, bytes_of, kill_stage
from mlops_assets_tests.services.buckets import fresh_prefix
from mlops_assets_tests.stores.landing_contract import ASSET, LandingContract

DELETE = "mlops_assets.stores.objects.files.FileStorage.delete"
OBJECTS = {f"day=1/{number}": b"%d" % number for number in range(8)}


class TestLandingInFolder(LandingContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"file:{tmp_path}/lake"


class TestLandingInS3(LandingContract):
    @pytest.fixture
    def url(self, s3_url: str) -> str:
        return fresh_prefix(s3_url)


class TestLandingInGCS(LandingContract):
    @pytest.fixture
    def url(self, gcs_url: str) -> str:
        return fresh_prefix(gcs_url)


def landing_in(folder: Path) -> Landing:
    return open_landing(f"file:{folder}/lake", ASSET)


def run_stage(stage: str, folder: Path) -> None:
    """Compact the objects that landed in `folder`."""
    assert stage == "compact"
    landing_in(folder).compact("day=1/")


def test_compaction_that_is_killed_loses_nothing_and_is_finished_by_doing_it_again(tmp_path: Path) -> None:
    """Killed before the container has its name and among the removals, every object is there; a rerun leaves one container."""
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    for folder in (undisturbed, disturbed):
        landing_in(folder).land(OBJECTS.items())
    run_stage("compact", undisturbed)
    for target, call in ((FSYNC, 1), (DELETE, 1), (DELETE, 5)):
        kill_stage(__name__, "compact", disturbed, target, call)
        landing = landing_in(disturbed)
        assert dict(landing.read(landing.names())) == OBJECTS
    run_stage("compact", disturbed)
    assert bytes_of(disturbed) == bytes_of(undisturbed)
    assert len(bytes_of(disturbed)) == 1


def test_folder_that_does_not_fit_into_one_container_gets_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of a container is bounded, and so is the memory that compaction takes."""
    monkeypatch.setattr(containers, "_CONTAINER_BYTES", 3)
    landing = landing_in(tmp_path)
    landing.land(OBJECTS.items())
    landing.compact("day=1/")
    assert len(bytes_of(tmp_path)) == 3
    assert dict(landing.read(landing.names())) == OBJECTS


def test_two_compactions_at_a_time_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has listed a folder before another object came, and writes after the other one, hides nothing."""
    landing, other = landing_in(tmp_path), landing_in(tmp_path)
    landing.land(OBJECTS.items())
    add = landing._containers.add

    def overtaken(folder: str, members: object) -> None:
        other.land([("day=1/late", b"late")])
        other.compact(folder)
        add(folder, members)  # type: ignore[arg-type]

    monkeypatch.setattr(landing._containers, "add", overtaken)
    landing.compact("day=1/")
    assert dict(landing.read(landing.names())) == {**OBJECTS, "day=1/late": b"late"}
    assert list(landing.single_names()) == []


def test_reader_that_listed_before_a_compaction_reads_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names stay good: an object that has moved since its folder was looked at is read from its container."""
    landing = landing_in(tmp_path)
    landing.land(OBJECTS.items())
    monkeypatch.setattr(objects, "_AHEAD", 2)
    reading = landing.read(list(OBJECTS))
    first = next(reading)
    landing_in(tmp_path).compact("day=1/")
    assert dict([first, *reading]) == OBJECTS


def test_few_objects_of_a_large_container_are_read_alone(tmp_path: Path) -> None:
    """A container keeps its rows in groups, in the order of the names, so that a reader skips what nobody asked for."""
    landing = landing_in(tmp_path)
    landing.land((f"day=1/{number:03d}", b"%d" % number) for number in range(600))
    landing.compact("day=1/")
    [container] = bytes_of(tmp_path)
    assert pq.ParquetFile(tmp_path / "lake" / container).num_row_groups == 3
    assert list(landing.read(["day=1/599", "day=1/007"])) == [("day=1/599", b"599"), ("day=1/007", b"7")]
