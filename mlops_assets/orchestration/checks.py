"""Checks that many tables need, made from a contract and a limit or two."""

from statistics import median

import dagster as dg

from mlops_assets.contracts import TableContract
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.partitions import dimension_name
from mlops_assets.orchestration.tables import frame_metadata
from mlops_assets.stores.catalog import Stores
from mlops_assets.stores.lake import Lake, LakeAddress

_SHOWN_VIOLATIONS = 20


def contract_check(contract: TableContract, partitions: dg.PartitionsDefinition | None = None) -> dg.AssetChecksDefinition:
    """Return the blocking check that every row of a table keeps its contract: nulls, ranges, patterns, unique keys."""

    @dg.asset_check(
        asset=asset_key(contract),
        description="Every row keeps the table's contract: nulls, ranges, patterns and unique keys.",
        blocking=True,
        partitions_def=partitions,
    )
    def keeps_contract(table: PartitionedFrames) -> dg.AssetCheckResult:
        return judge_contract(table, contract)

    return keeps_contract


def judge_contract(table: PartitionedFrames, contract: TableContract) -> dg.AssetCheckResult:
    """Hold the partitions of a table against its contract, one at a time."""
    import pandas as pd

    from mlops_assets.contracts.checking import find_violations, summarize_violations

    row_count, found = 0, []
    for partition, frame in table.items():
        row_count += len(frame)
        violations = find_violations(frame, contract)
        if len(violations):
            found.append(summarize_violations(violations).assign(partition=partition))
    if not found:
        return dg.AssetCheckResult(passed=True, metadata={"row_count": row_count})
    summary = pd.concat(found, ignore_index=True)
    first = summary.iloc[0]
    return dg.AssetCheckResult(
        passed=False,
        description=(
            f"{int(summary['rows'].sum()):,} values break the contract of {contract.label}; for example {first['column']} "
            f"{first['example']!r} ({first['rule']})"
        ),
        metadata={"row_count": row_count, "violations": frame_metadata(summary.head(_SHOWN_VIOLATIONS))},
    )


def volume_check(
    contract: TableContract,
    partitions: dg.TimeWindowPartitionsDefinition,
    *,
    recent_partitions: int = 6,
    least_share: float = 0.5,
    greatest_share: float = 2.0,
) -> dg.AssetChecksDefinition:
    """Return the check that a partition has about as many rows as the recent ones before it; a warning, for the world may change."""

    @dg.asset_check(
        asset=asset_key(contract),
        description=(
            f"The partition has {least_share:g} to {greatest_share:g} times the median row count of the {recent_partitions} before it."
        ),
        partitions_def=partitions,
    )
    def has_usual_volume(context: dg.AssetCheckExecutionContext, stores: dg.ResourceParam[Stores]) -> dg.AssetCheckResult:
        lake = stores.lake(contract.domain)
        keys = partitions.get_partition_keys()
        unusual, counts = [], {}
        for key in context.partition_keys:
            position = keys.index(key)
            recent = _row_counts(lake, contract, partitions, keys[max(0, position - recent_partitions) : position])
            counts[key] = _row_counts(lake, contract, partitions, [key])[0]
            if recent and not least_share <= counts[key] / max(median(recent), 1) <= greatest_share:
                unusual.append(f"{key} has {counts[key]:,} rows, recent partitions {median(recent):,.0f}")
        return dg.AssetCheckResult(
            passed=not unusual,
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(unusual) or None,
            metadata={"row_counts": counts},
        )

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

    @dg.asset_check(
        asset=asset_key(rejected),
        description=f"At most {greatest_share:.1%} of the records were rejected.",
        blocking=True,
        partitions_def=partitions,
        additional_deps=[asset_key(accepted)],
    )
    def has_few_rejects(table: PartitionedFrames, stores: dg.ResourceParam[Stores]) -> dg.AssetCheckResult:
        lake = stores.lake(accepted.domain)
        shares = {}
        for key, rejects in table.items():
            count = int((~rejects["reason_code"].isin(harmless_reasons)).sum())
            shares[key] = count / max(count + _row_counts(lake, accepted, partitions, [key])[0], 1)
        too_many = {key: share for key, share in shares.items() if share > greatest_share}
        return dg.AssetCheckResult(
            passed=not too_many,
            description="; ".join(f"{share:.1%} of {key} rejected" for key, share in too_many.items()) or None,
            metadata={"reject_share": shares},
        )

    return has_few_rejects


def asset_key(contract: TableContract) -> dg.AssetKey:
    """Return the key of the asset that a contract describes."""
    return dg.AssetKey([contract.domain, contract.name])


def _row_counts(lake: Lake, contract: TableContract, partitions: dg.TimeWindowPartitionsDefinition, keys: list[str]) -> list[int]:
    """Return the row counts of those partitions that exist."""
    dimension = dimension_name(partitions)
    counts = [lake.row_count(LakeAddress((contract.domain, contract.name), dimension, key)) for key in keys]
    return [count for count in counts if count is not None]
