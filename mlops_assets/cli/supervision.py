"""Run a server as a process of its own and leave none behind, however this one ends.

Servers of Dagster and MLflow consist of several processes. They are one process group, which is stopped as a whole: by the signal
that this process gets, and, on Linux, by the kernel if this process is killed.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mlops_assets.errors import PermanentError

_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 60
"""Dagster waits 15 s for each of its servers, and the code servers end their runs."""


def supervise(command: Sequence[str], environment: Mapping[str, str], folder: Path, stop_seconds: float = _STOP_SECONDS) -> int:
    """Run a program until it ends, and return its exit code; nothing that it started is left.

    Args:
        command: the program and its arguments.
        environment: of the program.
        folder: where it runs.
        stop_seconds: how long it may take to stop, after which it is killed.

    Raises:
        KeyboardInterrupt: this process was asked to stop, and the program has stopped.
    """
    # A session of its own: Ctrl-C reaches this process alone, which passes it on once.
    process = subprocess.Popen(
        command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_parent()
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        # Asked a second time, it is not waited for.
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(stop_seconds)
        raise
    finally:
        _kill_group(process.pid)
        process.wait()


def run_program(program: str, *arguments: str, folder: Path) -> None:
    """Run a program that is installed beside this Python until it ends; nothing that it started is left.

    Raises:
        PermanentError: it ended by itself with an exit code other than 0.
        KeyboardInterrupt: this process was asked to stop, and the program has stopped.
    """
    path = Path(sys.executable).with_name(program)
    environment = {**os.environ, "PATH": f"{path.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        code = supervise([str(path), *arguments], environment, folder)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{program} and all that it started have stopped") from None
    if code:
        raise PermanentError(f"{program} ended by itself with exit code {code}; its last lines above say why")


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _die_with_parent() -> Callable[[], None] | None:
    """Return what a child does before it becomes the program: ask the kernel for SIGTERM when its parent is gone."""
    if not sys.platform.startswith("linux"):
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask
