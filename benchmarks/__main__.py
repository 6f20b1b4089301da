"""`python -m benchmarks`: measure everything and print it with its limits."""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks import donostia_parking
from benchmarks.chicago_crimes import backfill, dagster_jobs, nearest_stations, plain_functions, raw_to_enriched, write_year
from benchmarks.measure import Measurement, measure, quickest_steps
from benchmarks.single_records import single_songs

console = Console()
_RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "data" / "parking"
_LOOP_PART = 7
_ORIGINAL_S, _ORIGINAL_MIB = 44, 614
"""What the functions of the original system take for the same year, with one fit and without their scheduler."""


def main() -> None:
    """Run the benchmarks one after another; those that are compared run in turn."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        export = root / "export"
        console.print(f"writing a year of crimes: {measure(write_year, export).seconds:.1f} s")
        _report_year(*_in_turn(root, export))
        _report_throughput(measure(raw_to_enriched, export, root / "cache-one-core", cores=1))
        _report_nearest([measure(nearest_stations, export, root / "cache-nearest", cores=1).steps for _ in range(5)])
        for months in (12, 300):
            _report_backfill(months, measure(backfill, months, root / f"backfill-{months}"))
        _report_import()
        _report_parking(root)
        _report_single_records()


def _in_turn(root: Path, export: Path, rounds: int = 5) -> tuple[list[Measurement], dict[str, list[Measurement]]]:
    """Measure plain functions and jobs in turn, with Dagster's records in memory and on disk: all meet the same machine."""
    plain: list[Measurement] = []
    jobs: dict[str, list[Measurement]] = {"memory": [], "disk": []}
    for number in range(rounds):
        plain.append(measure(plain_functions, export, root / f"cache-{number}", cores=2))
        for records, runs in jobs.items():
            runs.append(measure(dagster_jobs, export, root / f"data-{records}-{number}", records, cores=2))
    return plain, jobs


def _report_year(plain: list[Measurement], jobs: dict[str, list[Measurement]]) -> None:
    plain_steps = quickest_steps([run.steps for run in plain])
    plain_seconds, plain_mib = sum(plain_steps.values()), max(run.peak_mib for run in plain)
    _print_steps("one year as plain functions", plain_steps)
    _verdict(
        "plain functions",
        f"{plain_seconds:.1f} s",
        plain_seconds < _ORIGINAL_S / 2,
        f"under half of the original's {_ORIGINAL_S} s",
    )
    _verdict(
        "plain functions, peak memory",
        f"{plain_mib:.0f} MiB",
        plain_mib < _ORIGINAL_MIB,
        f"under the original's {_ORIGINAL_MIB} MiB",
    )
    for records, runs in jobs.items():
        steps = quickest_steps([run.value for run in runs])
        where = "in memory" if records == "memory" else "on disk"
        _print_steps(f"one year as Dagster jobs, records {where}", steps)
        seconds = sum(steps.values())
        ratio = seconds / plain_seconds
        _verdict(f"Dagster jobs, records {where}", f"{seconds:.1f} s = {ratio:.2f} x plain", ratio <= 1.25, "at most 1.25 x")
        whole = sorted(sum(run.value.values()) / other.seconds for run, other in zip(runs, plain, strict=True))
        peak_mib = max(run.peak_mib for run in runs)
        console.print(f"  whole rounds: {' '.join(f'{one:.2f}' for one in whole)} x plain; peak memory {peak_mib:.0f} MiB")
    console.print(f"AUC of the year's model: {plain[0].value:.4f}")


def _report_throughput(run: Measurement) -> None:
    rate = run.value / run.steps["raw to enriched"]
    _verdict("raw to enriched, one core", f"{rate:,.0f} rows/s", rate >= 100_000, "at least 100,000 rows/s")


