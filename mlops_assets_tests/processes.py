"""Other processes for tests: a writer that is killed, a program that keeps a file open, steps that run side by side."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[1]


@contextmanager
def python_process(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run Python code beside the test, with warnings as errors; kill it at the latest when the block ends."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "error",
            "-W",
            "ignore:You are using a non-supported Python version:FutureWarning",
            "-c",
            code,
            *map(str, arguments),
        ],
        cwd=_REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for_line(process: subprocess.Popen[str], line: str) -> None:
    """Wait until the process prints this line first; if it ends instead, fail with what it wrote to stderr."""
    assert process.stdout is not None
    assert process.stderr is not None
    printed = process.stdout.readline().strip()
    assert printed == line, process.stderr.read()


def let_continue(process: subprocess.Popen[str]) -> None:
    """Answer a process that waits for a line, and wait until it ends well."""
    _, errors = process.communicate("\n", timeout=60)
    assert process.returncode == 0, errors
