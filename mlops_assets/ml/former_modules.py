"""Names that saved models still use: pickled classes name the modules that they were in, and input contracts their columns."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module

_MOVED_HERE = {"mlops_assets.ml.forecasting.judging": "mlops_assets.ml.forecasting.selection"}


def former_modules_of(domain: str) -> dict[str, str]:
    """Return the modules that were moved, by their former names: the platform's, and those in a domain's `FORMER_MODULES`."""
    package = f"mlops_assets.{domain}"
    moved = _listed(domain, "FORMER_MODULES")
    return _MOVED_HERE | {f"{package}.{old}": f"{package}.{new}" for old, new in moved.items()}


def former_columns_of(domain: str) -> Mapping[str, str]:
    """Return the columns of a domain that were renamed, by their former names, as its `FORMER_COLUMNS` lists them."""
    return _listed(domain, "FORMER_COLUMNS")


def _listed(domain: str, name: str) -> Mapping[str, str]:
    try:
        found: Mapping[str, str] = getattr(import_module(f"mlops_assets.{domain}"), name, {})
    except ModuleNotFoundError:
        return {}
    return found


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
