"""The examples of the guide to serving are run against a real server."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_assets.serving.settings import ServingSettings
from mlops_assets.song_preference.serving import SERVING
from mlops_assets_tests.serving.servers import Serving, serving
from mlops_assets_tests.song_preference.tiny_preference import registry

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```bash\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def running() -> Iterator[Serving]:
    with serving(registry(), [SERVING]) as found:
        yield found


@pytest.mark.parametrize("command", COMMANDS, ids=["record", "batch", "key"])
def test_examples_are_answered(running: Serving, command: str) -> None:
    """With nothing but curl."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    done = subprocess.run(shlex.split(command.replace("http://127.0.0.1:8803", running.url)), capture_output=True, text=True)
    body = json.loads(done.stdout)
    assert (done.returncode, "error" in body) == (0, False), body
    if "answers" in body:
        assert body["answers"][1]["error"]["fields"][0]["field"] == "energy"
    elif "models" not in body:
        assert body["value"] is True


def test_the_guide_has_all_settings_with_their_defaults() -> None:
    """None is forgotten, and none is told wrongly."""
    listed = dict(re.findall(r"^\| `MLOPS_SERVING_([A-Z_]+)` \| (?:`(.*?)`)? *\|", GUIDE, re.MULTILINE))
    defaults = {name.upper(): field.get_default() for name, field in ServingSettings.model_fields.items()}
    assert listed.keys() == defaults.keys()
    assert {name: value for name, value in listed.items() if value} == {
        name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in defaults.items() if value
    }
