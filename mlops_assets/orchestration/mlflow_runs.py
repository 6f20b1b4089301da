"""The MLflow run of a Dagster run, under which the trainings of that run are nested: opened by dagster-mlflow's resource."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from mlops_assets.stores.models.runs import OpenParentRun

_RUN_CONTEXT = "MLFLOW_RUN_CONTEXT"
"""Tags with which MLflow starts a run. dagster-mlflow adds its own later, and a kill in between would leave a run of nobody."""
# MLflow leaves them for child processes. The first one is a setting of this platform, too: whoever reads settings later in this
# process would get the stores of one folder and the models of another.
_SET_BY_MLFLOW = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID")
_ID_DIGITS = 8
"""As many of a run's id as Dagster's UI shows."""


def mlflow_run_of(context: dg.OutputContext) -> OpenParentRun:
    """Return what opens the MLflow run of an output's Dagster run, given a tracking URI and the name of an experiment.

    It resumes the run with this Dagster run's id or starts one, which ends FINISHED with the block, and FAILED if that raises.
    One process at a time may open it, because dagster-mlflow looks before it starts one.

    The assets that train do not require the resource, as dagster-mlflow has it: Dagster would open it before the first step, so
    that an MLflow that is down stopped the tables of the run, too; and would leave it RUNNING, for ever after a kill, and for the
    next run of the same process to be taken for its own.
    """

    @contextmanager
    def open_run(tracking_uri: str, experiment: str) -> Iterator[str]:
        from dagster_mlflow import mlflow_tracking

        step = context.step_context
        config = {
            "experiment_name": experiment,
            "mlflow_tracking_uri": tracking_uri,
            "env": {},
            # Else it has the name of the job, which is `__ASSET_JOB` for whatever people materialize in the UI.
            "extra_tags": {"mlflow.runName": f"Dagster run {step.run_id[:_ID_DIGITS]}"},
        }
        resource = dg.build_resources(
            {"mlflow": mlflow_tracking},
            instance=step.instance,
            resource_config={"mlflow": {"config": config}},
            dagster_run=step.dagster_run,
            log_manager=context.log,
        )
        status = "FAILED"
        tags = {"asset": experiment, "dagster_run_id": step.run_id}
        with _environment_kept(**{_RUN_CONTEXT: json.dumps(tags)}), _own_errors(), resource as resources:
            try:
                yield resources.mlflow.active_run().info.run_id
                status = "FINISHED"
            finally:
                resources.mlflow.end_run(status)

    return open_run


@contextmanager
def _environment_kept(**variables: str) -> Iterator[None]:
    """Set variables inside the block, and undo that and what MLflow sets."""
    names = {*_SET_BY_MLFLOW, *variables}
    kept = {name: os.environ[name] for name in names if name in os.environ}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(kept)


@contextmanager
def _own_errors() -> Iterator[None]:
    """Raise what MLflow raises, which the registry knows, with what led to it, and not Dagster's error about a resource."""
    try:
        yield
    except dg.DagsterResourceFunctionError as error:
        if error.user_exception is None:
            raise
        raise error.user_exception from error.user_exception.__cause__ or error.user_exception.__context__
