"""From where a command reads and to where it writes: said before it does, and handed to processes that it starts."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from mlops_assets.environment import ENV_FILE_VARIABLE, find_project
from mlops_assets.errors import SettingsError
from mlops_assets.settings import Settings, unknown_variables
from mlops_assets.stores.models.connection import database_path
from mlops_assets.stores.registry import STORE_KINDS
from mlops_assets.stores.urls import local_path
from mlops_assets.urls import PATH_SCHEMES, UnreadableURLError, read_url, redact


def use_places(settings: Settings) -> None:
    """Make the places of the settings those of this process and its children."""
    os.environ.update(settings.as_environment())
    if env_file := find_project().env_file:
        os.environ[ENV_FILE_VARIABLE] = str(env_file)


def say_where(console: Console, settings: Settings, domains: Sequence[str] = ()) -> None:
    """Print sources, stores and where the settings come from, without credentials.

    Args:
        console: gets the line.
        settings: of the platform.
        domains: that the command works on; all if empty.
    """
    for name, nearest in unknown_variables().items():
        console.print(f"{name} is not a setting and is ignored; the nearest is {nearest}", style="yellow", highlight=False)
    own = {name: of_domain for name, of_domain in settings.domains.items() if name in domains or not domains}
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
    stores, tracking_uri = settings.build_stores(), settings.mlflow_tracking_uri
    yield str(settings.data_dir)
    for kind in STORE_KINDS:
        for domain in domains:
            url = stores.url(kind, domain)
            if not _is_below(settings.data_dir, url, local_path):
                yield f"{kind} {redact(url)}"
    if not _is_below(settings.data_dir, tracking_uri, database_path):
        yield f"models {redact(tracking_uri)}"


def _is_below(folder: Path, url: str, path_of: Callable[[str], Path]) -> bool:
    """Tell whether a URL is a path of this machine in a folder, which it is as whoever opens it understands it."""
    try:
        return read_url(url).scheme in PATH_SCHEMES and _normal(path_of(url)).is_relative_to(_normal(folder))
    except (UnreadableURLError, SettingsError):
        # Whoever opens it says what is wrong.
        return False


def _normal(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 resolve() would follow links
