"""Assets in the model registry: what a training asset returns is logged and registered, and loaded again with its version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_assets.errors import MissingModelError
from mlops_assets.orchestration.failures import retrying_transient_errors
from mlops_assets.orchestration.metadata import add_stored_metadata, frame_metadata, image_metadata
from mlops_assets.orchestration.mlflow_runs import mlflow_run_of
from mlops_assets.stores.models.versions import registered_name

if TYPE_CHECKING:
    from mlops_assets.ml.bundle import Bundle
    from mlops_assets.ml.search import Trial
    from mlops_assets.ml.training import TrainedModel
    from mlops_assets.orchestration.clock import Clock
    from mlops_assets.stores.models.registry import ModelRegistry, ModelVersion
    from mlops_assets.stores.registry import Stores


@dataclass(frozen=True)
class RegisteredModel:
    """A bundle and the version under which the registry knows it."""

    bundle: Bundle[Any]
    version: ModelVersion


def model_name(asset_key: dg.AssetKey) -> str:
    """Return the name under which the registry keeps the versions of a model asset."""
    return registered_name(*asset_key.path)


def version_metadata(version: ModelVersion, ui_url: str) -> dict[str, dg.MetadataValue]:
    """Return a model version as metadata: its number, and links to the model and to the run that trained it."""
    return {
        "model_version": dg.MetadataValue.int(version.version),
        "model": dg.MetadataValue.url(version.model_url(ui_url)),
        "mlflow_run": dg.MetadataValue.url(version.run_url(ui_url)),
        "mlflow_run_id": dg.MetadataValue.text(version.run_id),
    }


def evaluation_metadata(
    version: ModelVersion,
    metrics: Mapping[str, float | None],
    failures: Sequence[str],
    figures: Mapping[str, bytes],
    ui_url: str,
) -> dict[str, Any]:
    """Return what the UI shows of a version's evaluation: whether it passes the quality gate, pictures, links and figures.

    Args:
        version: the version that was evaluated.
        metrics: by name; those that are not defined are left out.
        failures: sentences on what keeps it from passing the gate.
        figures: PNG pictures by name.
        ui_url: where people open MLflow.
    """
    return {
        "gate": " ".join(failures) or "passed",
        **image_metadata(figures),
        **version_metadata(version, ui_url),
        **{name: round(value, 4) for name, value in metrics.items() if value is not None},
    }


def log_trial(context: dg.AssetExecutionContext) -> Callable[[Trial], None]:
    """Return what a search calls after each trial, to let the log of a run say how it goes."""
    return lambda trial: context.log.info(f"{trial.name}: log loss {trial.metrics['log_loss']:.4f} in {trial.fit_seconds:.1f} s")


class ModelIOManager(dg.IOManager):
    """Register the `TrainedModel` that an asset returns as the newest version, of its partition if it has some, and as challenger.

    Inputs get a `RegisteredModel`: the newest version of the partition, or of a model without partitions.
    """

    def __init__(self, stores: Stores, clock: Clock) -> None:
        """Use the registry of `stores`; versions are dated by `clock`."""
        self._stores, self._clock = stores, clock

    def handle_output(self, context: dg.OutputContext, obj: TrainedModel) -> None:
        """Log the search, save the bundle, register it, mark it as challenger."""
        from mlops_assets.ml.training import trials_table

        name, registry = model_name(context.asset_key), self._stores.models()
        with retrying_transient_errors():
            version = registry.save(
                obj.bundle,
                model_name=name,
                asset=context.asset_key.to_user_string(),
                partition=context.asset_partition_key if context.has_asset_partitions else None,
                now=self._clock.now(),
                # Not `dagster_run_id`, by which dagster-mlflow finds the run above.
                run_tags={"dagster_run": context.run_id},
                trials=obj.trials,
                figures=obj.figures,
                datasets=obj.datasets,
                open_parent_run=mlflow_run_of(context),
            )
            registry.mark_challenger(version)
        add_stored_metadata(
            context,
            {
                "winner": obj.bundle.provenance.estimator_name,
                **image_metadata(obj.figures),
                **version_metadata(version, self._stores.mlflow_ui_url),
                "candidates": frame_metadata(trials_table(obj)),
                "is_search_cut_by_time_budget": obj.is_cut_by_budget,
                **{
                    name: round(value, 6) if isinstance(value, float) else value
                    for name, value in obj.bundle.predictor.settings.items()
                },
                "feature_count": len(obj.bundle.provenance.feature_names),
            },
        )

    def load_input(self, context: dg.InputContext) -> RegisteredModel:
        """Load the newest version of the partition asked for."""
        name, registry = model_name(context.asset_key), self._stores.models()
        with retrying_transient_errors():
            return _load(registry, name, context.asset_partition_key if context.has_asset_partitions else None)


def champion_before(registry: ModelRegistry, asset_key: dg.AssetKey, moment: datetime) -> RegisteredModel:
    """Return the model that may score what happened from `moment` on: a champion whose training window ended by then.

    Raises:
        MissingModelError: there is none; a model that has seen the outcomes it is asked to predict would only look good.
    """
    name = model_name(asset_key)
    with retrying_transient_errors():
        version = registry.champion_for(name, before=moment)
        if version is None:
            raise MissingModelError(
                f"{name} has no champion whose training ended by {moment:%Y-%m-%d %H:%M} UTC; "
                "train one that had ended by then, and let its champion be decided about"
            )
        return RegisteredModel(registry.load(version), version)


def _load(registry: ModelRegistry, name: str, partition: str | None) -> RegisteredModel:
    version = registry.version_for_partition(name, partition)
    if version is None:
        wanted = "no version; materialize it" if partition is None else f"no version for {partition}; materialize that partition"
        raise MissingModelError(f"{name} has {wanted} first")
    return RegisteredModel(registry.load(version), version)
