"""The commands of this domain."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlops_assets.donostia_parking import defaults

COMMANDS = typer.Typer()


@COMMANDS.command("forecast-quality")
def forecast_quality(
    export: Annotated[Path, typer.Argument(help="A historical file of free spaces, or a folder of historical files.")],
    city: Annotated[str, typer.Option(help="donostia or birmingham.")] = "donostia",
    origins: Annotated[int, typer.Option(help="From how many past hours to forecast.")] = defaults.EVALUATED_ORIGINS,
) -> None:
    """Compare all ways to forecast free spaces, and the platform's choice among them, on recorded hours."""
    from mlops_assets.donostia_parking.quality import report_forecast_quality

    report_forecast_quality(Console(), export, city, origins)
