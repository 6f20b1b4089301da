"""The settings of whoever runs the tests stay out of them."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from mlops_assets.environment import find_project
from mlops_assets.settings import Settings, setting_variables
from mlops_assets_tests.isolation import process_kept

REPOSITORY = Path(__file__).resolve().parents[1]


def test_no_setting_is_in_the_environment_of_a_test() -> None:
    """A person may have exported a warehouse of their own."""
    assert not {*setting_variables()} & {*os.environ}


def test_env_file_around_a_test_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one above the folder of a test nor that of the repository: a test that wants one has a project of its own."""
    (tmp_path / ".env").write_text("MLOPS_AUTOMATION=on\n")
    monkeypatch.chdir(tmp_path)
    assert Settings().automation == "off"
    monkeypatch.chdir(REPOSITORY)
    env_file = find_project().env_file
    assert env_file is not None
    assert REPOSITORY not in env_file.parents
    assert env_file.read_text() == ""


def test_processes_of_a_test_see_no_env_file_either() -> None:
    """They inherit where the settings are."""
    code = "from mlops_assets.environment import find_project; print(find_project().env_file)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(find_project().env_file)


def test_a_test_leaves_the_process_as_it_was() -> None:
    """Commands set variables, and Streamlit's runner changes the main module; the next test sees neither."""
    main = sys.modules["__main__"]
    with process_kept():
        os.environ["MLOPS_DATA_DIR"] = os.environ["DAGSTER_HOME"] = "/somewhere"
        sys.modules["__main__"] = ModuleType("somebody_elses")
    assert not {"MLOPS_DATA_DIR", "DAGSTER_HOME"} & {*os.environ}
    assert sys.modules["__main__"] is main


def test_every_test_is_kept_so(request: pytest.FixtureRequest) -> None:
    """None has to ask for it."""
    assert "_process_as_it_was" in request.fixturenames
