"""The servers of docker/compose.yaml, for machines that have Docker."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from mlops_assets_tests.services.buckets import BUCKET

_DOCKER = Path(__file__).resolve().parents[2] / "docker"
_PROFILES = ("minio", "postgres", "mysql", "mongodb", "kafka")


def start_compose() -> Mapping[str, str]:
    """Start the stores, wait until they are healthy, and return the variables by which tests find them."""
    subprocess.run(["sh", _DOCKER / "make_env.sh"], check=True)
    profiles = [part for name in _PROFILES for part in ("--profile", name)]
    compose = ["docker", "compose", "--project-directory", str(_DOCKER), "--file", str(_DOCKER / "compose.yaml"), *profiles]
    subprocess.run([*compose, "up", "--detach", "--wait"], check=True)
    return variables_of(read_env(_DOCKER / ".env"))


def read_env(path: Path) -> dict[str, str]:
    """Return the variables of an env file, as far as their values do not refer to each other."""
    lines = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {name: value for name, separator, value in lines if separator}


def variables_of(env: Mapping[str, str]) -> dict[str, str]:
    """Return where tests find the servers, as users who may make databases and buckets.

    Args:
        env: the variables of docker/.env.
    """
    return {
        "MLOPS_TEST_S3_URL": f"s3://{BUCKET}?endpoint=http://127.0.0.1:{env['MINIO_PORT']}",
        "AWS_ACCESS_KEY_ID": env["MINIO_ROOT_USER"],
        "AWS_SECRET_ACCESS_KEY": env["MINIO_ROOT_PASSWORD"],
        "MLOPS_TEST_POSTGRES_URL": f"postgresql://postgres:{env['POSTGRES_PASSWORD']}@127.0.0.1:{env['POSTGRES_PORT']}/postgres",
        "MLOPS_TEST_MYSQL_URL": f"mysql://root:{env['MYSQL_ROOT_PASSWORD']}@127.0.0.1:{env['MYSQL_PORT']}/",
        "MLOPS_TEST_MONGODB_URL": f"mongodb://root:{env['MONGODB_ROOT_PASSWORD']}@127.0.0.1:{env['MONGODB_PORT']}/?authSource=admin",
        "MLOPS_TEST_KAFKA_URL": f"kafka://{env['KAFKA_HOST']}:{env['KAFKA_PORT']}",
        "MLOPS_TEST_BROKER_URL": f"kafka://{env['KAFKA_HOST']}:{env['KAFKA_PORT']}",
    }
