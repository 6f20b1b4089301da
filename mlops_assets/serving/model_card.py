"""What is known about a served model, for everybody who asks: what it takes and gives, how good it is, where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_assets.contracts import Column
    from mlops_assets.serving.champions import ModelName, ModelStatus, ServedModel


def model_summary(name: ModelName, status: ModelStatus) -> dict[str, Any]:
    """Return how a model is, in a line."""
    served = status.served
    return {
        "domain": name.domain,
        "name": name.name,
        "is_served": served is not None,
        "version": served and served.version.version,
        "run_id": served and served.version.run_id,
        "loaded_at": served and served.loaded_at,
        "problem": status.problem,
    }


def model_card(served: ServedModel) -> dict[str, Any]:
    """Return all that is known of a champion.

    `lineage` says what it was trained on: the window is null where data has no time, and the fingerprint is SHA-256 over all that
    determines the model.
    """
    bundle = served.bundle
    trained = bundle.provenance
    return {
        **served.identity,
        "loaded_at": served.loaded_at,
        "kind": bundle.predictor.kind,
        "estimator": trained.estimator_name,
        "inputs": [_column(column) for column in bundle.input_contract.columns],
        "outputs": [_column(column) for column in bundle.predictor.outputs],
        "features": trained.feature_names,
        "metrics": dict(trained.metrics),
        "baseline_metrics": {name: dict(metrics) for name, metrics in trained.baseline_metrics.items()},
        "lineage": {
            "training_start_at": trained.training_start_at,
            "training_end_at": trained.training_end_at,
            "training_rows": trained.training_rows,
            "fingerprint": trained.fingerprint,
            "run_id": served.version.run_id,
            "seed": trained.seed,
            "library_versions": dict(trained.library_versions),
        },
    }


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type,
        "description": column.description,
        "unit": column.unit,
        "is_optional": column.nullable,
        "allowed": column.allowed,
        "pattern": column.pattern,
        "minimum": column.minimum,
        "maximum": column.maximum,
    }
