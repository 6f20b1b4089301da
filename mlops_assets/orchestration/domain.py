"""What a domain brings to the platform."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from mlops_assets.contracts import TableContract
from mlops_assets.orchestration.asset_specs import WAREHOUSE, asset_key
from mlops_assets.orchestration.bootstrap import Bootstrap
from mlops_assets.orchestration.demo import Demo


@dataclass(frozen=True)
class Domain:
    """One domain's part of the graph.

    Attributes:
        name: first part of its asset keys.
        contracts: of its tables, in the order of the data dictionary.
        assets: datasets, fitted objects, models, metrics, predictions.
        checks: of these assets.
        jobs: for people, schedules and sensors.
        schedules: what the calendar starts.
        sensors: what the world starts.
        resources: by key; shared by nobody else.
        bootstrap: how it gets to work on an empty platform.
        demo: how it is shown on simulated data.
    """

    name: str
    contracts: Sequence[TableContract] = ()
    assets: Sequence[dg.AssetsDefinition] = ()
    checks: Sequence[dg.AssetChecksDefinition] = ()
    jobs: Sequence[Any] = ()
    schedules: Sequence[Any] = ()
    sensors: Sequence[dg.SensorDefinition] = ()
    resources: Mapping[str, Any] = field(default_factory=dict)
    bootstrap: Bootstrap | None = None
    demo: Demo | None = None

    def warehouse_contracts(self) -> list[TableContract]:
        """Return the contracts of the tables that live in the warehouse; the others live in the lake."""
        in_warehouse = {
            key for asset in self.assets for key in asset.keys if asset.get_io_manager_key_for_asset_key(key) == WAREHOUSE
        }
        return [contract for contract in self.contracts if asset_key(contract) in in_warehouse]
