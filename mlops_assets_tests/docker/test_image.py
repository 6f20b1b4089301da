"""The image: built from what the Dockerfile names, nothing else, by steps that work; its settings are those of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_assets_tests.docker.deployment import (
    DOCKER,
    REPOSITORY,
    dockerfile,
    env_example,
    image_command,
    image_environment,
    reaches_the_build,
    read_yaml,
    services,
    stages,
)

LOCKS = ["runtime", "xgboost", "serving", "dashboard", "dataflow"]
"""What the build argument LOCK may be."""


def copied() -> list[str]:
    """Return what the Dockerfile copies out of the repository, for every LOCK."""
    copies = [arguments.split() for instruction, arguments in dockerfile() if instruction == "COPY"]
    sources = [source for paths in copies if not paths[0].startswith("--from=") for source in paths[:-1]]
    return sorted({source.replace("${LOCK}", lock) for source in sources for lock in LOCKS})


def run_python(folder: Path, *arguments: str | Path, **variables: str) -> str:
    """Run this Python in a folder and return what it prints."""
    command, environment = [sys.executable, *map(str, arguments)], {**os.environ, **variables}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_whatever_is_copied_exists_and_is_not_ignored() -> None:
    """No COPY fails."""
    assert "mlops_assets" in copied()
    for source in copied():
        assert (REPOSITORY / source).exists(), source
        assert reaches_the_build(source), source


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        "docker/.env",
        "docker/settings.env",
        "docker/exports/crimes.csv",
        "data/lake",
        ".git/config",
        ".venv/bin/python",
        "mlops_assets_tests/conftest.py",
        "mlops_assets/ml/__pycache__/bundle.cpython-311.pyc",
    ],
)
def test_secrets_and_ballast_do_not_reach_the_build(path: str) -> None:
    """Passwords, data, caches and the history stay out, whatever the Dockerfile copies."""
    assert not reaches_the_build(path)


def test_base_is_pinned_and_the_user_is_nobody_special() -> None:
    """Every stage begins with the same full version of Python, and images run as a numbered user who is not root."""
    bases = {steps[0][1].split()[0] for steps in stages().values()}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", bases.pop())
    for target in ("platform", "serving"):
        users = [arguments for instruction, arguments in stages()[target] if instruction == "USER"]
        assert int(users[-1]) > 0


def test_serving_has_no_dagster() -> None:
    """The lock of the serving image holds what serving imports, at the versions of the platform, and no orchestration."""
    serving, runtime = (_pinned(name) for name in ("serving", "runtime"))
    assert not [package for package in serving if package.startswith("dagster")]
    # Extras of a package are pinned beside it.
    assert {package: versions for package, versions in serving.items() if runtime.get(package) != versions} == {}


def _pinned(lock: str) -> dict[str, set[str]]:
    text = (REPOSITORY / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
    pinned: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==([^ ]+)", text, re.MULTILINE):
        pinned.setdefault(package, set()).add(version)
    return pinned


def test_dependencies_are_those_of_the_lock_files() -> None:
    """Every package is checked against the hashes of a lock file; nothing is resolved, and nothing built but the project."""
    dependencies, project = [
        arguments for instruction, arguments in dockerfile() if re.search(r"pip install|install\.py", arguments)
    ][1:]
    assert re.findall(r"requirements/(\S+)\.lock", dependencies) == ["${LOCK}", "build"]
    assert "--no-deps --no-build-isolation" in project
    assert env_example()["MLOPS_LOCK"] in LOCKS


def test_image_holds_no_secret() -> None:
    """Nothing that the Dockerfile sets is named like a secret, and it takes none as a build argument."""
    set_here = [arguments for instruction, arguments in dockerfile() if instruction in ("ENV", "ARG")]
    assert not re.search(r"PASSWORD|SECRET|TOKEN|KEY|URL", " ".join(set_here))


def test_installed_code_loads_without_the_repository(tmp_path: Path) -> None:
    """The last step of the build, made of copied files alone, installs a code location that loads."""
    context, site = tmp_path / "context", tmp_path / "site"
    context.mkdir()
    for source in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / source, context)
    shutil.copytree(REPOSITORY / "mlops_assets", context / "mlops_assets", ignore=shutil.ignore_patterns("__pycache__"))
    install = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    run_python(tmp_path, *install, "--target", site, context)
    code = "import mlops_assets.definitions as it; print(it.__file__, len(list(it.defs.resolve_all_asset_specs())))"
    path, assets = run_python(tmp_path, "-c", code, PYTHONPATH=str(site), MLOPS_DATA_DIR=str(tmp_path / "data")).split()
    assert Path(path).is_relative_to(site)
    assert int(assets) > 0


def test_instance_differs_from_the_repositorys_in_records_and_logs_only() -> None:
    """What dagster.yaml says about runs, retries and retention holds in the containers, too."""
    ours, theirs = (read_yaml((folder / "dagster.yaml").read_text()) for folder in (DOCKER, REPOSITORY))
    assert {key: value for key, value in ours.items() if key not in theirs}.keys() == {"storage", "compute_logs"}
    assert {key: ours[key] for key in theirs} == theirs


def test_workspace_names_the_server_that_the_image_starts() -> None:
    """Webserver and daemon look for the code location where, and under the name that, the image's command serves it."""
    from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
    from dagster._core.workspace.load import location_origins_from_yaml_paths

    [origin] = location_origins_from_yaml_paths([str(DOCKER / "workspace.yaml")])
    command = " ".join(image_command())
    options = dict(re.findall(r"--([\w-]+) (\S+)", command))
    assert isinstance(origin, GrpcServerCodeLocationOrigin)
    assert "command" not in services()[origin.host]
    assert (str(origin.port), origin.location_name) == (options["port"], options["location-name"])


@pytest.mark.parametrize("name", ["daemon", "webserver"])
def test_image_has_the_files_that_commands_name(name: str) -> None:
    """DAGSTER_HOME of the image is the folder into which it copies dagster.yaml and workspace.yaml."""
    home = image_environment()["DAGSTER_HOME"]
    assert ("COPY", f"docker/dagster.yaml docker/workspace.yaml {home}/") in dockerfile()
    assert f"{home}/workspace.yaml" in services()[name]["command"]
