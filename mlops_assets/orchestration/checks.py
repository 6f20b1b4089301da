"""Checks of a table against other tables and partitions, made from contracts and a limit or two."""

from collections.abc import Sequence
from statistics import median

import dagster as dg
import pandas as pd

from mlops_assets.contracts import TableContract
from mlops_assets.errors import MissingPartitionError
from mlops_assets.orchestration.asset_options import asset_key
from mlops_assets.orchestration.check_verdicts import Verdict, conclude
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.partitions import dimension_name
from mlops_assets.stores.catalog import Stores
from mlops_assets.stores.lake import Lake, LakeAddress


def volume_check(
    contract: TableContract,
    partitions: dg.TimeWindowPartitionsDefinition,
    *,
    recent_partitions: int = 6,
    least_share: float = 0.5,
    greatest_share: float = 2.0,
) -> dg.AssetChecksDefinition:
    """Return the check that a partition has about as many rows as the ones before it; a warning, for the world may change."""
    check = dg.AssetCheckKey(asset_key(contract), "has_usual_volume")

    @dg.asset_check(
        asset=check.asset_key,
        description=(
            f"The partition has {least_share:g} to {greatest_share:g} times as many rows as the {recent_partitions} before it "
            "in the median."
        ),
        partitions_def=partitions,
    )
    def has_usual_volume(context: dg.AssetCheckExecutionContext, stores: dg.ResourceParam[Stores]) -> dg.AssetCheckResult:
        lake = stores.lake(contract.domain)
        keys = partitions.get_partition_keys()

        def judge(key: str) -> Verdict:
            position = keys.index(key)
            recent = _row_counts(lake, contract, partitions, keys[max(0, position - recent_partitions) : position])
            rows = _row_count(lake, contract, partitions, key)
            usual = median(recent) if recent else rows
            return Verdict(
                passed=least_share * usual <= rows <= greatest_share * usual,
                description=f"{key} has {rows:,} rows; the {len(recent)} partitions before it have {usual:,.0f} at the median",
                metadata={"row_count": rows, "usual_row_count": usual},
            )

        verdicts = {key: judge(key) for key in context.partition_keys}
        return conclude(context, check, verdicts, severity=dg.AssetCheckSeverity.WARN)

    return has_usual_volume


def rejects_check(
    accepted: TableContract,
    rejected: TableContract,
    partitions: dg.TimeWindowPartitionsDefinition,
    *,
    greatest_share: float,
    harmless_reasons: frozenset[str],
) -> dg.AssetChecksDefinition:
    """Return the blocking check that few records were rejected; a source that changed its ways shows here first.

    Args:
        accepted: the table of rows.
        rejected: the table of rejects, with `reason_code`.
        partitions: of both.
        greatest_share: of rejects among all records.
        harmless_reasons: reason codes that do not count, for example older versions of a row.
    """
    check = dg.AssetCheckKey(asset_key(rejected), "has_few_rejects")

    @dg.asset_check(
        asset=check.asset_key,
        description=f"At most {greatest_share:.1%} of the records were rejected.",
        blocking=True,
        partitions_def=partitions,
        additional_deps=[asset_key(accepted)],
    )
    def has_few_rejects(
        context: dg.AssetCheckExecutionContext, table: PartitionedFrames, stores: dg.ResourceParam[Stores]
    ) -> dg.AssetCheckResult:
        lake = stores.lake(accepted.domain)

        def judge(key: str, rejects: pd.DataFrame) -> Verdict:
            count = int((~rejects["reason_code"].isin(harmless_reasons)).sum())
            share = count / max(count + _row_count(lake, accepted, partitions, key), 1)
            return Verdict(
                passed=share <= greatest_share,
                description=f"{share:.2%} of the records of {key} were rejected",
                metadata={"rejected_count": count, "rejected_share": share},
            )

        return conclude(context, check, {key: judge(key, rejects) for key, rejects in table.items()})

    return has_few_rejects


def _row_count(lake: Lake, contract: TableContract, partitions: dg.TimeWindowPartitionsDefinition, key: str) -> int:
    """Return the row count of a partition that must exist."""
    counts = _row_counts(lake, contract, partitions, [key])
    if not counts:
        raise MissingPartitionError(f"{contract.label}, partition {key} has not been materialized, so it cannot be checked")
    return counts[0]


def _row_counts(
    lake: Lake, contract: TableContract, partitions: dg.TimeWindowPartitionsDefinition, keys: Sequence[str]
) -> list[int]:
    """Return the row counts of those partitions that exist."""
    dimension = dimension_name(partitions)
    counts = [lake.row_count(LakeAddress((contract.domain, contract.name), dimension, key)) for key in keys]
    return [count for count in counts if count is not None]
