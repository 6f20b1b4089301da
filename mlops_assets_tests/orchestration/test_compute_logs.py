"""What steps print, kept in a bucket by Dagster's integrations, as docs/deployment.md says how."""

import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from mlops_assets.stores.objects import open_object_storage
from mlops_assets.stores.objects.bucket_url import parse_bucket_url

REPOSITORY = Path(__file__).resolve().parents[2]


@dg.asset
def greeting() -> None:
    print("hello from a step", flush=True)


def documented_block(scheme: str) -> dict[str, Any]:
    """Return what docs/deployment.md tells people to write into `dagster.yaml` for a bucket of S3 or of Google's."""
    text = (REPOSITORY / "docs" / "deployment.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    s3, gcs = [block["compute_logs"] for block in blocks if "compute_logs" in block]
    return {"s3": s3, "gs": gcs}[scheme]


def instance_at(home: Path, compute_logs: dict[str, Any]) -> dg.DagsterInstance:
    """Open an instance on a machine of its own: its files are seen by no other."""
    home.mkdir()
    config = {**compute_logs["config"], "local_dir": str(home / "staged")}
    quiet = {"telemetry": {"enabled": False}, "python_logs": {"python_log_level": "WARNING"}}
    (home / "dagster.yaml").write_text(yaml.safe_dump({"compute_logs": {**compute_logs, "config": config}, **quiet}))
    return dg.DagsterInstance.from_config(str(home))


def test_containers_keep_logs_as_documented() -> None:
    """The block for S3 is the one that docker/dagster.yaml has."""
    configured = yaml.safe_load((REPOSITORY / "docker" / "dagster.yaml").read_text(encoding="utf-8"))
    assert configured["compute_logs"] == documented_block("s3")


@pytest.mark.services
@pytest.mark.parametrize("server", ["s3_url", "ceph_url", "gcs_url"])
def test_output_of_a_step_is_in_the_bucket_and_read_on_another_machine(
    server: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The UI reads what a step has printed from the bucket, whichever machine the run was on."""
    url = request.getfixturevalue(server)
    address = parse_bucket_url(url, ["endpoint", "region"])
    monkeypatch.setenv("DAGSTER_LOGS_BUCKET", address.bucket)
    if endpoint := address.options.get("endpoint"):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    block = documented_block(url.partition(":")[0])
    with instance_at(tmp_path / "worker", block) as worker:
        run_id = dg.materialize([greeting], instance=worker).run_id
        [captured] = worker.all_logs(run_id, of_type=dg.DagsterEventType.LOGS_CAPTURED)
    assert captured.dagster_event is not None
    log_key = [run_id, "compute_logs", captured.dagster_event.logs_captured_data.file_key]
    with instance_at(tmp_path / "webserver", block) as webserver:
        manager = webserver.compute_log_manager
        assert manager.is_capture_complete(log_key)
        assert manager.get_log_data(log_key).stdout == b"hello from a step\n"
    assert any(run_id in name for name in open_object_storage(url).names("compute_logs/"))