def _report_nearest(runs: list[dict[str, float]]) -> None:
    """Compare geopandas with a search tree that knows no systems of coordinates, and the projection that this leaves out."""
    steps = quickest_steps(runs)
    bare = steps["bare tree"] + steps["bare projection"]
    ratio = steps["geopandas, at once"] / bare
    text = f"{steps['geopandas, at once']:.2f} s = {ratio:.1f} x bare"
    _verdict("nearest stations of a year", text, ratio <= 2, "at most 2 x")
    console.print(f"  month by month, where fewer crimes share a position: {steps['geopandas, by month'] / bare:.1f} x bare")


def _report_backfill(months: int, run: Measurement) -> None:
    text = f"{run.seconds:.1f} s, peak {run.peak_mib:.0f} MiB, {run.value} partitions"
    _verdict(f"backfill of {months} months in one run", text, run.peak_mib < 1536, "peak under 1.5 GiB")


def _report_parking(root: Path) -> None:
    """Compare rolling forecasts by all candidates with a plain loop over the original's model, of which every seventh part runs."""
    found = sorted(_RECORDINGS.glob("donostia_2022*.csv.gz"))
    console.print(f"parking: {found[0].name if found else 'nine simulated weeks, for there is no historical file'}")
    hours = root / "hours.parquet"
    measure(donostia_parking.write_hours, found[0] if found else None, hours)
    ours = measure(donostia_parking.rolling_forecasts, hours, cores=2)
    loop = measure(donostia_parking.plain_loop, hours, _LOOP_PART, cores=2)
    seconds, whole = ours.steps["rolling forecasts"], loop.steps["plain loop"] * _LOOP_PART
    _print_steps("seconds per candidate", {row["predictor"]: row["seconds"] for row in ours.value})
    _verdict(
        "rolling forecasts from 42 hours", f"{seconds:.1f} s = {whole / seconds:.0f} x faster", whole >= 5 * seconds, "at least 5 x"
    )
    poll = measure(donostia_parking.compact_burst, cores=2)
    compaction = poll.steps["compact the day"]
    _verdict(f"compaction of {poll.value:,} readings of a day", f"{compaction:.1f} s", compaction < 2, "under 2 s")


def _report_single_records() -> None:
    """Compare single records with scikit-learn's own call, and the forest of 300 trees with its limit."""
    found = measure(single_songs, cores=2).value
    table = Table(title="microseconds of one song, and how much quicker than scikit-learn a record is", title_justify="left")
    table.add_column("kind of model", no_wrap=True)
    for title in (*found["random_forest"], "quicker"):
        table.add_column(title, justify="right")
    ratios = {family: each["scikit-learn"] / each["record"] for family, each in found.items()}
    for family, each in found.items():
        table.add_row(family, *(f"{microseconds:,.0f}" for microseconds in each.values()), f"{ratios[family]:,.0f} x")
    console.print(table)
    slowest = min(ratios, key=ratios.__getitem__)
    text = f"{ratios[slowest]:.0f} x quicker than scikit-learn ({slowest})"
    _verdict("one song, the least gain", text, ratios[slowest] >= 10, "at least 10 x")
    forest = found["random_forest"]["record"]
    _verdict("one song by 300 trees", f"{forest / 1_000:.2f} ms", forest < 300, "under 0.3 ms")


def _report_import() -> None:
    code = (
        "import sys, mlops_assets.definitions;"
        "print(*sorted({'sklearn','scipy','mlflow','matplotlib','duckdb','pandera','imblearn','geopandas'} & set(sys.modules)))"
    )
    started = time.perf_counter()
    heavy = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    seconds = time.perf_counter() - started
    _verdict(
        "import mlops_assets.definitions", f"{seconds:.1f} s, heavy: {heavy or 'none'}", seconds < 3 and not heavy, "under 3 s"
    )


def _print_steps(title: str, steps: dict[str, float]) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("step")
    table.add_column("s", justify="right")
    for name, seconds in steps.items():
        table.add_row(name, f"{seconds:.2f}")
    console.print(table)


def _verdict(what: str, measured: str, is_kept: bool, limit: str) -> None:
    console.print(f"{what}: [bold]{measured}[/bold] ({limit}: {'[green]kept[/green]' if is_kept else '[red]missed[/red]'})")


if __name__ == "__main__":
    main()
