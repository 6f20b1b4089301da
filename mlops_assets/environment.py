"""The project to which a command belongs, and its `.env` file, wherever in the project the command is started."""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

from mlops_assets.errors import SettingsError

ENV_FILE_VARIABLE = "MLOPS_ENV_FILE"
ENV_FILE = ".env"
_WORKSPACE = "workspace.yaml"
_CHECKOUT = Path(__file__).resolve().parents[1]
_REFERENCE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Project:
    """The folder to which a command belongs.

    Attributes:
        folder: where relative paths of the file begin, and where data is kept by default.
        env_file: its `.env`; None if there is none.
    """

    folder: Path
    env_file: Path | None


def find_project() -> Project:
    """Find the project: that of the file which `MLOPS_ENV_FILE` names, else the nearest folder upwards that looks like one.

    That is a folder with `.env` or `workspace.yaml`. If there is none, it is the checkout that this package is installed from: its
    programs do the same wherever they are started. An installed package without a checkout takes the current folder.

    Raises:
        SettingsError: `MLOPS_ENV_FILE` names no file.
    """
    if named := os.environ.get(ENV_FILE_VARIABLE):
        path = Path(named).expanduser().absolute()
        if not path.is_file():
            raise SettingsError(f"{ENV_FILE_VARIABLE} names {path}, which is not a file")
        return Project(path.parent, path)
    here = Path.cwd()
    for folder in (here, *here.parents, _CHECKOUT):
        if (folder / ENV_FILE).is_file():
            return Project(folder, folder / ENV_FILE)
        if (folder / _WORKSPACE).is_file():
            return Project(folder, None)
    return Project(here, None)


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of a file.

    Raises:
        SettingsError: the file or a line cannot be read, or a line refers to a variable that is not set and would count as empty.
    """
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    known = set(os.environ)
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            raise SettingsError(f"{path}, line {binding.original.line} cannot be read; look at its quotes")
        for reference in _REFERENCE.findall(binding.value or ""):
            if reference not in known:
                raise SettingsError(
                    f"{path}: {binding.key} refers to the variable {reference}, which is not set; write %24 for a $ in a URL"
                )
        known.add(binding.key or "")
    return {name: value for name, value in dotenv_values(stream=io.StringIO(text)).items() if value is not None}


def export_env_file(own_names: set[str]) -> None:
    """Put the file's variables into the environment of this process, for the client libraries that look for them there.

    Args:
        own_names: settings of the platform, which are read from the file itself, because it says where their paths begin.
    """
    env_file = find_project().env_file
    for name, value in read_env_file(env_file).items() if env_file else ():
        if name.upper() not in own_names:
            os.environ.setdefault(name, value)
