"""The commands of this domain."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlops_assets.song_preference import defaults

COMMANDS = typer.Typer()


@COMMANDS.command("song-quality")
def song_quality(
    path: Annotated[Path, typer.Argument(help="A playlist with labels, or a folder of them: CSV, JSON or Parquet.")],
    listener: Annotated[list[str] | None, typer.Option(help="Whose songs; a folder's name. Repeatable; all by default.")] = None,
    trials: Annotated[int, typer.Option(help="Configurations beyond the defaults.")] = defaults.TUNING_TRIALS,
    seconds: Annotated[float, typer.Option(help="Time budget of the search.")] = defaults.TIME_BUDGET_SECONDS,
) -> None:
    """Compare the platform's model of liked songs with the original system's, a random forest and always-like."""
    from mlops_assets.song_preference.quality import report_quality

    report_quality(Console(), path, listener or [], trials, seconds)
