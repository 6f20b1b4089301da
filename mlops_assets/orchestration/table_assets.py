"""Assets that are tables: whatever they return is held against its contract and its checks in the step that makes it.

The rows are stored whether they keep them or not, so that people can look at them; what follows in the run does not start.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dagster as dg
import pandas as pd

from mlops_assets.contracts import TableContract
from mlops_assets.orchestration.asset_specs import lake_table, warehouse_table
from mlops_assets.orchestration.check_outcomes import CheckOutcome
from mlops_assets.orchestration.metadata import frame_metadata
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.table_checks import TableCheck

CONTRACT_CHECK = "contract_is_valid"
_ONLY_OUTPUT = "result"
_SHOWN_VIOLATIONS = 20

_Asset = Callable[[Callable[..., Any]], dg.AssetsDefinition]


def lake_asset(
    contract: TableContract, *, checks: Sequence[TableCheck] = (), is_intermediate: bool = False, **options: Any
) -> _Asset:
    """Make an asset of a function that returns the rows of a table in the lake, with the blocking check of its contract.

    Args:
        contract: of the table.
        checks: further checks of the table.
        is_intermediate: whether a bucket may drop the table after a while.
        **options: further options of `dagster.asset`.
    """
    return _table_asset(contract, checks, lake_table(contract, is_intermediate=is_intermediate), options)


def warehouse_asset(contract: TableContract, *, checks: Sequence[TableCheck] = (), **options: Any) -> _Asset:
    """Make an asset of a function that returns the rows of a table in the warehouse, with the blocking check of its contract."""
    return _table_asset(contract, checks, warehouse_table(contract), options)


def _table_asset(
    contract: TableContract, checks: Sequence[TableCheck], table_options: dict[str, Any], options: dict[str, Any]
) -> _Asset:
    specs = check_specs(contract, partitions=options.get("partitions_def"), checks=checks)
    decorate = dg.asset(**table_options, **options, check_specs=specs)
    return lambda function: decorate(validated(contract, checks=checks)(function))


def check_specs(
    *contracts: TableContract, partitions: dg.PartitionsDefinition | None = None, checks: Sequence[TableCheck] = ()
) -> list[dg.AssetCheckSpec]:
    """Return the checks of tables, those of their contracts first, for `check_specs` of a `dagster.multi_asset`."""
    return [check.spec(partitions) for check in [*map(contract_check, contracts), *checks]]


def contract_check(contract: TableContract) -> TableCheck:
    """Return the blocking check that every row of a table keeps its contract."""
    return TableCheck(
        contract,
        CONTRACT_CHECK,
        "Every row keeps the table's contract: nulls, ranges, patterns and unique keys.",
        lambda frame, _: validate_contract(frame, contract),
    )


def validated(
    *contracts: TableContract, checks: Sequence[TableCheck] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Iterator[Any]]]:
    """Hold what an asset's function returns, or those outputs it yields that have a contract's name, against contracts and checks.

    The function adds metadata by `context.add_asset_metadata`, for a check is an output like any other to Dagster. The outcome of
    a check that is about more than the rows is yielded after them, as `check.report(outcome)`.
    """
    by_name = {
        contract.name: [
            contract_check(contract),
            *(check for check in checks if check.contract is contract and check.evaluate is not None),
        ]
        for contract in contracts
    }
    # Dagster's name of the one output of an asset.
    by_name[_ONLY_OUTPUT] = by_name[contracts[0].name]

    def decorate(function: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
        @functools.wraps(function)
        def compute(*inputs: Any, **named_inputs: Any) -> Iterator[Any]:
            result = function(*inputs, **named_inputs)
            for output in result if isinstance(result, Iterator) else [dg.Output(result)]:
                if isinstance(output, dg.Output) and output.output_name in by_name:
                    yield from _checked(output, by_name[output.output_name])
                else:
                    yield output

        return compute

    return decorate


def _checked(output: dg.Output[Any], checks: Sequence[TableCheck]) -> Iterator[dg.Output[Any] | dg.AssetCheckResult]:
    """Yield an output, which Dagster then stores, and what came of its checks.

    While a table is stored it is checked by another thread; of several partitions, each is checked while the one before is stored.
    """
    table = output.value
    outcomes: dict[str, list[CheckOutcome]] = {}
    if isinstance(table, PartitionedFrames):

        def checked(key: str) -> pd.DataFrame:
            frame = table[key]
            outcomes[key] = _evaluate(checks, frame, key)
            return frame

        yield dg.Output(PartitionedFrames(table.keys, checked), output.output_name, metadata=output.metadata)
    else:
        context = dg.AssetExecutionContext.get()
        key = context.partition_key if context.has_partition_key else ""
        checker = ThreadPoolExecutor(1, thread_name_prefix="check")
        of_table = checker.submit(_evaluate, checks, table, key)
        # It ends when it has checked. Waiting for it in a generator that a failed write leaves behind could be its own work.
        checker.shutdown(wait=False)
        yield output
        outcomes[key] = of_table.result()
    for number, check in enumerate(checks):
        yield check.report({key: of_partition[number] for key, of_partition in outcomes.items()})


def _evaluate(checks: Sequence[TableCheck], frame: pd.DataFrame, key: str) -> list[CheckOutcome]:
    return [check.evaluate(frame, key) for check in checks if check.evaluate is not None]


def validate_contract(frame: pd.DataFrame, contract: TableContract) -> CheckOutcome:
    """Hold a frame against its contract."""
    from mlops_assets.contracts.checking import find_violations, summarize_violations

    violations = find_violations(frame, contract)
    if violations.empty:
        return CheckOutcome(passed=True, metadata={"row_count": len(frame)})
    summary = summarize_violations(violations)
    first = summary.iloc[0]
    return CheckOutcome(
        passed=False,
        description=(
            f"{len(violations):,} values break the contract of {contract.label}; for example {first['column']} "
            f"{first['example']!r} ({first['rule']})"
        ),
        metadata={"row_count": len(frame), "violations": frame_metadata(summary.head(_SHOWN_VIOLATIONS))},
    )
