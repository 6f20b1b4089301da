"""What the page of models reads: versions and provenance from the registry, promotion decisions from the warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from mlops_assets.dashboard.errors import not_made_yet
from mlops_assets.domains import serving_extensions
from mlops_assets.stores.models.versions import CHAMPION, ModelVersion

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.contracts import TableContract
    from mlops_assets.ml.bundle import Provenance
    from mlops_assets.stores.registry import Stores


@dataclass(frozen=True)
class ModelHistory:
    """A model of the registry.

    Attributes:
        versions: all of them, the newest first.
        champion: the one that scores; None if no version does.
        provenance: where the champion comes from and how good it is.
    """

    versions: list[ModelVersion]
    champion: ModelVersion | None
    provenance: Provenance | None


def model_names() -> list[tuple[str, str]]:
    """Return domain and name of every model that is served."""
    return [(extension.domain, model) for extension in serving_extensions() for model in extension.models]


def read_model(stores: Stores, domain: str, model: str) -> ModelHistory:
    """Return the versions of a model, and the provenance of its champion.

    Raises:
        NothingToShowError: it was never trained.
    """
    registry = stores.models()
    versions = registry.versions(f"{domain}.{model}") if registry.exists() else []
    if not versions:
        raise not_made_yet(f"version of {model}", domain)
    champion = next((version for version in versions if CHAMPION in version.aliases), None)
    return ModelHistory(versions, champion, registry.provenance(champion) if champion else None)


def read_decisions(stores: Stores, domain: str) -> pd.DataFrame | None:
    """Return the domain's promotion decisions, the newest version first; None if the domain keeps none."""
    contract = champion_contract(domain)
    if contract is None:
        return None
    return stores.warehouse(domain).read(contract).sort_values("challenger_version", ascending=False, ignore_index=True)


def champion_contract(domain: str) -> TableContract | None:
    """Return the contract of a domain's table of promotion decisions; None if it has none."""
    name = f"mlops_assets.{domain}.model_contracts"
    contracts = import_module(name).MODEL_CONTRACTS if find_spec(name) else ()
    return next((contract for contract in contracts if contract.name.endswith("_champion")), None)


def versions_table(versions: list[ModelVersion]) -> pd.DataFrame:
    """Return a row for each version, the newest first: what it is for, what it learned from, and its time as champion."""
    import pandas as pd

    return pd.DataFrame(
        {
            "version": [version.version for version in versions],
            "role": [", ".join(version.aliases).replace("_", " ") for version in versions],
            "partition": [version.partition for version in versions],
            "trained from": [version.training_start_at for version in versions],
            "trained to": [version.training_end_at for version in versions],
            "promoted at": pd.to_datetime(pd.Series([version.promoted_at for version in versions], dtype=object), utc=True),
            "rolled back at": pd.to_datetime(pd.Series([version.rolled_back_at for version in versions], dtype=object), utc=True),
        }
    )


def metrics_table(provenance: Provenance) -> pd.DataFrame:
    """Return the metrics of a model and its baselines: `metric`, `predictor` (the model is called `model`) and `value`."""
    import pandas as pd

    predictors = {"model": provenance.metrics, **provenance.baseline_metrics}
    rows = [
        (metric, predictor, metrics.get(metric))
        for predictor, metrics in predictors.items()
        for metric in provenance.metrics
        if metrics.get(metric) is not None
    ]
    return pd.DataFrame(rows, columns=["metric", "predictor", "value"])
