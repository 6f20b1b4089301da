"""Runs that die by SIGKILL inside a call, and what they leave in a lake."""

import hashlib
import importlib
import multiprocessing
import os
import signal
import tempfile
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

FSYNC = "mlops_assets.stores.objects.files.os.fsync"
"""Called when a temporary file of the lake is written but has not got its name."""
_HEAVY = ["mlflow", "sklearn.ensemble", "duckdb", "matplotlib.pyplot", "pyarrow.parquet", "mlops_assets.build"]
IN_TRANSACTION = "mlops_assets.stores.warehouse.duckdb_file._order"
"""Called in the middle of each transaction of the warehouse."""


def die_at(target: str, call: int) -> None:
    """Replace a function by one that kills this process at its n-th call."""
    parts = target.split(".")
    depth = next(n for n in range(len(parts), 0, -1) if _is_module(".".join(parts[:n])))
    owner = importlib.import_module(".".join(parts[:depth]))
    for name in parts[depth:-1]:
        owner = getattr(owner, name)
    original: Callable[..., object] = getattr(owner, parts[-1])
    calls = 0

    def dying(*arguments: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)

    setattr(owner, parts[-1], dying)


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def kill_stage(module: str, stage: str, folder: Path, target: str, call: int) -> None:
    """Run `run_stage` of a module in a child that is killed at the n-th call of a function, and make sure that it was."""
    # Children are forked from a server that has imported what all of them need, and opened nothing.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([module, *_HEAVY])
    with tempfile.NamedTemporaryFile(mode="r") as errors:
        child = processes.Process(target=_die, args=(module, stage, folder, target, call, errors.name))
        child.start()
        child.join()
        assert child.exitcode == -signal.SIGKILL, errors.read()[-2000:]


def _die(module: str, stage: str, folder: Path, target: str, call: int, errors: str) -> None:
    with open(errors, "w") as file:  # noqa: PTH123 - takes the place of standard error
        os.dup2(file.fileno(), 2)
    warnings.simplefilter("ignore")
    die_at(target, call)
    importlib.import_module(module).run_stage(stage, folder)


def bytes_of(folder: Path) -> dict[str, str]:
    """Return the digest of every file in the lake of a data folder, hidden ones included, by path."""
    lake = folder / "lake"
    return {
        path.relative_to(lake).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(lake.rglob("*"))
        if path.is_file()
    }
