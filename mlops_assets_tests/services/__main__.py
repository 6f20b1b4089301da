"""`python -m mlops_assets_tests.services`: start the servers that tests use, and keep them until Ctrl-C.

Where Docker is, those of docker/compose.yaml are started and stay; elsewhere those that pip and Debian's packages provide. With a
command behind it, the command is run with the servers in its environment, and its exit status is returned.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from mlops_assets_tests.services.base import Service
from mlops_assets_tests.services.bigquery import BIGQUERY
from mlops_assets_tests.services.compose import start_compose
from mlops_assets_tests.services.gcs import GCS
from mlops_assets_tests.services.kafka import KAFKA
from mlops_assets_tests.services.kafka_tansu import BROKER
from mlops_assets_tests.services.mongodb import MONGODB
from mlops_assets_tests.services.mysql import MYSQL
from mlops_assets_tests.services.postgres import POSTGRES
from mlops_assets_tests.services.s3_ceph import CEPH
from mlops_assets_tests.services.s3_moto import S3

SERVICES = (S3, CEPH, GCS, POSTGRES, MYSQL, BIGQUERY, MONGODB, KAFKA, BROKER)


def main(command: Sequence[str]) -> int:
    """Start everything; then run the command, or say how to use the servers and wait."""
    with ExitStack() as running, tempfile.TemporaryDirectory(prefix="services-") as folder:
        variables = dict(start_compose()) if _has_docker() else {}
        for service in SERVICES:
            if service.variable not in {**os.environ, **variables}:
                variables |= _start(service, Path(folder), running)
        if command:
            return subprocess.run(command, env={**os.environ, **variables}).returncode
        print("\n# Paste this into the shell that runs `make test-all` or `make test-services`:")
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")
        print("\nCtrl-C ends the servers that were started here.", flush=True)
        signal.pause()
        return 0


def _start(service: Service, folder: Path, running: ExitStack) -> Mapping[str, str]:
    lacking = service.lacks()
    if lacking is not None:
        print(f"{service.name}: not started, {lacking}", flush=True)
        return {}
    own_folder = folder / service.name
    own_folder.mkdir()
    variables = running.enter_context(service.start(own_folder))
    print(f"{service.name}: started", flush=True)
    return variables


def _has_docker() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "compose", "ls"], capture_output=True).returncode == 0


if __name__ == "__main__":
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: sys.exit(0))
    sys.exit(main(sys.argv[1:]))
