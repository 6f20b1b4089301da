"""Checks of a table against other tables and partitions, made from contracts and a limit or two."""

from collections.abc import Iterator, Sequence
from statistics import median

import dagster as dg
import pandas as pd

from mlops_assets.contracts import TableContract
from mlops_assets.contracts.frames import conform, to_pandas
from mlops_assets.errors import MissingPartitionError
from mlops_assets.orchestration.asset_specs import asset_key
from mlops_assets.orchestration.check_outcomes import CheckOutcome, report_partition_results
from mlops_assets.orchestration.metadata import frame_metadata
from mlops_assets.orchestration.partitions import partition_of
from mlops_assets.orchestration.reject_rates import RejectRates, measure_rejects
from mlops_assets.orchestration.table_checks import TableCheck
from mlops_assets.stores.lake import Lake, LakeAddress
from mlops_assets.stores.registry import Stores

_NAMED_ENTITIES = 5


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

        def evaluate(key: str) -> CheckOutcome:
            position = keys.index(key)
            recent = _row_counts(lake, contract, partitions, keys[max(0, position - recent_partitions) : position])
            rows = _row_count(lake, contract, partitions, key)
            usual = median(recent) if recent else rows
            return CheckOutcome(
                passed=least_share * usual <= rows <= greatest_share * usual,
                description=f"{key} has {rows:,} rows; {_say_usual(recent)}",
                metadata={"row_count": rows, "usual_row_count": usual},
            )

        outcomes = {key: evaluate(key) for key in context.partition_keys}
        return report_partition_results(context, check, outcomes, severity=dg.AssetCheckSeverity.WARN)

    return has_usual_volume


def _say_usual(recent: Sequence[int]) -> str:
    """Say how many rows the partitions before one have."""
    if not recent:
        return "there is no partition before it to compare it with"
    if len(recent) == 1:
        return f"the partition before it has {recent[0]:,}"
    return f"the {len(recent)} partitions before it have {median(recent):,.0f} at the median"


def rejects_checks(
    accepted: TableContract,
    rejected: TableContract,
    partitions: dg.PartitionsDefinition,
    *,
    entity: str,
    name: str,
    entity_word: str,
    greatest_share: float,
    harmless_reasons: frozenset[str],
    greatest_share_of_all: float | None = None,
    is_blocking: bool = True,
) -> dg.AssetChecksDefinition:
    """Return the checks that few records were rejected: one of the feed as a whole, which blocks, and one of each entity.

    One entity in trouble has no new rows and is named by a warning; the others go on. That is a check of its own, because an
    automation condition waits for a blocking check that has failed, be it with a warning. Only if most entities are in trouble, or
    many rejects do not even say which entity they are about, has the source changed its ways, and nothing is built on it.

    Args:
        accepted: the table of rows, with the column `entity`.
        rejected: the table of rejects, with `reason_code` and the columns `entity` and `name`.
        partitions: of both.
        entity: the column that tells apart what records are about, for example car parks.
        name: the column of `rejected` with the entity's name, for people.
        entity_word: what an entity is called, for example `car park`.
        greatest_share: of rejects among the records of an entity.
        harmless_reasons: reason codes that do not count, for example older versions of a row.
        greatest_share_of_all: of rejects among all records, where entities are parts of one whole, such as the files of a month,
            and not things of their own, such as car parks.
        is_blocking: whether nothing in the same run builds on a feed that fails; otherwise that is a warning, too, as where each
            partition is the file of somebody else.
    """
    asset, deps = asset_key(accepted), [asset_key(rejected)]
    of_all, of_each = (
        dg.AssetCheckKey(asset, name) for name in ("has_few_rejects", f"every_{entity_word.replace(' ', '_')}_is_read")
    )

    in_all = "" if greatest_share_of_all is None else " and in all of them together"
    specs = [
        dg.AssetCheckSpec(
            check.name,
            asset=asset,
            description=promise,
            blocking=check is of_all and is_blocking,
            partitions_def=partitions,
            additional_deps=deps,
        )
        for check, promise in (
            (of_all, f"In most {entity_word}s{in_all}, at most {greatest_share:.1%} of the records were rejected."),
            (of_each, f"There is no {entity_word} of which more than {greatest_share:.1%} of the records were rejected."),
        )
    ]

    # One step for both, so that the tables are read once.
    @dg.multi_asset_check(name=f"{accepted.domain}__{accepted.name}_rejects", specs=specs)
    def rejects(context: dg.AssetCheckExecutionContext, stores: dg.ResourceParam[Stores]) -> Iterator[dg.AssetCheckResult]:
        lake = stores.lake(accepted.domain)
        rates = {
            key: measure_rejects(
                _columns(lake, accepted, partitions, key, [entity])[entity],
                _columns(lake, rejected, partitions, key, list(dict.fromkeys(["reason_code", entity, name]))),
                entity=entity,
                name=name,
                greatest_share=greatest_share,
                harmless_reasons=harmless_reasons,
            )
            for key in context.partition_keys
        }
        outcomes = {key: _of_each(key, measured, entity_word) for key, measured in rates.items()}
        yield report_partition_results(context, of_each, outcomes, severity=dg.AssetCheckSeverity.WARN)
        outcomes = {key: _of_all(key, measured, entity_word, greatest_share_of_all) for key, measured in rates.items()}
        yield report_partition_results(
            context, of_all, outcomes, severity=dg.AssetCheckSeverity.ERROR if is_blocking else dg.AssetCheckSeverity.WARN
        )

    return rejects


