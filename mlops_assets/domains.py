"""The domains of the platform. A new one is a package of the common shape and one name here.

Each package offers, under the same names, what the platform asks of it:

- `settings.SETTINGS`: its class of settings;
- `definition.CONTRACTS` and `definition.build_domain`: its part of the graph;
- `commands.COMMANDS`: its own commands, or none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_assets.environment_settings import DomainSettings

DOMAINS = ("chicago_crimes", "donostia_parking")


def settings_class(domain: str) -> type[DomainSettings]:
    """Return a domain's class of settings; it imports nothing heavy."""
    found: type[DomainSettings] = _module(domain, "settings").SETTINGS
    return found


def definition(domain: str) -> Any:
    """Return a domain's module `definition`; it imports Dagster."""
    return _module(domain, "definition")


def commands(domain: str) -> Any:
    """Return a domain's own commands as a `typer.Typer`; it imports nothing heavy."""
    return _module(domain, "commands").COMMANDS


def _module(domain: str, name: str) -> Any:
    return import_module(f"mlops_assets.{domain}.{name}")
