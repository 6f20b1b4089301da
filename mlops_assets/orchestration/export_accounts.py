"""What became of every record of an export: the asset with its files, and the check that no record is in no table."""

from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import dagster as dg
import pandas as pd

from mlops_assets.contracts import TableContract
from mlops_assets.orchestration.asset_specs import STORES, asset_key
from mlops_assets.orchestration.clock import CLOCK
from mlops_assets.orchestration.failures import error_context, retrying_transient_errors
from mlops_assets.orchestration.metadata import frame_metadata
from mlops_assets.orchestration.partitions import has_begun, partition_of
from mlops_assets.orchestration.table_assets import lake_asset
from mlops_assets.stores.lake import Lake, LakeAddress
from mlops_assets.tabular.export_files import ExportFile, RecordCounts, account_for_files

_READ_AT_ONCE = 8
_SHOWN_FILES = 100
_NAMED_FILES = 5


def export_files_asset(
    contract: TableContract,
    accepted: TableContract,
    rejected: TableContract,
    partitions: dg.PartitionsDefinition,
    *,
    source_key: str,
) -> dg.AssetsDefinition:
    """Return the asset with a row per file of a domain's export; it has no rows if the source is none.

    Args:
        contract: the domain's `export_files`.
        accepted: the table of rows, with `source_name`.
        rejected: the table of rejects, with `source_name`.
        partitions: of both.
        source_key: resource key of the domain's source, which lists its files by `export_files()`.
    """

    # Of the rejects alone: a check that stops what is made from the rows must not stop the account of what became of the files.
    @lake_asset(contract, deps=[asset_key(rejected)], required_resource_keys={source_key, STORES, CLOCK})
    def export_files(context: dg.AssetExecutionContext) -> pd.DataFrame:
        source, stores, clock = (getattr(context.resources, key) for key in (source_key, STORES, CLOCK))
        with error_context(contract.label):
            files, lake = source.export_files(), stores.lake(contract.domain)
            account = account_for_export(files, lake, accepted, rejected, partitions, clock.now())
        context.add_asset_metadata(account_metadata(account))
        return account

    return export_files


def account_for_export(
    files: Sequence[ExportFile],
    lake: Lake,
    accepted: TableContract,
    rejected: TableContract,
    partitions: dg.PartitionsDefinition,
    now: datetime,
) -> pd.DataFrame:
    """Return what became of the records of every file: rows of the domain's `export_files`.

    Args:
        files: of the export.
        lake: where the two tables are.
        accepted: the table of rows, with `source_name`.
        rejected: the table of rejects, with `source_name`.
        partitions: of both.
        now: a partition of a later time is none, and never will be.
    """
    wanted = {partition for file in files for partition, _ in file.counts}
    if not wanted:
        return account_for_files(files, {}, {}, (), ())
    with retrying_transient_errors():
        kept = _count_records(lake, accepted, partitions, wanted)
        dropped = _count_records(lake, rejected, partitions, wanted)
    materialized = kept.keys() & dropped.keys()
    awaited = {key for key in wanted if has_begun(partitions, key, now)}
    return account_for_files(files, _joined(kept), _joined(dropped), materialized, awaited)


def _count_records(
    lake: Lake, contract: TableContract, partitions: dg.PartitionsDefinition, wanted: Collection[str]
) -> dict[str, Counter[str]]:
    """Return the number of rows by `source_name` of each partition that says where its rows are from; older ones do not."""
    asset = (contract.domain, contract.name)

    def count(key: str) -> Counter[str] | None:
        rows = lake.read(LakeAddress(asset, partition_of(partitions, key)), ["source_name"], contract=contract)
        if "source_name" not in rows.column_names:
            return None
        counts = rows["source_name"].value_counts().to_pylist()
        return Counter({item["values"]: item["counts"] for item in counts})

    keys = sorted(set(lake.partitions(asset)).intersection(wanted))
    with ThreadPoolExecutor(_READ_AT_ONCE, thread_name_prefix="partition") as threads:
        counted = zip(keys, threads.map(count, keys), strict=True)
        return {key: counts for key, counts in counted if counts is not None}


