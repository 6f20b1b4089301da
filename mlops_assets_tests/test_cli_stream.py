"""`mlops-assets stream`: a pipeline on this machine, and what the command says where it cannot run."""

import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from mlops_assets.settings import Settings
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.contracts import REJECTED_EVENTS, SPOTIFY_EVENTS
from mlops_assets.stores.events import Event
from mlops_assets.stores.registry import Stores
from mlops_assets_tests.song_popularity.messages import message
from mlops_assets_tests.test_cli import mlops_assets

_WITHOUT_BEAM = """
import sys
sys.modules["apache_beam"] = None
from mlops_assets.cli import app
sys.argv = ["mlops-assets", "stream", "song_popularity"]
app()
"""
NOW = datetime.now(timezone.utc)


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    """Stores whose log has fifty events, one of them twice, and a message that is none."""
    stores = Settings(data_dir=tmp_path / "data", _env_file=None).build_stores()
    log = stores.events(DOMAIN)
    log.create_topic("spotify-events", 2)
    moments = [NOW - timedelta(minutes=number) for number in range(50)]
    events = [Event(message(timestamp=at.timestamp()), at, b"track") for at in moments]
    log.append("spotify-events", [*events, events[0], Event(b"hello", NOW)])
    return stores


@pytest.mark.parametrize("ending", ["--until-caught-up", "--seconds=1"])
def test_stream_runs_on_the_log_of_the_settings(stores: Stores, tmp_path: Path, ending: str) -> None:
    """It reads what is there, or follows the log for a time; says in a table what was written, and nothing of Beam's own."""
    done = mlops_assets("stream", DOMAIN, ending, cwd=tmp_path, MLOPS_DATA_DIR=str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    rows = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines() if line.split()[-1].isdigit())
    assert (rows["messages"], rows["spotify events"], rows["rejected events"]) == ("52", "50", "2")
    warehouse = stores.warehouse(DOMAIN)
    assert len(warehouse.read(SPOTIFY_EVENTS)) == 50
    assert sorted(warehouse.read(REJECTED_EVENTS)["reason_code"]) == ["duplicate", "not_json"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["song_preference"], "'song_preference' has no pipeline; song_popularity has"),
        ([DOMAIN, "--runner", "HadoopRunner"], "there is no runner HadoopRunner"),
        ([DOMAIN, "--until-caught-up", "--direct_num_worker=2"], "has an option --direct_num_worker"),
        ([DOMAIN, "--until-caught-up", "--seconds=3"], "leave --seconds out"),
    ],
)
def test_what_cannot_run_is_said_in_a_sentence(stores: Stores, tmp_path: Path, arguments: list[str], words: str) -> None:
    """With the exit code of a wrong command line; nothing was written."""
    done = mlops_assets("stream", *arguments, cwd=tmp_path, MLOPS_DATA_DIR=str(tmp_path / "data"))
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert stores.warehouse(DOMAIN).read(SPOTIFY_EVENTS).empty


def test_missing_beam_is_said_with_its_cure(tmp_path: Path) -> None:
    """Beam is an extra; whoever does not have it reads how to get it, and nothing is made."""
    (tmp_path / ".env").touch()
    environment = {"PATH": "/usr/bin:/bin", "COLUMNS": "80", "HOME": str(tmp_path)}
    command = [sys.executable, "-c", _WITHOUT_BEAM]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "make install-beam" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [".env"]
