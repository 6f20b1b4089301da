"""Buckets are made, and expire what can be made again; raw data, models and predictions stay."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from mlops_assets.build import build_definitions, build_domains
from mlops_assets.orchestration.buckets import intermediate_prefixes
from mlops_assets.settings import Settings
from mlops_assets.stores.objects import open_object_storage
from mlops_assets_tests.services.buckets import fresh_bucket


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, _env_file=None)


def test_only_what_can_be_made_again_expires(settings: Settings) -> None:
    """Window, splits and encoded rows may go; nothing else of the domain is below their prefixes."""
    (chicago,) = (domain for domain in build_domains(settings) if domain.name == "chicago_crimes")
    assert intermediate_prefixes(chicago.assets) == [
        f"chicago_crimes/{name}/" for name in ("development_split", "encoded_train", "test_split", "training_window")
    ]


def test_job_makes_the_bucket_and_may_be_repeated(settings: Settings, s3_url: str, instance: dg.DagsterInstance) -> None:
    """Who starts on an empty MinIO runs the job, or runs it again, and can write."""
    settings.lake_url = fresh_bucket(s3_url)
    job = build_definitions(settings).resolve_job_def("prepare_lakes")
    for _ in range(2):
        assert job.execute_in_process(instance=instance).success
    storage = open_object_storage(settings.lake_url)
    storage.put("weather/readings", b"1")
    assert list(storage.names("")) == ["weather/readings"]
