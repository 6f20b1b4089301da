"""What commands begin with: where they read and to where they write."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mlops_assets.cli.places import say_where
from mlops_assets.settings import Settings


def places_told(**settings: Any) -> list[str]:
    """Return what a command says to write to."""
    console = Console(file=io.StringIO(), width=500)
    say_where(console, Settings(**settings), ["chicago_crimes"])
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().partition("; to ")[2].partition("; settings")[0].split(", ")


@pytest.mark.parametrize("folder", ["/data", "/my data", "/100%20 sure", "/data/../other"])
def test_data_directory_stands_for_the_stores_in_it(project: Path, folder: str) -> None:
    """Whatever its name is, stores that lie in it are not listed."""
    assert places_told(data_dir=folder) == [folder]


@pytest.mark.parametrize(
    ("setting", "url", "told"),
    [
        ("warehouse_url", "postgresql://u:p@h/data", "warehouse postgresql://***@h/data"),
        ("lake_url", "s3://bucket/data", "lake s3://bucket/data"),
        ("lake_url", "file:/data2/lake", "lake file:/data2/lake"),
        ("lake_url", "file:/elsewhere/data/lake", "lake file:/elsewhere/data/lake"),
        ("lake_url", "file:/data/../lake", "lake file:/data/../lake"),
        ("mlflow_tracking_uri", "http://host/data", "models http://host/data"),
        ("mlflow_tracking_uri", "sqlite:////elsewhere/data/m.db", "models sqlite:////elsewhere/data/m.db"),
    ],
)
def test_store_elsewhere_is_told(project: Path, setting: str, url: str, told: str) -> None:
    """Also one whose URL happens to hold the name of the data directory."""
    assert places_told(data_dir="/data", **{setting: url}) == ["/data", told]


@pytest.mark.parametrize("url", ["file:/data/lake", "file:///data/lake", "file:/data/a%20b"])
def test_store_in_the_data_directory_is_not_told(project: Path, url: str) -> None:
    """A URL of its own does not make it be elsewhere."""
    assert places_told(data_dir="/data", lake_url=url, mlflow_tracking_uri="sqlite:////data/m.db") == ["/data"]
