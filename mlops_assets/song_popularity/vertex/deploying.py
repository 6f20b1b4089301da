"""The champion behind an endpoint: a bundle in a bucket, a model with the serving image, all traffic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.vertex.target import VertexTarget, require_client, vertex_errors

if TYPE_CHECKING:
    from pathlib import Path

MODEL, ENDPOINT, MACHINE = "spotify-popularity-3class-model", "spotify-popularity-endpoint", "n1-standard-2"
"""Under the names of the original."""

VERSION_LABEL, RUN_LABEL = "mlops_version", "mlops_run_id"
"""Labels of a model that tell which version of the registry it is."""

PORT, PREDICT_ROUTE, HEALTH_ROUTE = 8080, "/predict", "/health"


@dataclass(frozen=True)
class Deployment:
    """What is put behind the endpoint.

    Attributes:
        bundle: folder of the bundle, on this machine.
        bundle_url: where its copy goes, `gs://bucket/folder`, a folder of this bundle alone.
        image: the serving image, in Artifact Registry.
        service_account: as which the container runs; Vertex AI's own if empty.
        version: number in the registry; None if it is in none.
        run_id: MLflow run that trained it.
        timeout_seconds: how long deploying may take.
    """

    bundle: Path
    bundle_url: str
    image: str
    service_account: str = ""
    version: int | None = None
    run_id: str | None = None
    timeout_seconds: float = 3_600.0

    @property
    def labels(self) -> dict[str, str]:
        """Labels of the model."""
        of_registry = {VERSION_LABEL: str(self.version), RUN_LABEL: self.run_id} if self.version and self.run_id else {}
        return {"mlops_domain": DOMAIN, **of_registry}


@dataclass(frozen=True)
class Deployed:
    """What came of it.

    Attributes:
        endpoint: full name of the endpoint.
        model: full name of the model, with its version.
        deployed_model_id: of the model at the endpoint.
    """

    endpoint: str
    model: str
    deployed_model_id: str


def deploy(deployment: Deployment, target: VertexTarget) -> Deployed:
    """Put a bundle behind the endpoint with all traffic, and take away what answered there before.

    The model is a new version of the model of this name, and the endpoint is made if there is none. What answered before goes on
    until the new one is ready; so a deployment that fails changes nothing about answers.

    Args:
        deployment: what is deployed.
        target: where.

    Raises:
        VertexUnavailableError, StoreUnavailableError: time may cure it; doing it again goes on from the beginning.
        VertexRefusedError: a person must.
    """
    from mlops_assets.stores.bundle_objects import put_bundle

    google = require_client()
    put_bundle(deployment.bundle, deployment.bundle_url)
    models, endpoints = target.client(google.ModelServiceClient), target.client(google.EndpointServiceClient)
    with vertex_errors(f"model {MODEL}"):
        model = _upload_model(google, models, deployment, target)
    with vertex_errors(f"endpoint {ENDPOINT}"):
        endpoint = _find_endpoint(google, endpoints, target) or _create_endpoint(google, endpoints, deployment, target)
        deployed_model_id = _replace_model(google, endpoints, endpoint, model, deployment)
    return Deployed(endpoint, model, deployed_model_id)


def _upload_model(google: Any, client: Any, deployment: Deployment, target: VertexTarget) -> str:
    container = google.ModelContainerSpec(
        image_uri=deployment.image,
        command=["mlops-assets", "serve"],
        ports=[google.Port(container_port=PORT)],
        predict_route=PREDICT_ROUTE,
        health_route=HEALTH_ROUTE,
        # A container's disk goes with it; Vertex AI can log requests into BigQuery.
        env=[google.EnvVar(name="MLOPS_SERVING_LOG_PREDICTIONS", value="off")],
    )
    model = google.Model(display_name=MODEL, container_spec=container, artifact_uri=deployment.bundle_url, labels=deployment.labels)
    request = {"parent": target.parent, "model": model, "parent_model": _find_model(client, target)}
    uploaded = client.upload_model(request=request).result(timeout=deployment.timeout_seconds)
    return f"{uploaded.model}@{uploaded.model_version_id}" if uploaded.model_version_id else str(uploaded.model)


def _find_model(client: Any, target: VertexTarget) -> str:
    """Return the full name of the model of which this is a new version; empty if it is the first."""
    found = client.list_models(request={"parent": target.parent, "filter": f'display_name="{MODEL}"'})
    return next((str(model.name) for model in found), "")


def _find_endpoint(google: Any, client: Any, target: VertexTarget) -> str | None:
    found = client.list_endpoints(request={"parent": target.parent, "filter": f'display_name="{ENDPOINT}"'})
    return next((str(endpoint.name) for endpoint in found), None)


def _create_endpoint(google: Any, client: Any, deployment: Deployment, target: VertexTarget) -> str:
    endpoint = google.Endpoint(display_name=ENDPOINT, labels={"mlops_domain": DOMAIN})
    made = client.create_endpoint(parent=target.parent, endpoint=endpoint).result(timeout=deployment.timeout_seconds)
    return str(made.name)


def _replace_model(google: Any, client: Any, endpoint: str, model: str, deployment: Deployment) -> str:
    """Deploy a model with all traffic, then take away the others; return its id at the endpoint."""
    former = [each.id for each in client.get_endpoint(name=endpoint).deployed_models]
    machine = google.MachineSpec(machine_type=MACHINE)
    deployed = google.DeployedModel(
        model=model,
        display_name=MODEL,
        service_account=deployment.service_account,
        dedicated_resources=google.DedicatedResources(machine_spec=machine, min_replica_count=1, max_replica_count=1),
    )
    # 0 is the model of this request.
    operation = client.deploy_model(endpoint=endpoint, deployed_model=deployed, traffic_split={"0": 100})
    answer = operation.result(timeout=deployment.timeout_seconds)
    for deployed_model_id in former:
        request = {"endpoint": endpoint, "deployed_model_id": deployed_model_id}
        client.undeploy_model(request=request).result(timeout=deployment.timeout_seconds)
    return str(answer.deployed_model.id)
