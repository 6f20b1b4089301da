"""Modules that were moved: pickled pipelines name the modules of their classes, as these were called when they were saved."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module


def former_modules_of(domain: str) -> Mapping[str, str]:
    """Return the modules of a domain that were moved, by their former names; it lists them in its `FORMER_MODULES`."""
    try:
        package = import_module(f"mlops_assets.{domain}")
    except ModuleNotFoundError:
        return {}
    return {f"{package.__name__}.{old}": f"{package.__name__}.{new}" for old, new in getattr(package, "FORMER_MODULES", {}).items()}


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
