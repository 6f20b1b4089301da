"""The files of dashboards that Grafana reads when it starts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mlops_assets.grafana.boards import chicago_crimes, donostia_parking, platform, song_popularity

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mlops_assets.grafana.warehouses import GrafanaWarehouse

_BOARDS = (chicago_crimes, donostia_parking, platform, song_popularity)


def dashboard_files(warehouse: GrafanaWarehouse) -> dict[str, str]:
    """Return the content of the dashboards of a warehouse, by name of the file."""
    boards = [module.dashboard(warehouse) for module in _BOARDS]
    return {f"{board.name}.json": json.dumps(board.to_json(warehouse), indent=2, ensure_ascii=False) + "\n" for board in boards}


def outdated_files(folder: Path, warehouses: Iterable[GrafanaWarehouse]) -> list[Path]:
    """Return the files below a folder that are missing, not what the code says, or of a dashboard that is no more."""
    wanted = _wanted(folder, warehouses)
    present = {path for kind in {path.parent for path in wanted} for path in kind.glob("*.json")}
    return sorted(path for path in present | set(wanted) if path not in present or _text(path) != wanted.get(path))


def write_dashboards(folder: Path, warehouses: Iterable[GrafanaWarehouse]) -> None:
    """Write the dashboards of warehouses, those of a kind into a folder of its name, and remove those that are no more."""
    warehouses = list(warehouses)
    wanted = _wanted(folder, warehouses)
    for path in outdated_files(folder, warehouses):
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()


def _wanted(folder: Path, warehouses: Iterable[GrafanaWarehouse]) -> dict[Path, str]:
    return {folder / each.kind / name: text for each in warehouses for name, text in dashboard_files(each).items()}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
