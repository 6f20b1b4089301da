"""The commands of this domain."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlops_assets.song_popularity import defaults

COMMANDS = typer.Typer()


@COMMANDS.command("popularity-quality")
def popularity_quality(
    path: Annotated[Path, typer.Argument(help="Recorded tracks, or a folder of such files: CSV, JSON lines or Parquet.")],
    trials: Annotated[int, typer.Option(min=0, help="Configurations beyond the defaults, in each fold.")] = 0,
    seconds: Annotated[float, typer.Option(help="Time budget of the search in each fold.")] = defaults.TIME_BUDGET_SECONDS,
    family: Annotated[list[str] | None, typer.Option(help="Kinds of model to choose from. Repeatable; all by default.")] = None,
) -> None:
    """Compare the platform's model of popularity with the original's recipe, without its leak, and the commonest class."""
    from mlops_assets.song_popularity.quality import report_quality

    report_quality(Console(), path, trials, seconds, family or [])
