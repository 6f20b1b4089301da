"""The commands of this domain."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlops_assets.chicago_crimes import defaults

COMMANDS = typer.Typer()


@COMMANDS.command()
def quality(
    export: Annotated[Path, typer.Argument(help="Portal CSV file, or folder of such files, with the police stations.")],
    stations: Annotated[Path | None, typer.Option(help="Police stations CSV or its folder, if it is elsewhere.")] = None,
    months: Annotated[
        str | None, typer.Option(help="First and last month, YYYY-MM:YYYY-MM; all that are there by default.")
    ] = None,
    trials: Annotated[int, typer.Option(help="Configurations beyond the defaults.")] = defaults.TUNING_TRIALS,
    seconds: Annotated[float, typer.Option(help="Time budget of the search.")] = defaults.TIME_BUDGET_SECONDS,
) -> None:
    """Compare the platform's choice with the original system's on the same latest rows of recorded crimes."""
    from mlops_assets.chicago_crimes.quality import report_quality

    report_quality(Console(), export, stations or export, months, trials, seconds)


@COMMANDS.command("sample-export")
def sample_export(
    folder: Annotated[Path, typer.Argument(help="Where to write the files.")],
    first: Annotated[str, typer.Option(help="First month, YYYY-MM.")],
    last: Annotated[str, typer.Option(help="Last month, YYYY-MM.")],
    crimes_per_year: Annotated[int, typer.Option(help="Size of the simulated city's year.")] = 260_000,
    seed: Annotated[int, typer.Option(help="Another seed is another city.")] = 20240101,
) -> None:
    """Write the simulated city as CSV files in the portal's layout."""
    from mlops_assets.chicago_crimes.sources.sample import write_export
    from mlops_assets.months import Month

    write_export(folder, Month.parse(first), Month.parse(last), seed=seed, crimes_per_year=crimes_per_year)
    Console().print(f"Written to [bold]{folder}[/bold].")
