"""The model registry of an MLflow server that keeps model files in a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from mlops_assets.stores.models import open_model_registry
from mlops_assets.stores.models.registry import ModelRegistry
from mlops_assets.stores.objects import open_object_storage
from mlops_assets_tests.services.buckets import fresh_prefix
from mlops_assets_tests.services.mlflow_server import mlflow_serving
from mlops_assets_tests.tiny_bundle import TinyBundle, things, tiny_bundle

NOW = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def bucket_url(s3_url: str) -> str:
    """Give the URL of an empty place for model files."""
    return fresh_prefix(s3_url)


@pytest.fixture(scope="module")
def server_url(bucket_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a server that keeps its files there."""
    parts = urlsplit(bucket_url)
    (endpoint,) = parse_qs(parts.query)["endpoint"]
    with pytest.MonkeyPatch.context() as environment:
        # How MLflow is told where S3 is; the server inherits it, the client does not need it.
        environment.setenv("MLFLOW_S3_ENDPOINT_URL", endpoint)
        with mlflow_serving(tmp_path_factory.mktemp("server"), f"s3://{parts.netloc}{parts.path}") as address:
            yield address


@pytest.fixture
def registry(server_url: str, tmp_path: Path) -> ModelRegistry:
    """Give a registry that has nothing of the server on this machine."""
    return open_model_registry(server_url, tmp_path / "scratch")


def save(registry: ModelRegistry, bundle: TinyBundle, partition: str) -> int:
    version = registry.save(bundle, model_name="examples.colour_model", asset="examples/colour_model", partition=partition, now=NOW)
    return version.version


@pytest.mark.services
def test_model_is_registered_promoted_loaded_and_rolled_back(
    registry: ModelRegistry, server_url: str, bucket_url: str, tmp_path: Path
) -> None:
    """A model goes through the bucket to another machine, which predicts the same; aliases lead there and back."""
    bundle = tiny_bundle()
    first, second = save(registry, bundle, "2024-01"), save(registry, tiny_bundle(fingerprint="another"), "2024-02")
    names = list(open_object_storage(bucket_url).names(""))
    assert sum(name.endswith("data/bundle/bundle.joblib") for name in names) == 2
    registry.promote(registry.version("examples.colour_model", first), now=NOW)
    registry.promote(registry.version("examples.colour_model", second), now=NOW)
    assert registry.rollback("examples.colour_model", now=NOW).version == first
    elsewhere = open_model_registry(server_url, tmp_path / "elsewhere")
    champion = elsewhere.version_by_alias("examples.colour_model", "champion")
    assert champion is not None
    assert champion.version == first
    expected = bundle.predict(things())["probability"].to_numpy()
    np.testing.assert_array_equal(elsewhere.load(champion).predict(things())["probability"].to_numpy(), expected)


@pytest.mark.services
def test_server_says_its_version_and_time(registry: ModelRegistry, bucket_url: str) -> None:
    """The doctor tries the server and the bucket behind it, and leaves no file in either."""
    before = list(open_object_storage(bucket_url).names(""))
    health = registry.check_health()
    assert health.version.startswith("MLflow 3.")
    assert health.clock_at is not None
    assert abs((health.clock_at - datetime.now(timezone.utc)).total_seconds()) < 60
    assert list(open_object_storage(bucket_url).names("")) == before
