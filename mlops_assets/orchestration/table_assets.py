"""Assets that are tables: whatever they return is held against its contract in the step that makes it.

The check is part of the asset's own step because a step and a second reading of the table cost more than the check itself. The
rows are stored whether they keep the contract or not, so that people can look at them; what follows in the run does not start.
"""

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dagster as dg
import pandas as pd

from mlops_assets.contracts import TableContract
from mlops_assets.orchestration.asset_options import asset_key, lake_table, warehouse_table
from mlops_assets.orchestration.check_verdicts import Verdict, conclude
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.tables import frame_metadata

CONTRACT_CHECK = "keeps_contract"
_SHOWN_VIOLATIONS = 20

_Asset = Callable[[Callable[..., Any]], dg.AssetsDefinition]


def lake_asset(contract: TableContract, *, is_intermediate: bool = False, **options: Any) -> _Asset:
    """Make an asset of a function that returns the rows of a table in the lake, with the blocking check of its contract.

    Args:
        contract: of the table.
        is_intermediate: whether a bucket may drop the table after a while.
        **options: further options of `dagster.asset`.
    """
    return _table_asset(contract, lake_table(contract, is_intermediate=is_intermediate), options)


def warehouse_asset(contract: TableContract, **options: Any) -> _Asset:
    """Make an asset of a function that returns the rows of a table in the warehouse, with the blocking check of its contract."""
    return _table_asset(contract, warehouse_table(contract), options)


def _table_asset(contract: TableContract, table_options: dict[str, Any], options: dict[str, Any]) -> _Asset:
    check = contract_check(contract, options.get("partitions_def"))
    decorate = dg.asset(**table_options, **options, check_specs=[check])
    return lambda function: decorate(holding(contract)(function))


def contract_check(contract: TableContract, partitions: dg.PartitionsDefinition | None = None) -> dg.AssetCheckSpec:
    """Return the blocking check that every row of a table keeps its contract, for `check_specs` of a `dagster.multi_asset`."""
    return dg.AssetCheckSpec(
        CONTRACT_CHECK,
        asset=asset_key(contract),
        description="Every row keeps the table's contract: nulls, ranges, patterns and unique keys.",
        blocking=True,
        partitions_def=partitions,
    )


def holding(*contracts: TableContract) -> Callable[[Callable[..., Any]], Callable[..., Iterator[Any]]]:
    """Hold what an asset's function returns, or those outputs it yields that have a contract's name, against the contracts.

    The function adds metadata by `context.add_asset_metadata`, for a check is an output like any other to Dagster.
    """
    by_name = {contract.name: contract for contract in contracts}

    def decorate(function: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
        @functools.wraps(function)
        def compute(*inputs: Any, **named_inputs: Any) -> Iterator[Any]:
            result = function(*inputs, **named_inputs)
            if not isinstance(result, Iterator):
                yield from _held(dg.Output(result), contracts[0])
                return
            for output in result:
                if output.output_name in by_name:
                    yield from _held(output, by_name[output.output_name])
                else:
                    yield output

        return compute

    return decorate


def _held(output: dg.Output[Any], contract: TableContract) -> Iterator[dg.Output[Any] | dg.AssetCheckResult]:
    """Yield an output, which Dagster then stores, and what came of the check.

    While a table is stored it is judged by another thread; of several partitions, each is judged while the one before is stored.
    """
    table = output.value
    verdicts: dict[str, Verdict] = {}
    if isinstance(table, PartitionedFrames):

        def judged(key: str) -> pd.DataFrame:
            frame = table[key]
            verdicts[key] = judge_contract(frame, contract)
            return frame

        yield dg.Output(PartitionedFrames(table.keys, judged), output.output_name, metadata=output.metadata)
    else:
        with ThreadPoolExecutor(1, thread_name_prefix="judge") as judge:
            verdict = judge.submit(judge_contract, table, contract)
            yield output
            verdicts[""] = verdict.result()
    yield conclude(dg.AssetExecutionContext.get(), dg.AssetCheckKey(asset_key(contract), CONTRACT_CHECK), verdicts)


def judge_contract(frame: pd.DataFrame, contract: TableContract) -> Verdict:
    """Hold a frame against its contract."""
    from mlops_assets.contracts.checking import find_violations, summarize_violations

    violations = find_violations(frame, contract)
    if violations.empty:
        return Verdict(passed=True, metadata={"row_count": len(frame)})
    summary = summarize_violations(violations)
    first = summary.iloc[0]
    return Verdict(
        passed=False,
        description=(
            f"{len(violations):,} values break the contract of {contract.label}; for example {first['column']} "
            f"{first['example']!r} ({first['rule']})"
        ),
        metadata={"row_count": len(frame), "violations": frame_metadata(summary.head(_SHOWN_VIOLATIONS))},
    )
