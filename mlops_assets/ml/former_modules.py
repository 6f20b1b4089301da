"""Names that saved models still use: pickled classes name the modules that they were in, and input contracts their columns."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_assets.contracts import TableContract

_MOVED_HERE = {"mlops_assets.ml.forecasting.judging": "mlops_assets.ml.forecasting.selection"}


def former_modules_of(domain: str) -> dict[str, str]:
    """Return the modules that were moved, by their former names: the platform's, and those in a domain's `FORMER_MODULES`."""
    package = f"mlops_assets.{domain}"
    moved: Mapping[str, str] = _offered(domain, "FORMER_MODULES", {})
    return _MOVED_HERE | {f"{package}.{old}": f"{package}.{new}" for old, new in moved.items()}


def former_columns_of(domain: str) -> dict[str, str]:
    """Return the columns of a domain's data that were renamed, by their former names, as its contracts say."""
    contracts: Iterable[TableContract] = _offered(f"{domain}.contracts", "DATA_CONTRACTS", ())
    return {former: name for contract in contracts for former, name in contract.former_names.items()}


def _offered(module: str, name: str, default: Any) -> Any:
    try:
        return getattr(import_module(f"mlops_assets.{module}"), name, default)
    except ModuleNotFoundError:
        return default


@contextmanager
def importable_by_former_names(domain: str) -> Iterator[None]:
    """Let modules of a domain be imported by the names that they had in former releases, while a pipeline is loaded."""
    added = []
    try:
        for old, new in former_modules_of(domain).items():
            if old not in sys.modules:
                sys.modules[old] = import_module(new)
                added.append(old)
        yield
    finally:
        for old in added:
            del sys.modules[old]
