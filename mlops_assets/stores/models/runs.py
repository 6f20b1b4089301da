"""Record the training of one model as an MLflow run with its trials, and clear away what an interrupted save left behind.

A run stays RUNNING until everything belongs to it: files, metrics, trials, the registered version. So a run that is not FINISHED
and has no version is a left-over, and a version whose run is RUNNING only lacks that last word. A training may be nested under a
parent, the run of whatever trains several models; that is RUNNING only while a training is recorded.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlops_assets.errors import PermanentError
from mlops_assets.stores.models.files import delete_files, scratch_folder, store_folder, upload_bundle

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run

    from mlops_assets.ml.bundle import Bundle
    from mlops_assets.ml.search import Trial
    from mlops_assets.ml.training import TrainingDataset

OpenParentRun = Callable[[str, str], AbstractContextManager[str]]
"""Opens the run under which a training is nested, given a tracking URI and the name of an experiment, and gives its id.

The experiment has the name of an asset, and the run bears it as its tag `asset`.
"""

FINISHED = "FINISHED"
_PARENT = "mlflow.parentRunId"
_FINGERPRINT = "fingerprint"
"""A tag that trainings have, and neither their parents nor their trials."""
_KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Says in MLflow's words that an experiment is one of machine learning, not of prompts and traces."""
_SHOWN_DIGITS = 6
# A tracking server takes 100 params in one request, and 1000 params and metrics together.
_PARAMS_PER_REQUEST = 100
_METRICS_PER_REQUEST = 900
_RUNS_PER_SEARCH = 50_000


@dataclass(frozen=True)
class TrainingRecord:
    """What is to be recorded about one training.

    Attributes:
        model_name: the registered model.
        asset: the asset's label, e.g. `chicago_crimes/arrest_model`; the MLflow experiment of the same name holds the run.
        partition: the asset's partition, None if it has none; the run is called after it, or else after the asset.
        ended_at: when the training ended (UTC).
        run_tags: further tags of the run, e.g. the Dagster run.
        params: settings of the training.
        trials: the configurations that were tried, in order.
        figures: PNG images by file name.
        files: further files by path.
        datasets: the tables that the model and its trials learned from.
        parent_run_id: the run under which this one is nested.
    """

    model_name: str
    asset: str
    partition: str | None
    ended_at: datetime
    run_tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    trials: Sequence[Trial] = ()
    figures: Mapping[str, bytes] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    datasets: Sequence[TrainingDataset] = ()
    parent_run_id: str | None = None

    @property
    def identity(self) -> dict[str, str]:
        """The tags by which an interrupted save of the same model and partition is recognized."""
        partition = {} if self.partition is None else {"partition": self.partition}
        return {"asset": self.asset, **partition, "model_name": self.model_name}

    @property
    def run_name(self) -> str:
        """What people call the run."""
        return self.partition or self.asset.rpartition("/")[2]

    @property
    def started_at(self) -> datetime:
        """When the first trial began: the trials are taken to have run one after the other."""
        return self.ended_at - timedelta(seconds=sum(trial.fit_seconds for trial in self.trials))


@contextmanager
def training_run(
    client: MlflowClient, bundle: Bundle[Any], record: TrainingRecord, artifact_folder: Path
) -> Iterator[tuple[str, LoggedModel]]:
    """Record a training as a run that is FINISHED when the block ends, and FAILED when it raises.

    Yields:
        The id of the run, and MLflow's record of the model's files.
    """
    from mlflow.exceptions import MlflowException

    experiment_id = open_experiment(client, record.asset, artifact_folder)
    nesting = {_PARENT: record.parent_run_id} if record.parent_run_id else {}
    run = client.create_run(
        experiment_id,
        start_time=_milliseconds(record.started_at),
        run_name=record.run_name,
        tags={**record.run_tags, **record.identity, **nesting, _FINGERPRINT: bundle.provenance.fingerprint},
    )
    run_id = run.info.run_id
    try:
        model = _log_model(client, bundle, experiment_id, run_id, artifact_folder)
        log_datasets(client, run_id, record.datasets)
        params = {**_bundle_params(bundle), **record.params}
        log_values(client, run_id, record.ended_at, params, _bundle_metrics(bundle), model_id=model.model_id)
        figures = {f"figures/{name}": content for name, content in record.figures.items()}
        log_files(client, run, {**figures, **record.files}, artifact_folder)
        _record_trials(client, experiment_id, run_id, record)
        yield run_id, model
    except Exception:
        with suppress(MlflowException):
            for unfinished in [*_child_runs(client, experiment_id, run_id, "RUNNING"), run_id]:
                client.set_terminated(unfinished, "FAILED")
        raise
    client.set_terminated(run_id, FINISHED, end_time=_milliseconds(record.ended_at))


