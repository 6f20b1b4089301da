"""What assets and checks read from stores in their own functions, noted while they run, to be compared with what they declare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster import DagsterInvariantViolationError

from mlops_assets.stores.registry import Stores


@dataclass(frozen=True)
class Read:
    """A step that asked a store for an asset.

    Attributes:
        step: the step.
        asset: what it read.
        declared: what it depends on, makes or checks.
    """

    step: str
    asset: dg.AssetKey
    declared: frozenset[dg.AssetKey]


@dataclass(frozen=True)
class WatchedStores(Stores):
    """The stores of a platform, as the functions of assets get them; IO managers, which load declared inputs, have others."""

    reads: set[Read] = field(default_factory=set)

    def lake(self, domain: str) -> Any:
        """Return the lake of a domain, which is asked by addresses, or by assets."""
        return _Watched(super().lake(domain), self.reads, lambda what: dg.AssetKey(getattr(what, "asset", what)))

    def landing(self, domain: str, asset: str) -> Any:
        """Return the raw objects of an asset."""
        return _Watched(super().landing(domain, asset), self.reads, lambda _: dg.AssetKey([domain, asset]))

    def warehouse(self, domain: str) -> Any:
        """Return the warehouse of a domain, which is asked by contracts."""
        return _Watched(super().warehouse(domain), self.reads, lambda contract: dg.AssetKey([contract.domain, contract.name]))

    def models(self) -> Any:
        """Return the model registry, which is asked by names of models, or by versions."""
        return _Watched(super().models(), self.reads, lambda what: dg.AssetKey(getattr(what, "name", what).split(".")))

    def read_by(self, step: str) -> set[str]:
        """Return the names of the assets that a step read by itself."""
        return {read.asset.path[-1] for read in self.reads if read.step == step}

    def hidden_reads(self, champions: Mapping[str, str]) -> set[tuple[str, str]]:
        """Return step and asset of the reads that nothing declares.

        Args:
            champions: by model, the asset that decides which of its versions is in charge: who depends on the decision may read
                the model.
        """
        return {
            (read.step, read.asset.path[-1])
            for read in self.reads
            if not read.declared & {read.asset, _beside(read.asset, champions.get(read.asset.path[-1]))}
        }


class _Watched:
    """A store that notes for which step it is asked about which asset."""

    def __init__(self, store: Any, reads: set[Read], asset_of: Callable[[Any], dg.AssetKey]) -> None:
        self._store, self._reads, self._asset_of = store, reads, asset_of

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._store, name)
        if not callable(attribute):
            return attribute

        def call(*arguments: Any, **options: Any) -> Any:
            # Sensors, jobs of their own and tests read what they like.
            with suppress(DagsterInvariantViolationError):
                context = dg.OpExecutionContext.get()
                if context.has_assets_def:
                    self._reads.add(Read(context.op.name, self._asset_of(arguments[0] if arguments else None), _declared(context)))
            return attribute(*arguments, **options)

        return call


def _declared(context: dg.OpExecutionContext) -> frozenset[dg.AssetKey]:
    """Return what the step at work depends on, makes or checks."""
    assets = context.assets_def
    return frozenset({*assets.keys, *assets.keys_by_input_name.values(), *(check.asset_key for check in assets.check_keys)})


def _beside(asset: dg.AssetKey, name: str | None) -> dg.AssetKey:
    return asset if name is None else dg.AssetKey([asset.path[0], name])
