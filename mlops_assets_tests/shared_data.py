"""Recorded real data, kept outside the repository; tests that want it skip with a reason where it is absent."""

from pathlib import Path

import pytest

_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared_data(name: str) -> Path:
    """Return the path of a recorded file or folder below `../shared/data`, or skip the calling test."""
    path = _FOLDER / name
    if not path.exists():
        pytest.skip(f"recorded data not present: shared/data/{name}")
    return path
