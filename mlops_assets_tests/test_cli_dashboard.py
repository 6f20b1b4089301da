"""`mlops-assets dashboard`: what it says where it cannot start, and that it goes with whoever started it."""

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from mlops_assets_tests.browser import serving
from mlops_assets_tests.test_cli import mlops_assets

_WITHOUT_STREAMLIT = """
import sys
sys.modules["streamlit"] = None
from mlops_assets.cli import app
sys.argv = ["mlops-assets", "dashboard"]
app()
"""


def test_missing_streamlit_is_said_with_its_cure(tmp_path: Path) -> None:
    """Streamlit is an extra; whoever does not have it reads how to get it, and nothing is made."""
    (tmp_path / ".env").touch()
    environment = {"PATH": "/usr/bin:/bin", "COLUMNS": "80", "HOME": str(tmp_path)}
    command = [sys.executable, "-c", _WITHOUT_STREAMLIT]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "make install-dashboard" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


def test_dashboard_answers_and_ends_when_asked(tmp_path: Path) -> None:
    """It answers at the address that it prints, is light, and leaves no process when it is stopped."""
    with serving("dashboard", tmp_path / "data", "_stcore/health") as url:
        assert requests.get(f"{url}/_stcore/health", timeout=10).text == "ok"
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/_stcore/health", timeout=10)
    assert not (tmp_path / "data").exists()


def test_address_with_a_password_is_refused(tmp_path: Path) -> None:
    """Pages show where serving is; a key has a setting of its own, and is not told."""
    done = mlops_assets("dashboard", cwd=tmp_path, MLOPS_DASHBOARD_SERVING_URL="http://me:hunter2@localhost:8803")
    assert done.returncode == 2
    assert "MLOPS_DASHBOARD_API_KEY" in done.stderr
    assert "hunter2" not in done.stderr
