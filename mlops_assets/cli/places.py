"""Say from where a command reads and to where it writes, before it does."""

from collections.abc import Iterator, Sequence

from rich.console import Console

from mlops_assets.build import build_stores
from mlops_assets.environment import find_project
from mlops_assets.settings import Settings, unknown_variables
from mlops_assets.stores.catalog import STORE_KINDS
from mlops_assets.urls import redact


def say_where(console: Console, settings: Settings, domains: Sequence[str] = ()) -> None:
    """Print sources, stores and where the settings come from, without credentials.

    Args:
        console: gets the line.
        settings: of the platform.
        domains: that the command works on; all if empty.
    """
    for name, nearest in unknown_variables().items():
        console.print(f"{name} is not a setting and is ignored; the nearest is {nearest}", style="yellow", highlight=False)
    own = {name: of_domain for name, of_domain in settings.by_domain().items() if name in domains or not domains}
    sources = "; ".join(f"{name} from {of_domain.describe_source()}" for name, of_domain in own.items())
    env_file = find_project().env_file
    console.print(
        f"{sources}; to {', '.join(dict.fromkeys(_places(settings, list(own))))}; settings from "
        f"{f'{env_file} and ' if env_file else ''}the environment",
        style="dim",
        markup=False,
        highlight=False,
        soft_wrap=not console.is_terminal,
    )


def _places(settings: Settings, domains: Sequence[str]) -> Iterator[str]:
    """Yield the data directory, which stands for all stores in it, and each store elsewhere with its kind."""
    stores, data = build_stores(settings), str(settings.data_dir)
    yield data
    for kind in STORE_KINDS:
        for domain in domains:
            shown = redact(stores.url(kind, domain))
            if data not in shown:
                yield f"{kind} {shown}"
    if data not in settings.mlflow_tracking_uri:
        yield f"models {redact(settings.mlflow_tracking_uri)}"
