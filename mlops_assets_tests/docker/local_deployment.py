"""The services of compose.yaml as processes of this machine: their commands, environments and health checks as they are written."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from mlops_assets.stores.objects import ObjectStorage, open_object_storage
from mlops_assets_tests.docker.deployment import filled_in, image_command, image_environment, services
from mlops_assets_tests.services.base import running

_PORT_IN_CONTAINER = re.compile(r"\b([345]000|8803|8504)\b")


def _image(service: str) -> str:
    """Return the target of the Dockerfile that a service runs."""
    target: str = services()[service]["build"]["target"]
    return target


@dataclass(frozen=True)
class LocalDeployment:
    """A deployment on this machine.

    Attributes:
        variables: what docker/.env would hold.
        folder: home of Dagster, data directory and logs of the servers.
    """

    variables: dict[str, str]
    folder: Path

    @property
    def home(self) -> Path:
        """Where the image has /opt/dagster."""
        return self.folder / "home"

    def bucket(self, variable: str) -> ObjectStorage:
        """Return the bucket whose name is the value of a variable."""
        return open_object_storage(f"s3://{self.variables[variable]}?endpoint={self.variables['S3_ENDPOINT_URL']}")

    def environment(self, service: str) -> dict[str, str]:
        """Return the environment that the container of a service gets, with folders of this machine."""
        of_service = filled_in(services()[service]["environment"], self.variables)
        own = {"DAGSTER_HOME": str(self.home), "MLOPS_DATA_DIR": str(self.folder / "data"), "PATH": os.environ["PATH"]}
        return {**image_environment(_image(service)), **of_service, **own}

    def run(self, service: str) -> None:
        """Run the command of a service that ends."""
        done = self._run(service, services()[service]["command"])
        assert done.returncode == 0, done.stdout + done.stderr

    def serve(self, service: str, port: int | None = None) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """Run the command of a service that stays, until the block ends. One that listens on a port must become healthy first."""
        command = self._on_this_machine(services()[service].get("command", image_command(_image(service))), port)

        def is_ready() -> bool:
            # A health check takes a second of a core, which the server needs to start.
            return port is None or (_is_listened_on(port) and self.is_healthy(service, port))

        return running(command, self.log(service), is_ready, environment=self.environment(service))

    def is_healthy(self, service: str, port: int | None = None) -> bool:
        """Ask a service's health check."""
        return self._run(service, services()[service]["healthcheck"]["test"][1:], port).returncode == 0

    def log(self, service: str) -> Path:
        """Return the file with the output of a service that stays."""
        return self.folder / f"{service}.log"

    def _run(self, service: str, command: Sequence[str], port: int | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **self.environment(service)}
        local = self._on_this_machine(command, port)
        return subprocess.run(local, env=environment, cwd=self.folder, capture_output=True, text=True, check=False)

    def _on_this_machine(self, command: Sequence[str], port: int | None) -> list[str]:
        """Return a container's command with the programs of this Python, and addresses, ports and folders of this machine."""
        program, *arguments = command
        local = [part.replace("0.0.0.0", "127.0.0.1") for part in arguments]
        with_port = [_PORT_IN_CONTAINER.sub(str(port), part) for part in local] if port else local
        home = image_environment()["DAGSTER_HOME"]
        return [str(Path(sys.executable).with_name(program)), *(part.replace(home, str(self.home)) for part in with_port)]


def _is_listened_on(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
