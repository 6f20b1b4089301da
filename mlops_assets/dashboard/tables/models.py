"""What the page of models reads: versions and provenance from the registry, promotion decisions from the warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from mlops_assets.dashboard.errors import not_made_yet
from mlops_assets.domains import serving_extensions
from mlops_assets.stores.models.versions import CHAMPION, ModelVersion, registered_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    import pandas as pd

    from mlops_assets.contracts import TableContract
    from mlops_assets.ml.bundle import Provenance
    from mlops_assets.stores.registry import Stores


MODEL = "model"
"""How tables of evaluations call the model itself."""
_METRIC_COLUMNS = ["metric", "predictor", "value"]
_NO_METRICS = ("threshold", "no_information_rate")
_DECIDING = ("log_loss", "city_mae_spaces")


@dataclass(frozen=True)
class ModelHistory:
    """A model of the registry.

    Attributes:
        versions: all of them, the newest first.
        champion: the one that scores; None if no version does.
        provenance: where the champion comes from and how good it is.
        metrics: of the champion and its baselines, as `metrics_table` returns them; empty without a champion.
    """

    versions: list[ModelVersion]
    champion: ModelVersion | None
    provenance: Provenance | None
    metrics: pd.DataFrame


def model_names() -> list[tuple[str, str]]:
    """Return domain and name of every model that is served."""
    return [(extension.domain, model) for extension in serving_extensions() for model in extension.models]


def read_model(stores: Stores, domain: str, model: str) -> ModelHistory:
    """Return the versions of a model, and the provenance of its champion.

    Raises:
        NothingToShowError: it was never trained.
    """
    registry = stores.models()
    versions = registry.versions(registered_name(domain, model)) if registry.exists() else []
    if not versions:
        raise not_made_yet(f"version of {model}", domain)
    champion = next((version for version in versions if CHAMPION in version.aliases), None)
    if champion is None:
        return ModelHistory(versions, None, None, metrics_table({}))
    provenance = registry.provenance(champion)
    metrics = read_evaluation(stores, domain, champion.version)
    if metrics.empty:
        metrics = metrics_table({MODEL: provenance.metrics, **provenance.baseline_metrics})
    return ModelHistory(versions, champion, provenance, metrics)


def read_evaluation(stores: Stores, domain: str, version: int) -> pd.DataFrame:
    """Return what the domain's table of evaluations says of a version and its baselines, as `metrics_table` does.

    Such a table has a row for each predictor and metric, or for each predictor and slice with metrics as columns. Without one, and
    of a version that it does not have, the result is empty.
    """
    contract = _model_contract(domain, "_evaluation")
    if contract is None:
        return metrics_table({})
    rows = stores.warehouse(domain).read(contract)
    rows = rows[rows["model_version"] == version]
    if "metric" in rows:
        return rows[_METRIC_COLUMNS].dropna().reset_index(drop=True)
    names = [column.name for column in contract.columns if column.type == "float64" and column.name not in _NO_METRICS]
    whole = rows.loc[rows["slice_kind"] == "all", ["predictor", *names]]
    return whole.melt("predictor", var_name="metric", value_name="value")[_METRIC_COLUMNS].dropna().reset_index(drop=True)


def read_decisions(stores: Stores, domain: str) -> pd.DataFrame | None:
    """Return the domain's promotion decisions, the newest version first; None if the domain keeps none."""
    contract = _model_contract(domain, "_champion")
    if contract is None:
        return None
    return stores.warehouse(domain).read(contract).sort_values("challenger_version", ascending=False, ignore_index=True)


def _model_contract(domain: str, suffix: str) -> TableContract | None:
    """Return the contract of a domain's table for models whose name ends so; None if it has none."""
    name = f"mlops_assets.{domain}.model_contracts"
    contracts = import_module(name).MODEL_CONTRACTS if find_spec(name) else ()
    return next((contract for contract in contracts if contract.name.endswith(suffix)), None)


def versions_table(versions: list[ModelVersion]) -> pd.DataFrame:
    """Return a row for each version, the newest first: what it is for, what it learned from, and its time as champion."""
    import pandas as pd

    return pd.DataFrame(
        {
            "version": [version.version for version in versions],
            "role": [", ".join(version.aliases).replace("_", " ") for version in versions],
            "partition": [version.partition for version in versions],
            "trained from": _times(version.training_start_at for version in versions),
            "trained to": _times(version.training_end_at for version in versions),
            "promoted at": _times(version.promoted_at for version in versions),
            "rolled back at": _times(version.rolled_back_at for version in versions),
        }
    )


def metrics_table(by_predictor: Mapping[str, Mapping[str, float | None]]) -> pd.DataFrame:
    """Return a row for each metric of each predictor that has it: `metric`, `predictor` (one is called `model`) and `value`."""
    import pandas as pd

    rows = [(metric, predictor, value) for predictor, metrics in by_predictor.items() for metric, value in metrics.items()]
    return pd.DataFrame(rows, columns=_METRIC_COLUMNS).dropna()


def comparable_metrics(metrics: pd.DataFrame) -> list[str]:
    """Return the metrics that can be compared with a baseline, those that decide first; all if there is no baseline."""
    counts = metrics.groupby("metric", sort=False)["predictor"].nunique()
    compared = list(counts.index[counts > 1]) or list(counts.index)
    return sorted(compared, key=lambda metric: metric not in _DECIDING)


def _times(times: Iterable[datetime | None]) -> pd.Series:
    import pandas as pd

    return pd.to_datetime(pd.Series(list(times), dtype=object), utc=True)
