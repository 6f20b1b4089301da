"""compose.yaml: pinned, healthy, without secrets, and with every variable documented."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mlops_assets_tests.docker.deployment import (
    DOCKER,
    REPOSITORY,
    compose,
    copy_of_docker,
    env_example,
    filled_in,
    made_env,
    read_yaml,
    services,
    variables_in,
)
from mlops_assets_tests.services.base import Service, provided

PORTS = {
    "webserver": ["3000"],
    "mlflow": ["5001"],
    "serving": ["8803", "50051"],
    "dashboard": ["8504"],
    "minio": ["9000", "9001"],
    "postgres": ["5432"],
    "mysql": ["3306"],
    "mongodb": ["27017"],
    "kafka": ["29092"],
    "grafana": ["3001"],
}
"""On which ports the host sees the services by default: those of the original systems, where these had them."""

SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY(_ID)?$")


@contextmanager
def _found(_folder: Path) -> Iterator[Mapping[str, str]]:
    yield {DOCKER_COMPOSE.variable: "docker-compose"}


DOCKER_COMPOSE = Service(
    name="docker-compose",
    variable="MLOPS_TEST_DOCKER_COMPOSE",
    start=_found,
    lacks=lambda: None if shutil.which("docker-compose") else "the Debian package docker-compose is not installed",
)
"""Checks compose.yaml without an engine; `MLOPS_TEST_DOCKER_COMPOSE='docker compose'` names another one."""


@pytest.fixture(scope="module")
def docker_compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Give the command that reads compose files."""
    with provided(DOCKER_COMPOSE, tmp_path_factory.mktemp("docker-compose")) as command:
        yield shlex.split(command)


def is_one_shot(service: Mapping[str, Any]) -> bool:
    """Tell whether a service does its work and ends."""
    return service["restart"] == "no"


def named(*, one_shot: bool) -> list[str]:
    """Return the names of the services that end, or of those that stay."""
    return [name for name, service in services().items() if is_one_shot(service) is one_shot]


def suggested_urls() -> list[tuple[str, str]]:
    """Return the platform's stores in env.example: the values, and what comments offer instead of them."""
    text = (DOCKER / "env.example").read_text(encoding="utf-8")
    values = re.findall(r"^(MLOPS_(?:LAKE|WAREHOUSE|DOCUMENTS|EVENTS)_URL)=(.+)$", text, re.MULTILINE)
    offers = re.findall(r"^# .*\bOr (\S+)\n(\w+)=", text, re.MULTILINE)
    example = {**env_example(), "POSTGRES_WAREHOUSE_PASSWORD": "p", "MYSQL_PASSWORD": "p", "MONGODB_PASSWORD": "p"}
    return [(name, filled_in(url, example)) for name, url in [*values, *((name, url) for url, name in offers)]]


@pytest.mark.parametrize("name", services())
def test_images_of_others_are_pinned_to_a_version(name: str) -> None:
    """No image can change under a running platform: each has a tag with a full version."""
    image = filled_in(services()[name]["image"], {})
    tag = image.rpartition(":")[2]
    assert re.search(r"\d+\.\d+\.\d+|\d+\.\d+-|RELEASE\.\d{4}-\d\d-\d\d", tag), image
    assert ("build" in services()[name]) == image.startswith("mlops-assets:")


