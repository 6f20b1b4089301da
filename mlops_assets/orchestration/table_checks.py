"""Checks of one table, evaluated in the step that makes it.

A check that is a step of its own is left out of the runs that automation conditions start; whatever waits for it would then wait
for ever. In the asset's own step it also needs no second reading of the table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import dagster as dg
import pandas as pd

from mlops_assets.contracts import TableContract
from mlops_assets.orchestration.asset_specs import asset_key
from mlops_assets.orchestration.check_outcomes import CheckOutcome, report_partition_results


@dataclass(frozen=True)
class TableCheck:
    """A rule about a table beyond its contract.

    Attributes:
        contract: of the table.
        name: of the check, below the table.
        description: what holds if the check passes, in one sentence.
        evaluate: looks at the rows of a partition, given with its key; None if the asset's function reports the outcome itself,
            because the rule is about more than the rows.
        is_blocking: whether nothing builds on rows that fail; otherwise a failure is a warning.
        fails_run: whether the run fails with a blocking check. If not, a failure only keeps automation waiting, as for rows that
            are too few yet.
    """

    contract: TableContract
    name: str
    description: str
    evaluate: Callable[[pd.DataFrame, str], CheckOutcome] | None = None
    is_blocking: bool = True
    fails_run: bool = True

    @property
    def key(self) -> dg.AssetCheckKey:
        """The check as Dagster knows it."""
        return dg.AssetCheckKey(asset_key(self.contract), self.name)

    def spec(self, partitions: dg.PartitionsDefinition | None) -> dg.AssetCheckSpec:
        """Return what the asset declares about the check."""
        return dg.AssetCheckSpec(
            self.name,
            asset=self.key.asset_key,
            description=self.description,
            blocking=self.is_blocking,
            partitions_def=partitions,
        )

    def report(self, outcomes: CheckOutcome | Mapping[str, CheckOutcome]) -> dg.AssetCheckResult:
        """Return the result of the check in the current step, for one outcome or for that of each partition."""
        is_error = self.is_blocking and self.fails_run
        severity = dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN
        by_partition = {"": outcomes} if isinstance(outcomes, CheckOutcome) else outcomes
        return report_partition_results(dg.AssetExecutionContext.get(), self.key, by_partition, severity=severity)
