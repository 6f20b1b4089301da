"""What a source said lands once, is listed by its name, and comes back as it came."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_assets.stores.landing import Landing, open_landing
from mlops_assets_tests.services.buckets import fresh_prefix

ASSET = ("weather", "snapshots")


@pytest.fixture(params=["file", "s3"])
def landing(request: pytest.FixtureRequest, tmp_path: Path) -> Landing:
    """Give an empty landing in a folder and in a bucket."""
    url = f"file:{tmp_path}/lake" if request.param == "file" else fresh_prefix(request.getfixturevalue("s3_url"))
    return open_landing(url, ASSET)


def test_objects_land_once(landing: Landing) -> None:
    """A second landing of a name changes nothing, whatever it brings; new names are added."""
    assert landing.land([("day=1/a.json", b"first"), ("day=1/b.json", b"")]) == (2, 0)
    assert landing.land([("day=1/a.json", b"second"), ("day=2/c.json", b"third")]) == (1, 1)
    assert dict(landing.read(landing.names())) == {"day=1/a.json": b"first", "day=1/b.json": b"", "day=2/c.json": b"third"}


def test_names_are_listed_by_prefix_in_order(landing: Landing) -> None:
    """A day finds its own snapshots; another asset with a similar name keeps its own."""
    landing.land([("day=2/a", b"1"), ("day=10/a", b"1"), ("day=1/b", b"1"), ("day=1/a", b"1")])
    assert list(landing.names("day=1/")) == ["day=1/a", "day=1/b"]
    assert list(landing.names()) == ["day=1/a", "day=1/b", "day=10/a", "day=2/a"]
    assert landing.uri.endswith("/weather/snapshots")


def test_many_objects_are_read_in_the_order_asked_for(landing: Landing) -> None:
    """More than are read at once, backwards."""
    names = [f"{number:04d}" for number in range(600)]
    landing.land((name, name.encode()) for name in names)
    assert list(landing.read(reversed(names))) == [(name, name.encode()) for name in reversed(names)]


def test_missing_object_is_an_error(landing: Landing) -> None:
    """Who reads a name that never landed is told."""
    with pytest.raises(FileNotFoundError):
        list(landing.read(["nothing"]))