def _joined(counts: dict[str, Counter[str]]) -> RecordCounts:
    return {(key, name): count for key, by_name in counts.items() for name, count in by_name.items()}


def account_metadata(account: pd.DataFrame) -> dict[str, dg.MetadataValue]:
    """Return the table of files for the UI: those that somebody should look at first."""
    is_remarkable = (account["missing_count"] != 0) | (account["status"] != "read") | account["note"].notna()
    shown = account.assign(is_plain=~is_remarkable).sort_values(["is_plain", "file_name"], kind="stable").drop(columns="is_plain")
    totals = {name: dg.MetadataValue.int(int(account[name].sum())) for name in account.columns if name.endswith("_count")}
    return {"files": frame_metadata(shown.head(_SHOWN_FILES).fillna("")), **totals}


def export_files_check(contract: TableContract) -> dg.AssetChecksDefinition:
    """Return the check that every record of every file is a row, a reject, or waits for its partition to be materialized.

    It fails if one is not, or a file cannot be read; it warns of files that may hold records and are not read.
    """

    @dg.asset_check(
        asset=asset_key(contract),
        description="Of every file of the export, records read = kept + rejected + waiting, and it is known what it holds.",
    )
    def accounts_for_every_record(table: pd.DataFrame) -> dg.AssetCheckResult:
        errors, doubts = [*_unreadable(table), *_missing(table)], _unrecognized(table)
        problems = [*errors, *doubts]
        return dg.AssetCheckResult(
            passed=not problems,
            severity=dg.AssetCheckSeverity.ERROR if errors else dg.AssetCheckSeverity.WARN,
            description="; ".join(problems[:_NAMED_FILES]) or _summary(table),
            metadata={
                "unreadable_count": len(_unreadable(table)),
                "unrecognized_count": len(doubts),
                "missing_count": int(table["missing_count"].abs().sum()),
            },
        )

    return accounts_for_every_record


def _unreadable(table: pd.DataFrame) -> list[str]:
    rows = table[table["status"] == "unreadable"].to_dict("records")
    return [f"{row['file_name']} cannot be read: {row['note']}" for row in rows]


def _unrecognized(table: pd.DataFrame) -> list[str]:
    rows = table[table["status"] == "unrecognized"].to_dict("records")
    return [f"{row['file_name']} may hold records and is not read: {row['note']}" for row in rows]


def _missing(table: pd.DataFrame) -> list[str]:
    problems = []
    for row in table[table["missing_count"] != 0].to_dict("records"):
        missing = int(row["missing_count"])
        what = (
            f"{missing:,} of its {row['record_count']:,} records are in no table"
            if missing > 0
            else f"the tables have {-missing:,} records more than the file"
        )
        span = f"{row['first_partition']} to {row['last_partition']}"
        problems.append(f"{row['file_name']}: {what}; if the file was changed, materialize {span} again; correct mistyped times")
    return problems


def _summary(table: pd.DataFrame) -> str:
    if table.empty:
        return "The source is no export."
    counts = {name: int(table[f"{name}_count"].sum()) for name in ("record", "kept", "rejected", "waiting")}
    read, others = table[table["status"] == "read"], table[table["status"] == "set_aside"]
    text = (
        f"{counts['record']:,} records in {len(read)} {'file' if len(read) == 1 else 'files'}: {counts['kept']:,} kept, "
        f"{counts['rejected']:,} rejected, {counts['waiting']:,} waiting for their partition to be materialized"
    )
    named = [f"{row['file_name']} ({row['note']})" for row in others.head(_NAMED_FILES).to_dict("records")]
    more = f" and {len(others) - len(named)} more" if len(others) > len(named) else ""
    return f"{text}. Set aside: {', '.join(named)}{more}" if named else text
