"""The script that prepares MinIO: what it asks of MinIO's client, which a recorder stands for because no package index has it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from mlops_assets_tests.docker.deployment import DOCKER, copy_of_docker, filled_in, made_env, services

RECORDER = """#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in *"$FAILS"*) exit 1 ;; esac
"""


def prepare(folder: Path, fails: str = "nothing") -> tuple[int, list[str]]:
    """Run the script with a client that fails where a part of its command is this; return its exit status and the commands."""
    variables = made_env(copy_of_docker(folder))
    (folder / "mc").write_text(RECORDER)
    (folder / "mc").chmod(0o755)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(folder / "calls"), "FAILS": fails}
    of_service = filled_in(services()["minio-prepare"]["environment"], variables)
    done = subprocess.run(["sh", DOCKER / "minio" / "prepare.sh"], env={**environment, **of_service}, check=False)
    secrets = {variables["MINIO_ROOT_PASSWORD"]: "ROOT", variables["S3_SECRET_ACCESS_KEY"]: "SECRET"}
    calls = (folder / "calls").read_text()
    for secret, word in secrets.items():
        calls = calls.replace(secret, word)
    return done.returncode, [call.removeprefix("--quiet ") for call in calls.splitlines()]


def test_administrator_makes_the_user_and_the_user_makes_the_buckets(tmp_path: Path) -> None:
    """The key that everybody uses is no administrator's, and it is proven to work."""
    assert prepare(tmp_path) == (
        0,
        [
            "alias set admin http://minio:9000 minio-admin ROOT",
            "admin user add admin mlops-assets SECRET",
            "admin policy attach admin readwrite --user mlops-assets",
            "alias set platform http://minio:9000 mlops-assets SECRET",
            *(
                f"{command} platform/{bucket}"
                for bucket in ("lake", "mlflow", "dagster")
                for command in ("mb --ignore-existing", "ls")
            ),
        ],
    )


@pytest.mark.parametrize(("fails", "is_tolerated"), [("policy attach", True), ("ls platform/dagster", False), ("user add", False)])
def test_only_what_was_done_before_may_fail(tmp_path: Path, fails: str, is_tolerated: bool) -> None:
    """A policy that is attached already is no error; a bucket that the user cannot open is, whatever the reason."""
    status, _ = prepare(tmp_path, fails)
    assert (status == 0) is is_tolerated
