"""`dev`, `mlflow` and `dashboard` run servers: on a free port only, and none of their processes outlives the command."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlops_assets.cli.ports import require_free_port
from mlops_assets.cli.supervision import supervise
from mlops_assets.errors import SettingsError
from mlops_assets.orchestration.instance import process_is_alive
from mlops_assets_tests.test_cli import NO_SETTINGS

_FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
print(child.pid, flush=True)
time.sleep(float(sys.argv[1]))
sys.exit(3)
"""
"""A server with a process of its own that it does not look after."""

_LONER = "import os, time; print(os.getpid(), flush=True); time.sleep(300)"
"""A server that tells its own process id."""

_SUPERVISOR = """
import os, pathlib, signal, sys
from mlops_assets.cli.supervision import supervise
# Whoever runs the tests in the background of a script lets them ignore Ctrl-C.
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.default_int_handler)
supervise([sys.executable, "-c", *sys.argv[1:]], os.environ, pathlib.Path.cwd())
"""
"""A command that can be asked to stop, as those of the platform."""


@contextmanager
def listening() -> Iterator[int]:
    """Listen at a port of this machine."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def eventually(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """Tell whether something comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()


def test_port_in_use_is_refused_with_another_one() -> None:
    """A second server would answer nobody; the sentence says where the first one is and which port is free."""
    with listening() as port, pytest.raises(SettingsError, match=rf"port {port} of 127\.0\.0\.1 is in use.*--port \d+") as caught:
        require_free_port("127.0.0.1", port)
    free = int(str(caught.value).rpartition("--port ")[2])
    require_free_port("127.0.0.1", free)


@pytest.mark.parametrize(("host", "port"), [("203.0.113.1", 3000), ("no-such-host.invalid", 3000)])
def test_address_of_another_machine_is_refused(host: str, port: int) -> None:
    """A server listens at an address of its own machine."""
    with pytest.raises(SettingsError, match=rf"cannot listen at {host}:{port}: .*; choose others with --host and --port"):
        require_free_port(host, port)


@pytest.mark.parametrize("command", ["dev", "mlflow", "dashboard"])
def test_second_server_ends_at_once(command: str, tmp_path: Path) -> None:
    """It does not print its URL as if all were well, and prepares nothing."""
    (tmp_path / ".env").touch()
    with listening() as port:
        done = subprocess.run(
            [sys.executable, "-m", "mlops_assets.cli", command, "--port", str(port)],
            cwd=tmp_path,
            env={**NO_SETTINGS, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 2
    assert f"port {port} of 127.0.0.1 is in use" in done.stderr
    assert "http" not in done.stdout
    assert not (tmp_path / "data").exists()


def test_program_that_ends_gives_its_exit_code(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What it started, and left behind, is gone with it."""
    assert supervise([sys.executable, "-c", _FAMILY, "0"], os.environ, tmp_path) == 3
    left_behind = int(capfd.readouterr().out)
    assert eventually(lambda: not process_is_alive(left_behind, time.time()))


@contextmanager
def supervised(program: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Supervise a program from a process of its own; yields that process and the process id that the program prints."""
    command = [sys.executable, "-c", _SUPERVISOR, program, "300"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_program_is_stopped_with_all_that_it_started(number: signal.Signals) -> None:
    """A plain kill, as of a service manager, reaches the program and those of its processes that it forgets."""
    with supervised(_FAMILY) as (process, grandchild):
        process.send_signal(number)
        process.wait(60)
        assert eventually(lambda: not process_is_alive(grandchild, time.time()))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a process that its parent is gone")
def test_program_ends_when_its_supervisor_is_killed() -> None:
    """`kill -9` leaves no server that holds the port: it is asked to stop, as it would be by Ctrl-C."""
    with supervised(_LONER) as (process, server):
        assert process_is_alive(server, time.time())
        process.kill()
        assert eventually(lambda: not process_is_alive(server, time.time()))


def test_dev_that_a_script_started_stops_as_a_whole(tmp_path: Path) -> None:
    """A shell lets what a script starts in the background ignore Ctrl-C; a plain kill ends webserver, daemon and code location."""
    (tmp_path / ".env").touch()
    with listening() as port:
        pass
    script = f"{sys.executable} -m mlops_assets.cli dev --port {port} >out.log 2>err.log & echo $!; wait $!; echo $?"
    environment = {**NO_SETTINGS, "HOME": str(tmp_path)}
    with subprocess.Popen(["sh", "-c", script], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        dev = int(shell.stdout.readline())
        try:
            is_up = eventually(lambda: _answers(port) or not process_is_alive(dev, time.time()), 120)
            assert is_up, (tmp_path / "err.log").read_text()
            os.kill(dev, signal.SIGTERM)
            assert shell.stdout.readline().strip() == "143"
        finally:
            # Its end takes the rest along.
            if process_is_alive(dev, time.time()):
                os.kill(dev, signal.SIGKILL)
    assert (tmp_path / "err.log").read_text().endswith("Interrupted: dagster and all that it started have stopped\n")
    assert not _answers(port)
    assert not [process for process in Path("/proc").glob("[0-9]*") if str(tmp_path) in _arguments(process)]


def _answers(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def _arguments(process: Path) -> str:
    """Return the command line and the folder of a process; those of Dagster's servers name their records."""
    try:
        return (process / "cmdline").read_text() + str((process / "cwd").readlink())
    except OSError:
        return ""
