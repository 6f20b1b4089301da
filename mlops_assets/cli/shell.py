"""How a command ends: a sentence instead of a traceback, `--debug` for the rest, and an exit code.

0: done. 1: it failed. 2: the command line or a setting is wrong, and nothing was done. 128 + n: stopped by signal n, so 130 after
Ctrl-C and 143 after a plain `kill`.
"""

import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

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
        with _noting_signals() as received:
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt as error:
                complain("Interrupted", str(error) or "every finished write is whole; the same command again takes up the rest")
                raise typer.Exit(128 + (received() or signal.SIGINT)) from None
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


@contextmanager
def _noting_signals() -> Iterator[Callable[[], int | None]]:
    """Let what asks a process to stop end the block by `KeyboardInterrupt`, and yield a function that tells which signal it was.

    A shell that runs a script lets commands in the background ignore Ctrl-C, which Dagster takes for ignoring SIGTERM, too, and
    hands down to its own processes. While a step runs, Dagster replaces the handlers; what was received is noted beside them.
    """
    if threading.current_thread() is not threading.main_thread():
        # Signals are none of its business.
        yield lambda: None
        return
    noted, noting = socket.socketpair()
    noted.setblocking(False)
    noting.setblocking(False)
    ignores_interrupts = signal.getsignal(signal.SIGINT) is signal.SIG_IGN

    def stop(number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGINT or not ignores_interrupts:
            _interrupt()

    stopping = [signal.SIGINT, *(number for number in _STOPPING if signal.getsignal(number) is signal.SIG_DFL)]
    previous = {number: signal.signal(number, stop) for number in stopping}
    previous_fd = signal.set_wakeup_fd(noting.fileno(), warn_on_full_buffer=False)
    try:
        yield lambda: next((number for number in reversed(_read(noted)) if number in stopping), None)
    finally:
        signal.set_wakeup_fd(previous_fd)
        for number, handler in previous.items():
            signal.signal(number, handler)
        noted.close()
        noting.close()


def _interrupt() -> NoReturn:
    raise KeyboardInterrupt


def _read(noted: socket.socket) -> bytes:
    try:
        return noted.recv(4096)
    except BlockingIOError:
        return b""
