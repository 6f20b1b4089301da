"""The image and the Flex template that run streams elsewhere, and what Dataflow is given."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.settings import Settings
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.contracts import SPOTIFY_EVENTS
from mlops_assets.stores.events import Event
from mlops_assets.stores.objects import open_object_storage
from mlops_assets_tests.docker.deployment import REPOSITORY
from mlops_assets_tests.song_popularity.messages import message
from mlops_assets_tests.test_cli import NO_SETTINGS, mlops_assets

BEAM = REPOSITORY / "docker" / "beam"
KINDS = {"name": str, "label": str, "helpText": str, "isOptional": bool, "regexes": list}


def _parameters() -> dict[str, dict[str, Any]]:
    return {parameter["name"]: parameter for parameter in json.loads((BEAM / "metadata.json").read_text())["parameters"]}


def test_parameters_of_the_template_are_what_dataflow_accepts() -> None:
    """Each has a name, a label, a sentence of help, and patterns that compile; the template says that it streams."""
    assert json.loads((BEAM / "metadata.json").read_text())["streaming"] is True
    for name, parameter in _parameters().items():
        assert {field: type(value) for field, value in parameter.items()} == KINDS
        assert re.fullmatch("[a-zA-Z][a-zA-Z0-9_]*", name)


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("domain", "song_popularity", True),
        ("domain", "--seconds", False),
        ("from", "kafka://broker:9092", True),
        ("from", "gs://bucket/folder", True),
        ("from", "/etc/passwd", False),
    ],
)
def test_values_are_checked_before_anything_starts(name: str, value: str, fits: bool) -> None:
    """A wrong one is refused by Dataflow, not by a machine that was started for it."""
    (pattern,) = _parameters()[name]["regexes"]
    assert bool(re.fullmatch(pattern, value)) == fits


def test_image_has_the_beam_of_the_lock() -> None:
    """Workers refuse pipelines of another version."""
    (version,) = re.findall(r"^apache-beam==(\S+)", (REPOSITORY / "requirements" / "dataflow.lock").read_text(), re.MULTILINE)
    assert f"ARG BEAM_VERSION={version}\n" in (BEAM / "Dockerfile").read_text()


def test_template_runs_the_stream_by_its_parameters(tmp_path: Path) -> None:
    """What the launcher calls, with the options that it gives, on this machine's runner."""
    (tmp_path / ".env").touch()
    stores = Settings(data_dir=tmp_path / "data", _env_file=None).build_stores()
    log, now = stores.events(DOMAIN), datetime.now(timezone.utc)
    log.create_topic("spotify-events", 1)
    log.append("spotify-events", [Event(message(timestamp=now.timestamp()), now)])
    command = [sys.executable, str(BEAM / "template.py"), f"--domain={DOMAIN}", "--runner=DirectRunner", "--until-caught-up"]
    environment = {**NO_SETTINGS, "HOME": str(tmp_path), "MLOPS_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(stores.warehouse(DOMAIN).read(SPOTIFY_EVENTS)) == 1


@pytest.mark.services
def test_dataflow_is_given_a_streaming_job_without_passwords(gcs_url: str, tmp_path: Path) -> None:
    """Beam translates the pipeline and stages it in a bucket; the job names the image, and no password is in any object."""
    Settings(data_dir=tmp_path / "data", _env_file=None).build_stores().events(DOMAIN).create_topic("spotify-events", 2)
    folder = f"{gcs_url}/dataflow-{tmp_path.name}"
    options = {
        "project": "my-project",
        "region": "us-central1",
        "temp_location": f"{folder}/temp",
        "staging_location": f"{folder}/staging",
        "template_location": f"{folder}/template.json",
        "sdk_container_image": "europe-docker.pkg.dev/my-project/images/mlops-assets-beam",
        "sdk_location": "container",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    secrets = {"MLOPS_WAREHOUSE_URL": "postgresql://me:hunter2@localhost/db", "MLOPS_KAFKA_PASSWORD": "hunter2"}
    variables = {"MLOPS_DATA_DIR": str(tmp_path / "data"), "STORAGE_EMULATOR_HOST": os.environ["STORAGE_EMULATOR_HOST"], **secrets}
    done = mlops_assets("stream", DOMAIN, "--runner=DataflowRunner", "--no_auth", *flags, cwd=tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    assert "DataflowRunner has the pipeline" in done.stdout
    storage = open_object_storage(folder)
    written = {name: storage.open(name).read() for name in storage.names("")}
    job = json.loads(written["template.json"])
    assert job["type"] == "JOB_TYPE_STREAMING"
    assert options["sdk_container_image"] in written["template.json"].decode()
    assert all(b"hunter2" not in content for content in written.values())
