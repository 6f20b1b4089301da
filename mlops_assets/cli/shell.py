"""How a command ends: a sentence instead of a traceback, `--debug` for the rest, and an exit code.

0: done. 1: it failed. 2: the command line or a setting is wrong, and nothing was done. 128 + n: stopped by signal n, so 130 after
Ctrl-C and 143 after a plain `kill`.
"""

import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from mlops_assets.errors import PlatformError, SettingsError
from mlops_assets.urls import redact_text

FAILED, WRONG_USAGE = 1, 2
DEBUG = "--debug"
# Not every system has both.
_STOPPING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_SAME_WISH_SECONDS = 2.0
"""`timeout` and terminals signal a program and its whole group; who means it again waits to see whether anything happens."""
_debug = threading.Event()


class Commands(TyperGroup):
    """The commands of the platform."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take `--debug` wherever it stands: people add it at the end of the command that has just failed."""
        rest = [argument for argument in args if argument != DEBUG]
        _debug.clear()
        if len(rest) < len(args):
            _debug.set()
        return super().parse_args(ctx, rest)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        with _noting_signals() as begin_to_end:
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt as error:
                code = begin_to_end()
                complain("Interrupted", str(error) or "every finished write is whole; the same command again takes up the rest")
                raise typer.Exit(code) from None
            except PlatformError as error:
                _tell(error, str(error))
                raise typer.Exit(WRONG_USAGE if isinstance(error, SettingsError) else FAILED) from error
            except Exception as error:
                # The command line itself ends commands by exceptions that know their exit code, and handles closed pipes.
                if hasattr(error, "exit_code") or isinstance(error, BrokenPipeError):
                    raise
                _tell(error, f"{error} (unexpected; --debug shows where it comes from)")
                raise typer.Exit(FAILED) from error


def complain(title: str, sentence: str) -> None:
    """Print a sentence to standard error, without credentials that it may quote. Lines of files are not broken."""
    console = Console(stderr=True)
    console.print(Text.assemble((title, "red"), f": {redact_text(sentence)}"), soft_wrap=not console.is_terminal)


def is_debugging() -> bool:
    """Tell whether tracebacks are wanted."""
    return _debug.is_set()


def _tell(error: Exception, sentence: str) -> None:
    if is_debugging():
        sys.stderr.write(redact_text("".join(traceback.format_exception(error))))
    complain(getattr(error, "title", type(error).__name__), sentence)


class _Stopping:
    """What asked this process to stop, and since when it is stopping."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = numbers
        self._noted, self._noting = socket.socketpair()
        for end in (self._noted, self._noting):
            end.setblocking(False)
        self._previous_fd = signal.set_wakeup_fd(self._noting.fileno(), warn_on_full_buffer=False)
        self._began_at: float | None = None
        self.code: int | None = None

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        """Interrupt the command; what comes right after that is the same wish, sent to the program and to its group."""
        if self._began_at is None or (self.code is None and self._has_lasted()):
            self._began_at = time.monotonic()
            raise KeyboardInterrupt
        if self.code is not None and self._has_lasted():
            # Somebody insists, and the sentence has been said.
            os._exit(self.code)

    def end(self) -> int:
        """Let nothing disturb the end, and return the exit code that the first signal asks for."""
        first = next((number for number in _read(self._noted) if number in self._numbers), signal.SIGINT)
        self._began_at = self._began_at or time.monotonic()
        self.code = 128 + first
        return self.code

    def close(self) -> None:
        """Note no more signals."""
        signal.set_wakeup_fd(self._previous_fd)
        self._noted.close()
        self._noting.close()

    def _has_lasted(self) -> bool:
        return self._began_at is not None and time.monotonic() - self._began_at > _SAME_WISH_SECONDS


@contextmanager
def _noting_signals() -> Iterator[Callable[[], int]]:
    """Let what asks a process to stop end the block by `KeyboardInterrupt`, and yield what begins the end and gives its exit code.

    A shell that runs a script lets commands in the background ignore Ctrl-C, which Dagster takes for ignoring SIGTERM, too, and
    hands down to its own processes. While a step runs, Dagster replaces the handlers; what was received is noted beside them.
    """
    if threading.current_thread() is not threading.main_thread():
        # Signals are none of its business.
        yield lambda: 128 + signal.SIGINT
        return
    numbers = [number for number in _STOPPING if signal.getsignal(number) is signal.SIG_DFL]
    ignores_interrupts = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if not ignores_interrupts:
        numbers.append(signal.SIGINT)
    stopping = _Stopping(numbers)
    previous = {number: signal.signal(number, stopping.stop) for number in numbers}
    if ignores_interrupts:
        previous[signal.SIGINT] = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield stopping.end
    finally:
        stopping.close()
        # A process that was stopped is ending: what is sent to its group, too, must not end it in another way.
        if stopping.code is None:
            for number, handler in previous.items():
                signal.signal(number, handler)


def _read(noted: socket.socket) -> bytes:
    try:
        return noted.recv(4096)
    except BlockingIOError:
        return b""