def open_experiment(client: MlflowClient, name: str, artifact_folder: Path) -> str:
    """Return the id of an experiment, which is made if there is none of this name.

    Raises:
        PermanentError: it has been deleted.
    """
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        location = (artifact_folder / name).as_uri() if client.tracking_uri.startswith("sqlite:") else None
        try:
            return client.create_experiment(name, artifact_location=location, tags=_KIND)
        except MlflowException as error:
            experiment = client.get_experiment_by_name(name)
            if error.error_code != "RESOURCE_ALREADY_EXISTS" or experiment is None:
                raise
    if experiment.lifecycle_stage != "active":
        raise PermanentError(f"MLflow experiment {name!r} has been deleted; restore it in MLflow or remove it with `mlflow gc`")
    for key, value in _KIND.items():
        # Whatever a person has chosen in the UI stays.
        if key not in experiment.tags:
            client.set_experiment_tag(experiment.experiment_id, key, value)
    return experiment.experiment_id


def log_values(
    client: MlflowClient,
    run_id: str,
    moment: datetime,
    params: Mapping[str, Any],
    metrics: Mapping[str, Any],
    model_id: str | None = None,
) -> None:
    """Log params and metrics with few requests; metrics that are undefined (None, NaN) are left out."""
    from mlflow.entities import Metric, Param

    entries = [
        Metric(name, float(value), _milliseconds(moment), 0, model_id=model_id, run_id=run_id)
        for name, value in metrics.items()
        if value is not None and not math.isnan(value)
    ]
    settings = [Param(name, _shown(value)) for name, value in params.items()]
    requests = max(math.ceil(len(entries) / _METRICS_PER_REQUEST), math.ceil(len(settings) / _PARAMS_PER_REQUEST))
    for number in range(requests):
        client.log_batch(
            run_id,
            metrics=entries[number * _METRICS_PER_REQUEST : (number + 1) * _METRICS_PER_REQUEST],
            params=settings[number * _PARAMS_PER_REQUEST : (number + 1) * _PARAMS_PER_REQUEST],
        )


def log_datasets(client: MlflowClient, run_id: str, datasets: Sequence[TrainingDataset]) -> None:
    """Record which tables a run learned from, each with its hash: the beginning as MLflow's digest, the whole in its profile."""
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.utils.validation import MAX_DATASET_DIGEST_SIZE

    inputs = [
        DatasetInput(
            Dataset(
                dataset.name,
                dataset.content_hash[:MAX_DATASET_DIGEST_SIZE],
                urlsplit(dataset.source).scheme.replace("file", "local"),
                json.dumps({"uri": dataset.source}),
                json.dumps({"mlflow_colspec": [{"name": name, "type": type_} for name, type_ in dataset.columns.items()]}),
                json.dumps({"num_rows": dataset.row_count, "content_hash": dataset.content_hash}),
            ),
            [InputTag("mlflow.data.context", dataset.context)],
        )
        for dataset in datasets
    ]
    if inputs:
        client.log_inputs(run_id, inputs)


def log_files(client: MlflowClient, run: Run, files: Mapping[str, bytes], artifact_folder: Path) -> None:
    """Store files with a run, by their path."""
    if not files:
        return
    with scratch_folder(artifact_folder) as folder:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        store_folder(client, run.info.artifact_uri, folder)


def delete_left_overs(client: MlflowClient, record: TrainingRecord, registered_run_ids: set[str]) -> None:
    """Delete the runs of earlier, interrupted saves of the same model and partition, with their trials and files.

    MLflow keeps deleted runs for its own `gc` command; their files are gone at once. A run whose version made it into the
    registry is complete but for its status, and gets that. So does a parent that has trainings; one that has none is deleted.
    """
    experiment = client.get_experiment_by_name(record.asset)
    if experiment is None:
        return
    unfinished = _search_runs(client, experiment.experiment_id, f"attributes.status != '{FINISHED}'")
    for run in unfinished:
        if _FINGERPRINT not in run.data.tags or not record.identity.items() <= run.data.tags.items():
            continue
        if run.info.run_id in registered_run_ids:
            client.set_terminated(run.info.run_id, FINISHED)
        else:
            _delete_run(client, run)
    for run in unfinished:
        if run.data.tags.get("asset") == record.asset and not {_FINGERPRINT, _PARENT} & run.data.tags.keys():
            _end_parent(client, run)


