"""The files of `docker/` as Docker reads them: services with their variables filled in, the Dockerfile's steps, what is ignored."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKER = REPOSITORY / "docker"

_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<rule>:-|:\?)(?P<rest>[^}]*))?\})")


@dataclass(frozen=True)
class Variable:
    """A use of a variable in compose.yaml.

    Attributes:
        name: of the variable.
        default: what stands for it if it is not set or empty; None if it must be set.
    """

    name: str
    default: str | None


def read_yaml(text: str) -> dict[str, Any]:
    """Return a mapping that is written as YAML."""
    content: dict[str, Any] = yaml.safe_load(text)
    return content


@cache
def compose() -> dict[str, Any]:
    """Return compose.yaml with its variables as they are written."""
    return read_yaml((DOCKER / "compose.yaml").read_text(encoding="utf-8"))


def services() -> dict[str, dict[str, Any]]:
    """Return the services of compose.yaml by name."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def variables_in(content: object) -> Iterator[Variable]:
    """Yield every use of a variable in a part of compose.yaml."""
    for match in _VARIABLE.finditer(json.dumps(content)):
        if match["name"]:
            yield Variable(match["name"], match["rest"] if match["rule"] == ":-" else None)


def filled_in(content: Any, variables: Mapping[str, str]) -> Any:
    """Return a part of compose.yaml with variables replaced as Docker Compose does; KeyError if one is missing that must be set."""
    if isinstance(content, dict):
        return {key: filled_in(value, variables) for key, value in content.items()}
    if isinstance(content, list):
        return [filled_in(value, variables) for value in content]
    return _VARIABLE.sub(lambda match: _value(match, variables), content) if isinstance(content, str) else content


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    if not match["name"]:
        return "$"
    return variables.get(match["name"]) or (match["rest"] if match["rule"] == ":-" else variables[match["name"]])


def env_example() -> dict[str, str]:
    """Return the values of env.example as they are written."""
    return _assignments(DOCKER / "env.example")


def _assignments(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE))


def copy_of_docker(folder: Path) -> Path:
    """Copy what is needed to start the containers below a folder, as in a fresh clone; return the copy of `docker/`."""
    shutil.copytree(DOCKER, folder / "docker", ignore=shutil.ignore_patterns(".env", "settings.env", "exports"))
    shutil.copy(REPOSITORY / ".env.example", folder)
    return folder / "docker"


def made_env(docker: Path) -> dict[str, str]:
    """Run make_env.sh in a copy of `docker/` and return the variables that Docker Compose then finds in `.env`."""
    subprocess.run(["sh", docker / "make_env.sh"], check=True, capture_output=True)
    variables: dict[str, str] = {}
    for name, value in _assignments(docker / ".env").items():
        variables[name] = filled_in(value, variables)
    return variables


def dockerfile() -> list[tuple[str, str]]:
    """Return the steps of the Dockerfile as pairs of instruction and arguments."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [(instruction, arguments.strip()) for line in lines if line for instruction, arguments in [line.split(maxsplit=1)]]


def stages() -> dict[str, list[tuple[str, str]]]:
    """Return the steps of each stage of the Dockerfile by its name; those of the stage that it builds on come first."""
    found: dict[str, list[tuple[str, str]]] = {}
    for instruction, arguments in dockerfile():
        if instruction == "FROM":
            base, _, name = arguments.split()
            found[name] = list(found.get(base, []))
        found[name].append((instruction, arguments))
    return found


def image_environment(target: str = "platform") -> dict[str, str]:
    """Return the environment variables that an image sets."""
    settings = " ".join(arguments for instruction, arguments in stages()[target] if instruction == "ENV")
    return dict(setting.split("=", 1) for setting in settings.split())


def image_command(target: str = "platform") -> list[str]:
    """Return the command that a container runs unless its service names another."""
    command: list[str] = json.loads([arguments for instruction, arguments in stages()[target] if instruction == "CMD"][-1])
    return command


def reaches_the_build(path: str) -> bool:
    """Tell whether .dockerignore lets a path of the repository through: the last pattern that matches it decides."""
    patterns = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    ignored = False
    for pattern in patterns:
        if pattern and not pattern.startswith("#") and _matches(path, pattern.removeprefix("!")):
            ignored = not pattern.startswith("!")
    return not ignored


def _matches(path: str, pattern: str) -> bool:
    """Tell whether a pattern names the path or a folder that it is in."""
    parts = PurePosixPath(path).parts
    return any(_parts_match(parts[:length], PurePosixPath(pattern).parts) for length in range(1, len(parts) + 1))


def _parts_match(parts: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return any(_parts_match(parts[start:], patterns[1:]) for start in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], patterns[0]) and _parts_match(parts[1:], patterns[1:])