def _of_all(key: str, rates: RejectRates, entity_word: str, greatest_share: float | None) -> CheckOutcome:
    parts = [f"{rates.rejected_count:,} of the {rates.record_count:,} records of {key} were rejected ({rates.share:.2%})"]
    if rates.are_most_in_trouble:
        entities = f"{len(rates.in_trouble)} of {len(rates.by_entity)} {entity_word}s"
        parts.append(f"in {entities} more than {rates.greatest_share:.1%}")
    if rates.are_many_nameless:
        parts.append(f"{rates.nameless_count:,} of them do not say which {entity_word} they are about")
    return CheckOutcome(
        passed=not (rates.are_most_in_trouble or rates.are_many_nameless or rates.are_more_than(greatest_share)),
        description="; ".join(parts),
        metadata={"rejected_count": rates.rejected_count, "rejected_share": rates.share},
    )


def _of_each(key: str, rates: RejectRates, entity_word: str) -> CheckOutcome:
    in_trouble = rates.by_entity[rates.by_entity["is_in_trouble"]]
    shown = [
        f"{row['name']} ({row['rejected_count']:,} of {row['accepted_count'] + row['rejected_count']:,} records rejected)"
        for row in in_trouble.head(_NAMED_ENTITIES).to_dict("records")
    ]
    more = f" and {len(in_trouble) - len(shown)} more" if len(in_trouble) > len(shown) else ""
    return CheckOutcome(
        passed=in_trouble.empty,
        description=f"{key}: {', '.join(shown)}{more}" if shown else f"{key}: every {entity_word} is read",
        metadata={"in_trouble_count": len(in_trouble), **({"in_trouble": frame_metadata(in_trouble)} if shown else {})},
    )


def optional_values_check(contract: TableContract, *, never_empty: Sequence[str] = (), greatest_share: float = 0.01) -> TableCheck:
    """Return the check that optional values could be read; a warning, for the rows are there, only without them.

    Args:
        contract: a table with the column `unread_values`.
        never_empty: optional columns that some row of every partition has a value in; if none has, the source lacks the column, or
            writes it in a way that nothing understands.
        greatest_share: of rows with values that could not be read.
    """

    def evaluate(rows: pd.DataFrame, key: str) -> CheckOutcome:
        unread = rows["unread_values"].dropna()
        empty = [name for name in never_empty if len(rows) and rows[name].isna().all()]
        parts = [f"{len(unread):,} of {len(rows):,} rows have values that cannot be read"]
        parts += [f"for example {unread.iloc[0]}"] if len(unread) else []
        parts += [f"without a value in any row: {', '.join(empty)}"] if empty else []
        return CheckOutcome(
            passed=not empty and len(unread) <= greatest_share * len(rows),
            description=f"{key}: {', '.join(parts)}",
            metadata={"unread_count": len(unread), "empty_columns": ", ".join(empty)},
        )

    return TableCheck(
        contract,
        "reads_optional_values",
        f"At most {greatest_share:.1%} of the rows lack an optional value because it could not be read.",
        evaluate,
        is_blocking=False,
    )


def _columns(
    lake: Lake, contract: TableContract, partitions: dg.PartitionsDefinition, key: str, names: Sequence[str]
) -> pd.DataFrame:
    """Return some columns of a partition that must exist."""
    address = LakeAddress((contract.domain, contract.name), partition_of(partitions, key))
    return to_pandas(conform(lake.read(address, names, contract=contract), contract, names))


def _row_count(lake: Lake, contract: TableContract, partitions: dg.PartitionsDefinition, key: str) -> int:
    """Return the row count of a partition that must exist."""
    counts = _row_counts(lake, contract, partitions, [key])
    if not counts:
        raise MissingPartitionError(f"{contract.label}, partition {key} has not been materialized, so it cannot be checked")
    return counts[0]


def _row_counts(lake: Lake, contract: TableContract, partitions: dg.PartitionsDefinition, keys: Sequence[str]) -> list[int]:
    """Return the row counts of those partitions that exist."""
    asset = (contract.domain, contract.name)
    counts = [lake.row_count(LakeAddress(asset, partition_of(partitions, key))) for key in keys]
    return [count for count in counts if count is not None]