def finish(client: MlflowClient, run_id: str) -> None:
    """Give a training whose version is registered, and the run that it is nested under, the status that a killed save owes them."""
    run = client.get_run(run_id)
    ids = f"('{run_id}', '{run.data.tags.get(_PARENT, run_id)}')"
    condition = f"attributes.run_id IN {ids} AND attributes.status != '{FINISHED}'"
    for unfinished in _search_runs(client, run.info.experiment_id, condition):
        client.set_terminated(unfinished.info.run_id, FINISHED)


def _end_parent(client: MlflowClient, run: Run) -> None:
    if _child_runs(client, run.info.experiment_id, run.info.run_id):
        client.set_terminated(run.info.run_id, FINISHED)
    else:
        client.delete_run(run.info.run_id)


def _log_model(client: MlflowClient, bundle: Bundle[Any], experiment_id: str, run_id: str, artifact_folder: Path) -> LoggedModel:
    from mlflow.entities import LoggedModelOutput

    model = client.create_logged_model(
        experiment_id,
        name=re.sub(r"\W", "_", bundle.provenance.name),
        source_run_id=run_id,
        params={name: _shown(value) for name, value in _bundle_params(bundle).items()},
        model_type=bundle.provenance.estimator_name,
    )
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    upload_bundle(client, bundle, model, artifact_folder)
    return client.finalize_logged_model(model.model_id, "READY")


def _shown(value: Any) -> str:
    """Return a setting as people read it; the bundle has it to the last digit."""
    is_fraction = isinstance(value, Real) and not isinstance(value, Integral)
    return f"{value:.{_SHOWN_DIGITS}g}" if is_fraction else str(value)


def _bundle_params(bundle: Bundle[Any]) -> dict[str, Any]:
    provenance = bundle.provenance
    return {
        "kind": bundle.predictor.kind,
        "estimator": provenance.estimator_name,
        **bundle.predictor.settings,
        "seed": provenance.seed,
        "training_rows": provenance.training_rows,
        **{name: time.isoformat() for name, time in provenance.window.items() if time is not None},
        "feature_count": len(provenance.feature_names),
    }


def _bundle_metrics(bundle: Bundle[Any]) -> dict[str, float | None]:
    metrics = {f"validation/{name}": value for name, value in bundle.provenance.metrics.items()}
    for baseline, values in bundle.provenance.baseline_metrics.items():
        metrics |= {f"baseline/{baseline}/{name}": value for name, value in values.items()}
    return metrics


def _record_trials(client: MlflowClient, experiment_id: str, parent_id: str, record: TrainingRecord) -> None:
    started_at = record.started_at
    for number, trial in enumerate(record.trials, start=1):
        ended_at = started_at + timedelta(seconds=trial.fit_seconds)
        run_id = client.create_run(
            experiment_id,
            start_time=_milliseconds(started_at),
            run_name=f"{record.run_name} trial {number}: {trial.name}",
            tags={**record.identity, _PARENT: parent_id},
        ).info.run_id
        log_datasets(client, run_id, record.datasets)
        params = {**trial.labels, **trial.params}
        metrics = {f"validation/{name}": value for name, value in trial.metrics.items()}
        log_values(client, run_id, ended_at, params, {**metrics, "fit_seconds": trial.fit_seconds})
        client.set_terminated(run_id, FINISHED, end_time=_milliseconds(ended_at))
        started_at = ended_at


def _delete_run(client: MlflowClient, run: Run) -> None:
    """Delete a run after all that belongs to it, so that a deletion that is interrupted is found and finished next time."""
    run_id, experiment_id = run.info.run_id, run.info.experiment_id
    for model in client.search_logged_models([experiment_id], f"source_run_id = '{run_id}'"):
        delete_files(client, model.artifact_location)
        client.delete_logged_model(model.model_id)
    for trial_id in _child_runs(client, experiment_id, run_id):
        client.delete_run(trial_id)
    delete_files(client, run.info.artifact_uri)
    client.delete_run(run_id)


def _child_runs(client: MlflowClient, experiment_id: str, parent_id: str, status: str = "%") -> list[str]:
    condition = f"tags.`{_PARENT}` = '{parent_id}' AND attributes.status LIKE '{status}'"
    return [run.info.run_id for run in _search_runs(client, experiment_id, condition)]


def _search_runs(client: MlflowClient, experiment_id: str, condition: str) -> list[Run]:
    return list(client.search_runs([experiment_id], condition, max_results=_RUNS_PER_SEARCH))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
