"""Runs of the pipeline on Vertex AI."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import SettingsError
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.vertex.pipeline import NAME, compile_pipeline
from mlops_assets.song_popularity.vertex.target import require, require_client, vertex_errors, vertex_target
from mlops_assets.urls import redact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from mlops_assets.song_popularity.settings import SongPopularitySettings


@dataclass(frozen=True)
class Submission:
    """A run of the pipeline.

    Attributes:
        day: of the model.
        lake_url: where events are; Vertex AI reads `gs://` alone, as its service account.
        pipes: sessions of Dagster Pipes by step, as in `reporting.pipes_of`.
    """

    day: date
    lake_url: str
    pipes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def submit(submission: Submission, settings: SongPopularitySettings) -> str:
    """Start a run of the pipeline, and return its full name; the run goes on without this process.

    Args:
        submission: what is run.
        settings: project, region, bucket, images and service account.

    Raises:
        SettingsError: a setting is missing, or the lake is where Vertex AI cannot read.
        VertexUnavailableError: time may cure it.
        VertexRefusedError: a person must.
    """
    bucket, image, _ = require(settings, "bucket", "image", "serving_image")
    if not submission.lake_url.startswith("gs://"):
        raise SettingsError(
            f"Vertex AI cannot read the lake at {redact(submission.lake_url)}; keep it in a bucket: MLOPS_LAKE_URL=gs://bucket/lake"
        )
    target, google = vertex_target(settings), require_client()
    job = google.PipelineJob(
        display_name=NAME,
        pipeline_spec=_compiled(image),
        runtime_config=google.PipelineJob.RuntimeConfig(
            gcs_output_directory=f"{bucket.rstrip('/')}/runs", parameter_values=parameters(submission, settings)
        ),
        service_account=settings.vertex_service_account or "",
        labels={"mlops_domain": DOMAIN, "mlops_day": submission.day.isoformat()},
    )
    with vertex_errors(f"pipeline {NAME}"):
        client = target.client(google.PipelineServiceClient)
        return str(client.create_pipeline_job(parent=target.parent, pipeline_job=job).name)


def parameters(submission: Submission, settings: SongPopularitySettings) -> dict[str, Any]:
    """Return the parameters of the pipeline."""
    return {
        "model_date": submission.day.isoformat(),
        "lake_url": submission.lake_url,
        "project": settings.vertex_project,
        "region": settings.vertex_region,
        "bucket": settings.vertex_bucket,
        "serving_image": settings.vertex_serving_image,
        "service_account": settings.vertex_service_account or "",
        "minimum_accuracy": settings.minimum_accuracy,
        "minimum_macro_f1": settings.minimum_macro_f1,
        "pipes": {step: dict(session) for step, session in submission.pipes.items()},
    }


def _compiled(image: str) -> dict[str, Any]:
    import yaml

    with TemporaryDirectory() as folder:
        path = Path(folder, "pipeline.yaml")
        compile_pipeline(image, path)
        content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content
