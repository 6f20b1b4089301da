"""Follow a local registry that was moved, copied or restored from a backup.

MLflow's database holds the absolute address of every file. The registry's own files are in one folder, so when that is another
one than before, the addresses that begin with the former one are rewritten, in one transaction, when the registry is opened. Then
every tool that reads the database finds the files, and a copy never writes into the original.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from mlops_assets.errors import StoreAccessError
from mlops_assets.stores.urls import local_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_logger = logging.getLogger(__name__)
_TIMEOUT_S = 60
_DEFAULT_EXPERIMENT = 0
ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("trace_tags", "value"),
)
"""Where MLflow keeps addresses of files, by table and column."""
_EXPERIMENTS = """
    SELECT experiment_id, name, artifact_location,
        EXISTS (SELECT 1 FROM runs WHERE runs.experiment_id = experiments.experiment_id),
        EXISTS (SELECT 1 FROM runs JOIN tags USING (run_uuid)
            WHERE runs.experiment_id = experiments.experiment_id AND tags.key = 'asset' AND tags.value = experiments.name)
    FROM experiments
"""


@dataclass
class _Folder:
    """A folder in which experiments keep their files, each in one of its own.

    Attributes:
        path: where it is, or was.
        experiments: the names of their folders.
        has_runs: whether there are any runs in them.
        is_ours: whether runs in them were recorded by this package.
    """

    path: Path
    experiments: list[str] = field(default_factory=list)
    has_runs: bool = False
    is_ours: bool = False

    def holds_files(self, path: Path) -> bool:
        """Tell whether files of the experiments are below a path."""
        return any((path / name).exists() for name in self.experiments)


def follow_moved_files(database: Path, artifact_folder: Path) -> None:
    """Rewrite the addresses of files that were in another folder when the database was last used; quick if there are none.

    Files that people keep elsewhere on purpose are left alone, and those beside the database: other data directories may share it.

    Args:
        database: MLflow's SQLite file; nobody else writes to it.
        artifact_folder: where the registry's files are now.

    Raises:
        StoreAccessError: the files are still in the former folder, and only there.
    """
    with closing(sqlite3.connect(database, timeout=_TIMEOUT_S, isolation_level=None)) as connection:
        if not _tables(connection) >= {table for table, _ in ADDRESSES}:
            # Of another version of MLflow, which says so itself.
            return
        for prefix, former in _folders_of(connection.execute(_EXPERIMENTS)).items():
            if _has_moved(former, database, artifact_folder):
                _rewrite(connection, prefix, artifact_folder.as_uri())
                if former.has_runs:
                    _logger.warning("%s: model files that were in %s are now in %s", database, former.path, artifact_folder)


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _folders_of(experiments: Iterable[tuple[int, str, str, bool, bool]]) -> dict[str, _Folder]:
    """Return the local folders that experiments are in under their own names, by the beginning of their addresses."""
    folders: dict[str, _Folder] = {}
    for number, name, location, has_runs, is_ours in experiments:
        own = str(number) if number == _DEFAULT_EXPERIMENT else quote(name)
        prefix = location.removesuffix(f"/{own}")
        if prefix == location or not prefix.startswith("file:"):
            continue
        folder = folders.setdefault(prefix, _Folder(local_path(prefix)))
        folder.experiments.append(str(number) if number == _DEFAULT_EXPERIMENT else name)
        folder.has_runs |= bool(has_runs)
        folder.is_ours |= bool(is_ours)
    return folders


def _is_same(path: Path, other: Path) -> bool:
    return path == other or (path.exists() and other.exists() and path.samefile(other))


def _has_moved(former: _Folder, database: Path, artifact_folder: Path) -> bool:
    if _is_same(former.path, artifact_folder):
        return False
    if _is_same(former.path.parent, database.parent) and former.holds_files(former.path):
        return False
    if not former.has_runs:
        # There are no files yet; but what looks like a folder of somebody else's is theirs.
        return former.path.name == artifact_folder.name or not former.path.exists()
    if not former.is_ours:
        return False
    if former.holds_files(former.path) and not former.holds_files(artifact_folder):
        raise StoreAccessError(
            f"the model files of {database} are in {former.path}, where another registry may use them, and not in "
            f"{artifact_folder}: copy or move that folder there"
        )
    return True


def _rewrite(connection: sqlite3.Connection, former: str, present: str) -> None:
    """Let all addresses below one folder be below another."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for table, column in ADDRESSES:
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",  # noqa: S608 - constants
                [present, len(former) + 1, len(former) + 1, f"{former}/"],
            )
