"""`mlops-assets produce` as people and programs run it: killed, stopped, repeated, asked for what cannot be."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mlops_assets.cli.produce import produce as send
from mlops_assets.errors import PermanentError, SettingsError
from mlops_assets.settings import load_settings
from mlops_assets.song_popularity.sources.sample import sample_history
from mlops_assets.stores.events import EventLog, open_event_log
from mlops_assets.streams.producing import ProduceRequest
from mlops_assets_tests.events import NOON, values
from mlops_assets_tests.kills import FSYNC
from mlops_assets_tests.processes import python_process

COMMAND = (sys.executable, "-m", "mlops_assets.cli", "produce", "song_popularity")
SEED = 20250601


@contextmanager
def producing(folder: Path, *options: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command beside the test, in a folder that is a project; kill it at the latest when the block ends."""
    (folder / ".env").touch()
    process = subprocess.Popen(
        [*COMMAND, *options],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "80", "HOME": str(folder), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def produce(folder: Path, *options: str, **environment: str) -> tuple[int, str, str]:
    """Run the command to its end; return exit code, output and complaints, without line breaks."""
    with producing(folder, *options, **environment) as process:
        output, errors = process.communicate(timeout=120)
    return process.returncode, " ".join(output.split()), " ".join(errors.split())


def log_of(folder: Path) -> EventLog:
    return open_event_log(f"sqlite:{folder}/data/events.db")


def sent(folder: Path, topic: str = "spotify-events") -> list[bytes]:
    log = log_of(folder)
    if topic not in log.topics():
        return []
    return [value for kept in log.watermarks(topic).values() for value in values(log.read(topic, kept))]


def progress(folder: Path) -> dict[str, Any]:
    (path,) = (folder / "data" / "producers").glob("*.json")
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def wait_for_events(process: subprocess.Popen[str], folder: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(sent(folder)) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


DEATHS = [
    # Before the first append and a later one, between an append and the note of it, and while the note is being written.
    ("mlops_assets.stores.events.sqlite_file.SQLiteEventLog.append", 1),
    ("mlops_assets.stores.events.sqlite_file.SQLiteEventLog.append", 3),
    ("mlops_assets.streams.sending_progress.SendingProgress.advance", 2),
    (FSYNC, 1),
    (FSYNC, 2),
]
DYING = """
import sys
from mlops_assets_tests.kills import die_at
die_at(sys.argv[1], int(sys.argv[2]))
from mlops_assets.cli import app
app(["produce", "song_popularity", "--events", "4500", "--past-days", "2"])
"""


def test_killed_producer_leaves_no_gap_that_its_rerun_does_not_fill(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it is killed, the log ends with every event of the sequence, byte for byte; some twice, none of another sequence."""
    monkeypatch.setenv("MLOPS_DATA_DIR", str(project / "data"))
    for target, call in DEATHS:
        with python_process(DYING, target, call) as process:
            _, errors = process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL, errors
    send(Console(quiet=True), load_settings(), "song_popularity", ProduceRequest("", NOON, events=4_500, past_days=2))
    state = progress(project)
    assert (state["next"], state["is_complete"]) == (4_500, True)
    began_at = datetime.fromisoformat(state["began_at"])
    assert began_at != NOON
    expected = [event.value for event in sample_history(SEED, began_at - timedelta(days=2), began_at, 4_500)]
    found = sent(project)
    assert set(found) == set(expected)
    assert len(found) > 4_500


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stopped_producer_says_how_far_it_came(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """A plain kill and Ctrl-C end it in good order: all that was due is sent once and remembered."""
    with producing(tmp_path, "--events", "5000", "--rate", "100") as process:
        wait_for_events(process, tmp_path, 20)
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
    found = sent(tmp_path)
    assert process.returncode == code
    assert f"{len(found):,} events were sent; the same command goes on behind them" in " ".join(errors.split())
    assert f"Sent {len(found):,} events to" in " ".join(output.split())
    assert progress(tmp_path)["next"] == len(found)


def test_finished_simulation_begins_anew(tmp_path: Path) -> None:
    """The same command, when all was sent, sends as many events of now."""
    for _ in range(2):
        code, output, _ = produce(tmp_path, "--events", "50", "--past-days", "3")
        assert code == 0
        assert "Sent 50 events to" in output
    assert len(sent(tmp_path)) == 100


def test_endless_simulation_ends_in_time(tmp_path: Path) -> None:
    """For a second, at the rate that was asked for."""
    code, output, _ = produce(tmp_path, "--rate", "50", "--seconds", "1")
    assert code == 0
    # The first ones were due while the command was starting.
    assert 40 <= len(sent(tmp_path)) <= 150
    assert "Sending simulated events, 50 per second" in output
    assert not list((tmp_path / "data").glob("producers/*.json"))


def test_recording_is_sent_once(tmp_path: Path) -> None:
    """A recording that was sent is sent again only if that is asked for; one that has grown is another."""
    recording = tmp_path / "events.jsonl"
    recording.write_text('{"track_id": "a", "event_type": "search_result", "country": "CO", "timestamp": 1773144000}\nno record\n')
    options = ("--from", "replay", "--path", "events.jsonl")
    assert "Sent 2 events to" in produce(tmp_path, *options)[1]
    assert "All 2 events were sent already; --again sends them once more." in produce(tmp_path, *options)[1]
    assert len(sent(tmp_path)) == 2
    assert "Sent 2 events to" in produce(tmp_path, *options, "--again")[1]
    assert sorted(sent(tmp_path)) == sorted(2 * recording.read_bytes().splitlines())


def test_source_and_topic_are_those_of_the_settings(tmp_path: Path) -> None:
    """With source=export, the recording at the export path goes into the topic that is set, with its partitions."""
    (tmp_path / "events.jsonl").write_text('{"track_id": "a"}\n')
    prefix = "MLOPS_SONG_POPULARITY_"
    settings = {"SOURCE": "export", "EXPORT_PATH": "events.jsonl", "TOPIC": "songs", "TOPIC_PARTITIONS": "7"}
    code, _, errors = produce(tmp_path, **{prefix + name: value for name, value in settings.items()})
    assert code == 0, errors
    assert log_of(tmp_path).topics() == {"songs": 7}
    assert len(sent(tmp_path, "songs")) == 1


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"source": "replay"}, "--from replay needs --path, or MLOPS_SONG_POPULARITY_EXPORT_PATH"),
        ({"source": "replay", "path": Path("nothing.jsonl")}, "there is no file or folder nothing.jsonl"),
        ({"source": "replay", "path": Path(".env"), "past_days": 2}, "--past-days is for --from sample"),
        ({"source": "replay", "path": Path(".env"), "rate": 2, "speed": 2}, "leave one out"),
        ({"source": "sample", "path": Path("a.csv")}, "--path and --speed are for --from replay"),
        ({"source": "sample", "past_days": 2, "events": 9, "rate": 4}, "leave --rate or --events out"),
        ({"source": "live"}, "needs MLOPS_SONG_POPULARITY_SPOTIFY_CLIENT_ID and"),
        ({"source": "live", "speed": 2}, "are not for --from live"),
    ],
)
def test_what_cannot_be_is_a_sentence(project: Path, asked: dict[str, Any], complaint: str) -> None:
    """Nothing is sent, and the sentence names the options."""
    (project / ".env").write_text("# A recording of nothing.\n")
    with pytest.raises(PermanentError, match=complaint):
        send(Console(quiet=True), load_settings(), "song_popularity", ProduceRequest(start=NOON, **asked))
    assert sent(project) == []


def test_domain_without_a_stream(project: Path) -> None:
    """Whoever names another domain is told which ones send events."""
    with pytest.raises(SettingsError, match=r"'chicago_crimes' sends no events; those that do are song_popularity"):
        send(Console(quiet=True), load_settings(), "chicago_crimes", ProduceRequest("sample", NOON))
