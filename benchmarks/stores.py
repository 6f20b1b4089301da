"""`python -m benchmarks.stores`: every store against its bare client, and against the IO managers shipped with Dagster.

Servers are those that the variables `MLOPS_TEST_*_URL` name; `make bench-stores` starts them. What is compared takes turns, and
every way must return exactly the rows that it was given.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import warnings
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from benchmarks.in_turn import ratio, seconds_in_turn
from benchmarks.store_comparisons import COMPARISONS, NotMeasured
from benchmarks.store_rows import make_workloads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.store_comparisons import Comparison
    from benchmarks.store_rows import Workload

console = Console()

_STORE, _MANAGER = "store", "IO manager"


def main() -> None:
    """Compare the stores one after the other and print a table for each."""
    options = _options()
    # Shipped IO managers log every object, and the client of BigQuery misses libraries that the platform does without.
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*(BigQuery Storage|pandas-gbq).*")
    workloads = make_workloads(options.rows)
    for name in options.only:
        try:
            with COMPARISONS[name](workloads) as comparison:
                console.print(_compared(comparison, workloads, options.rounds or comparison.rounds))
        except NotMeasured as reason:
            console.print(f"{name}: not measured, {reason}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stores", description="Measure stores against bare clients.")
    parser.add_argument("--rows", type=int, default=260_000, help="how many rows the table has; the default is 260,000")
    parser.add_argument("--rounds", type=int, help="how often each takes its turn; 9, 5 or 3 by default, as the stores are quick")
    parser.add_argument("--only", type=_names, default=list(COMPARISONS), help=f"some of {','.join(COMPARISONS)}")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = sorted(set(names) - COMPARISONS.keys())
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(COMPARISONS)}")
    return names


def _compared(comparison: Comparison, workloads: Sequence[Workload], rounds: int) -> Table:
    """Measure a comparison with every workload and return the figures as a table."""
    table = Table(title=comparison.title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("what", "against"):
        table.add_column(heading, no_wrap=True)
    for heading in ("ours s", "theirs s", "ratio", "limit"):
        table.add_column(heading, no_wrap=True, justify="right")
    managers = {_MANAGER: comparison.manager, **comparison.shipped} if comparison.manager else {}
    readers = {_STORE: comparison.ours, **comparison.bare, **managers}
    writers = {**readers, **comparison.bare_writers}
    for workload in workloads:
        # The first write makes the tables, which is not measured.
        seconds_in_turn(writers, "write", workload, 1)
        for verb, ways in (("write", writers), ("read", readers)):
            seconds = seconds_in_turn(ways, verb, workload, rounds)
            for row in _figures(comparison, seconds):
                table.add_row(f"{verb} {workload.label}", *row)
        for name, way in comparison.bare_writers.items():
            workload.require_same(way.read(workload), name)
    return table


def _figures(comparison: Comparison, seconds: dict[str, list[float]]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of a row for every pair that was compared."""
    for name in [*comparison.bare, *comparison.bare_writers]:
        if name in seconds:
            yield _pair(name, seconds[_STORE], seconds[name], comparison.limit)
    for name in comparison.shipped:
        yield _pair(name, seconds[_MANAGER], seconds[name], 1)


def _pair(name: str, ours: list[float], theirs: list[float], limit: float) -> tuple[str, ...]:
    times = ratio(ours, theirs)
    verdict = "[green]kept[/green]" if times <= limit else "[red]missed[/red]"
    medians = [f"{statistics.median(seconds):.3f}" for seconds in (ours, theirs)]
    return (name, *medians, f"{times:.2f}", f"{limit:g} {verdict}")


if __name__ == "__main__":
    main()
