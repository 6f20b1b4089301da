"""From an event to its row, with Dagster's daemon at work as in production: one sensor, runs in processes of their own."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from mlops_assets.environment import ENV_FILE_VARIABLE
from mlops_assets.orchestration.instance import prepare_instance
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.contracts import EVENTS

RATE = 200
_READY_SECONDS, _REST_SECONDS = 120, 60


@dataclass(frozen=True)
class Latency:
    """How long events took to become rows.

    Attributes:
        seconds: of each event, in order of length.
        sent: how many events were to come.
    """

    seconds: list[float]
    sent: int

    @property
    def median(self) -> float:
        """Half of the events were quicker."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """Of twenty events, nineteen were quicker."""
        return self.seconds[int(len(self.seconds) * 0.95)]


def measure_latency(root: Path, seconds: float) -> Latency:
    """Send events at a steady pace while the daemon runs; look at the rows whenever the table was written.

    Args:
        root: an empty folder.
        seconds: for which events are sent.
    """
    root.mkdir()
    (root / ".env").touch()
    environment = {
        **os.environ,
        ENV_FILE_VARIABLE: str(root / ".env"),
        "MLOPS_DATA_DIR": str(root),
        "DAGSTER_HOME": str(prepare_instance(root)),
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
    }
    programs = Path(sys.executable).parent
    definitions = ["-m", "mlops_assets.definitions"]
    subprocess.run(
        [programs / "dagster", "sensor", "start", f"{DOMAIN}_new_messages", *definitions],
        env=environment, cwd=root, check=True, capture_output=True,
    )  # fmt: skip
    produce = [sys.executable, "-m", "mlops_assets.cli", "produce", DOMAIN, "--from", "sample", "--rate", str(RATE)]
    with (root / "daemon.log").open("ab") as log:
        daemon = subprocess.Popen(
            [programs / "dagster-daemon", "run", *definitions],
            env=environment, cwd=root, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            # Whatever starts once has started: the code location, the first tick, the first run.
            subprocess.run([*produce, "--seconds", "2"], env=environment, check=True, capture_output=True)
            seen: dict[str, float] = {}
            _look(root, seen, datetime.min.replace(tzinfo=timezone.utc), time.monotonic() + _READY_SECONDS, until=1)
            if not seen:
                raise RuntimeError(f"no row in {_READY_SECONDS} s: {(root / 'daemon.log').read_text()[-3_000:]}")
            began_at, sent = datetime.now(timezone.utc), int(seconds * RATE)
            sending = subprocess.Popen([*produce, "--seconds", str(seconds)], env=environment, stdout=log, stderr=log)
            measured: dict[str, float] = {}
            # Late events are by a minute at least, so they happened before; others are duplicates or poison.
            _look(root, measured, began_at, time.monotonic() + seconds + _REST_SECONDS, until=sent)
            sending.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(daemon.pid, signal.SIGTERM)
            daemon.wait(60)
    return Latency(sorted(measured.values()), sent)


def _look(root: Path, seen: dict[str, float], since: datetime, deadline: float, until: int) -> None:
    """Note for every event since a moment how old it was when its table was written, until there are so many or time is over."""
    import pyarrow.parquet as pq

    folder, known = root / "lake" / DOMAIN / EVENTS.name, set[tuple[str, int]]()
    while time.monotonic() < deadline and len(seen) < until:
        for path in sorted(folder.rglob("*.parquet")):
            with suppress(FileNotFoundError):
                written = path.stat().st_mtime_ns
                if (str(path), written) in known:
                    continue
                known.add((str(path), written))
                table = pq.ParquetFile(path).read(columns=["event_id", "event_at"])
                at = datetime.fromtimestamp(written / 1e9, timezone.utc)
                for identity, happened_at in zip(table["event_id"].to_pylist(), table["event_at"].to_pylist(), strict=True):
                    if happened_at >= since and identity not in seen:
                        seen[identity] = (at - happened_at) / timedelta(seconds=1)
        time.sleep(0.1)
