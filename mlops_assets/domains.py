"""The domains of the platform. A new one is a package of the common shape and one name here.

Each package offers, under the same names, what the platform asks of it:

- `settings.SETTINGS`: its class of settings;
- `definition.build_domain`: its part of the graph;
- `commands.COMMANDS`, if it has commands of its own;
- `serving.SERVING`, if its champions are served;
- `producer.PRODUCER`, if it sends events that it reads from a stream;
- `streaming.PIPELINE`, if its stream can be run as an Apache Beam pipeline.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_assets.environment_settings import DomainSettings
    from mlops_assets.serving.extension import DomainServing
    from mlops_assets.streams.pipelines import StreamPipeline
    from mlops_assets.streams.producing import Producer

DOMAINS = ("chicago_crimes", "donostia_parking", "song_preference", "song_popularity")


def settings_class(domain: str) -> type[DomainSettings]:
    """Return a domain's class of settings; it imports nothing heavy."""
    found: type[DomainSettings] = _module(domain, "settings").SETTINGS
    return found


def definition(domain: str) -> Any:
    """Return a domain's module `definition`; it imports Dagster."""
    return _module(domain, "definition")


def command_apps() -> Iterator[Any]:
    """Yield the commands of each domain that has some, as a `typer.Typer`; they import nothing heavy."""
    for domain in DOMAINS:
        if find_spec(f"mlops_assets.{domain}.commands"):
            yield _module(domain, "commands").COMMANDS


def serving_extensions() -> Iterator[DomainServing]:
    """Yield what each domain that has a served model adds to serving; it imports nothing heavy."""
    for domain in DOMAINS:
        if find_spec(f"mlops_assets.{domain}.serving"):
            yield _module(domain, "serving").SERVING


def producers() -> dict[str, Producer]:
    """Return, by domain, what sends events for those that read a stream; it imports nothing heavy."""
    return {domain: _module(domain, "producer").PRODUCER for domain in DOMAINS if find_spec(f"mlops_assets.{domain}.producer")}


def pipelines() -> dict[str, StreamPipeline]:
    """Return the pipeline of each domain that has one; it imports nothing heavy."""
    return {domain: _module(domain, "streaming").PIPELINE for domain in DOMAINS if find_spec(f"mlops_assets.{domain}.streaming")}


def _module(domain: str, name: str) -> Any:
    return import_module(f"mlops_assets.{domain}.{name}")
