"""A model registry that dies in the middle of its work."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops_assets.stores.models import files, runs
from mlops_assets.stores.models.connection import Connection
from mlops_assets.stores.models.registry import ModelRegistry


class DyingClient:
    """MLflow's client, whose process dies or whose caller is interrupted right after a certain writing call."""

    def __init__(self, client: Any, moment: tuple[str, int], die: Callable[[], None]) -> None:
        """Pass all calls on to `client` and die after the n-th writing one whose name begins like this."""
        self._client, self._die = client, die
        self._prefix, self._calls = moment

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if not name.startswith(("create_", "log_", "set_", "finalize_", "delete_")) or not name.startswith(self._prefix):
            return attribute

        def call(*arguments: Any, **options: Any) -> Any:
            result = attribute(*arguments, **options)
            self._calls -= 1
            if self._calls == 0:
                self._die()
            return result

        return call


def store_files_and_die(calls: int, die: Callable[[], None]) -> None:
    """Let this process die after it has stored a folder of files for the n-th time."""
    remaining, store_folder = [calls], files.store_folder

    def store(*arguments: Any) -> None:
        store_folder(*arguments)
        remaining[0] -= 1
        if remaining[0] == 0:
            die()

    files.store_folder = runs.store_folder = store  # type: ignore[assignment]


def interrupt() -> None:
    """Die as by Ctrl-C."""
    raise KeyboardInterrupt


def kill_this_process() -> None:
    """Die as by SIGKILL."""
    os.kill(os.getpid(), signal.SIGKILL)


def dying_registry(uri: str, artifact_folder: Path, moment: tuple[str, int], die: Callable[[], None]) -> ModelRegistry:
    """Return a registry that dies right after a certain writing call, by `die`; `store_folder` kills a process of its own."""
    connection = Connection(uri, artifact_folder)
    if moment[0] == "store_folder":
        store_files_and_die(moment[1], die)
    connection.client = DyingClient(connection.client, moment, die)  # type: ignore[assignment]
    return ModelRegistry(connection)