def test_own_image_is_tagged_with_the_projects_version() -> None:
    """An image of another version is another image, so that the old one can be gone back to."""
    version = re.findall(r'^version = "(.+)"$', (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version == [env_example()["MLOPS_IMAGE_TAG"]]


@pytest.mark.parametrize("name", named(one_shot=False))
def test_services_that_stay_tell_whether_they_are_healthy(name: str) -> None:
    """Docker can tell a server that works from a process that runs, and starts a server again that ended."""
    service = services()[name]
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries"} <= set(service["healthcheck"])
    assert service["restart"] == "unless-stopped"


def test_services_wait_for_what_they_use() -> None:
    """A dependency exists, is waited for until it is healthy or done, and is started by every profile that starts its user."""
    for name, service in services().items():
        for dependency, condition in service.get("depends_on", {}).items():
            used = services()[dependency]
            done = "service_completed_successfully" if is_one_shot(used) else "service_healthy"
            assert condition == {"condition": done}, f"{name} -> {dependency}"
            assert set(service["profiles"]) <= set(used["profiles"]), f"{name} -> {dependency}"


def test_profiles_are_those_that_are_documented() -> None:
    """`all` starts every service, and env.example names every profile."""
    assert all("all" in service["profiles"] for service in services().values())
    profiles = {profile for service in services().values() for profile in service["profiles"]}
    assert profiles == {"minio", "postgres", "mysql", "mongodb", "kafka", "mlflow", "platform", "grafana", "all"}
    text = (DOCKER / "env.example").read_text(encoding="utf-8")
    start = text.partition("What `docker compose up` starts")[2].partition("COMPOSE_PROFILES")[0]
    assert all(re.search(rf"\b{profile}\b", start) for profile in profiles)


def test_no_service_has_a_literal_secret() -> None:
    """What is named like a secret comes from a variable that must be set, and no URL holds a password."""
    for name, service in services().items():
        for variable, value in service.get("environment", {}).items():
            assert not re.search(r"//[^/$@]*:[^/$@]*@", str(value)), f"{name}: {variable}"
            if SECRET.search(variable):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), f"{name}: {variable}"


def test_env_example_has_no_secrets() -> None:
    """Whoever does not make passwords has none, rather than those that everybody knows."""
    assert {name for name, value in env_example().items() if SECRET.search(name) and value} == {"S3_ACCESS_KEY_ID"}


def test_every_variable_is_documented_with_its_default() -> None:
    """env.example lists what compose.yaml reads, nothing else, with the same defaults; COMPOSE_ variables are the program's own."""
    used = set(variables_in(compose()))
    documented = {name: value for name, value in env_example().items() if not name.startswith("COMPOSE_")}
    assert {variable.name for variable in used} == set(documented)
    assert {variable.name: variable.default for variable in used if variable.default is not None}.items() <= documented.items()


def test_settings_of_the_platform_are_spelled_right() -> None:
    """What the code location gets besides variables of Dagster and S3 is what the repository's .env.example lists."""
    listed = re.findall(r"^# (\w+)=", (REPOSITORY / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    given = {name for name in services()["code-location"]["environment"] if name.startswith(("MLOPS_", "MLFLOW_"))}
    assert given <= set(listed)


@pytest.mark.parametrize(("variable", "url"), suggested_urls())
def test_suggested_urls_are_understood(variable: str, url: str) -> None:
    """Each URL of a store that env.example has or suggests is one that the store's module opens."""
    from mlops_assets.stores.documents import open_documents
    from mlops_assets.stores.events import open_event_log
    from mlops_assets.stores.objects import open_object_storage
    from mlops_assets.stores.warehouse import open_warehouse

    openers: dict[str, Callable[[str], object]] = {
        "MLOPS_LAKE_URL": open_object_storage,
        "MLOPS_WAREHOUSE_URL": open_warehouse,
        "MLOPS_DOCUMENTS_URL": open_documents,
        "MLOPS_EVENTS_URL": open_event_log,
    }
    assert openers[variable](url) is not None


def test_ports_are_variables_and_open_to_this_machine_only() -> None:
    """Each published port can be moved, is the documented one by default, and nobody else can reach it unless told so."""
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    as_variables = re.compile(r"\$\{BIND_ADDRESS:-\S+\}:\$\{\w+_PORT:-\d+\}:\d+")
    assert all(as_variables.fullmatch(port) for ports in published.values() for port in ports)
    by_default = {name: [filled_in(port, {}).split(":")[:2] for port in ports] for name, ports in published.items()}
    assert by_default == {name: [["127.0.0.1", port] for port in ports] for name, ports in PORTS.items()}


def test_what_is_kept_lies_on_named_volumes() -> None:
    """Data outlives its container; what is mounted from the host is read only."""
    for name, service in services().items():
        for volume in service.get("volumes", []):
            source, _, options = filled_in(volume, {}).partition(":")
            assert source in compose()["volumes"] or options.endswith(":ro"), f"{name}: {volume}"


def test_random_passwords_are_made_once(tmp_path: Path) -> None:
    """make_env.sh fills every password with another one, for this user's eyes only, and never replaces a file."""
    docker = copy_of_docker(tmp_path)
    variables = made_env(docker)
    secrets = [variables[name] for name, value in env_example().items() if SECRET.search(name) and not value]
    assert len(set(secrets)) == len(secrets) >= 10
    assert all(re.fullmatch("[0-9a-f]{32}", secret) for secret in secrets)
    assert variables["POSTGRES_DAGSTER_PASSWORD"] in variables["DAGSTER_POSTGRES_URL"]
    assert [(docker / name).stat().st_mode & 0o777 for name in (".env", "settings.env")] == [0o600, 0o600]
    assert made_env(docker) == variables


@pytest.mark.services
@pytest.mark.parametrize("profile", ["mlflow", "platform", "grafana", "all"])
def test_docker_compose_accepts_a_fresh_clone(docker_compose: list[str], profile: str, tmp_path: Path) -> None:
    """After make_env.sh everything that a profile starts is complete."""
    docker = copy_of_docker(tmp_path)
    made_env(docker)
    done = run_in(docker, [*docker_compose, "--profile", profile, "config", "--services"])
    assert done.returncode == 0, done.stderr
    assert {name for name, service in services().items() if profile in service["profiles"]} <= set(done.stdout.split())


@pytest.mark.services
def test_docker_compose_and_these_tests_fill_in_the_same(docker_compose: list[str], tmp_path: Path) -> None:
    """The environments that other tests start commands with are those that the containers get."""
    docker = copy_of_docker(tmp_path)
    variables = made_env(docker)
    done = run_in(docker, [*docker_compose, "--profile", "all", "config"])
    resolved = read_yaml(done.stdout)["services"]
    for name, service in services().items():
        ours = {key: str(value) for key, value in filled_in(service["environment"], variables).items()}
        assert {key: str(value) for key, value in resolved[name]["environment"].items()} == ours, name


@pytest.mark.services
def test_docker_compose_names_what_is_not_set(docker_compose: list[str], tmp_path: Path) -> None:
    """A password that was left empty stops the start, with the variable's name."""
    docker = copy_of_docker(tmp_path)
    made_env(docker)
    settings = docker / ".env"
    settings.write_text(re.sub("^MYSQL_PASSWORD=.*$", "MYSQL_PASSWORD=", settings.read_text(), flags=re.MULTILINE))
    done = run_in(docker, [*docker_compose, "config", "-q"])
    assert done.returncode != 0
    assert "MYSQL_PASSWORD" in done.stderr


def run_in(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder with nothing in its environment that could stand for a variable of the files."""
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
