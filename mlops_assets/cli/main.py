"""The commands. `mlops-assets --help` lists them."""

import os
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlops_assets.chicago_crimes import recipe as crimes_recipe
from mlops_assets.cli.shell import DEBUG, FAILED, Commands
from mlops_assets.donostia_parking import recipe as parking_recipe

app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()


@app.callback()
def main(debug: Annotated[bool, typer.Option(DEBUG, help="Show tracebacks; may stand anywhere.")] = False) -> None:
    """Run the data and ML platform from the command line. Settings come from the environment and `.env`; see .env.example.

    Exit codes: 0 done, 1 failed, 2 wrong command line or setting, 130 stopped by Ctrl-C, 143 by a plain kill.
    """


class DemoDomain(str, Enum):
    """What can be demonstrated."""

    chicago_crimes = "chicago_crimes"
    donostia_parking = "donostia_parking"


@app.command()
def demo(
    domain: Annotated[DemoDomain, typer.Argument(help="Which domain to show.")] = DemoDomain.chicago_crimes,
    crimes_per_year: Annotated[int | None, typer.Option(help="Size of the simulated city's year; 260,000 by default.")] = None,
) -> None:
    """Take a domain from simulated raw data to a champion model and its predictions: Chicago's crimes, or Donostia's car parks."""
    from mlops_assets.cli.demo import run_demo
    from mlops_assets.cli.parking_demo import run_parking_demo

    if crimes_per_year is not None:
        os.environ["MLOPS_CHICAGO_CRIMES_SAMPLE_CRIMES_PER_YEAR"] = str(crimes_per_year)
    if domain is DemoDomain.donostia_parking:
        run_parking_demo(console)
    else:
        run_demo(console)


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Open the Dagster UI, with its daemon, on the data of `demo`."""
    from mlops_assets.cli.servers import run_dagster

    run_dagster(console, host, port)


@app.command()
def mlflow(
    port: Annotated[int, typer.Option(help="Port of the MLflow UI.")] = 5000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Open the MLflow UI on the experiments and models."""
    from mlops_assets.cli.servers import run_mlflow

    run_mlflow(console, host, port)


@app.command()
def doctor() -> None:
    """Write to, read from and clean up every configured store; say which of them cannot be used, and why."""
    from mlops_assets.cli.stores import report_health
    from mlops_assets.settings import load_settings

    if not report_health(console, load_settings()):
        raise typer.Exit(FAILED)


@app.command()
def prepare() -> None:
    """Make buckets that do not exist, and let intermediate assets expire in them. Doing it again changes nothing."""
    from mlops_assets.cli.stores import prepare as prepare_stores
    from mlops_assets.settings import load_settings

    prepare_stores(console, load_settings())


@app.command()
def copy(
    domain: Annotated[str, typer.Argument(help="The domain, e.g. chicago_crimes.")],
    lake: Annotated[str | None, typer.Option(help="URL of the lake to copy to, e.g. s3://bucket.")] = None,
    warehouse: Annotated[str | None, typer.Option(help="URL of the warehouse to copy to, e.g. postgresql://host/db.")] = None,
) -> None:
    """Copy the data of a domain from its configured stores to others; every copy is read back and compared."""
    from mlops_assets.cli.stores import copy_domain
    from mlops_assets.settings import load_settings

    copy_domain(console, load_settings(), domain, lake, warehouse)


@app.command()
def run(
    job: Annotated[str, typer.Argument(help="Name of the job; `mlops-assets jobs` lists them.")],
    partition: Annotated[str | None, typer.Option(help="Partition, e.g. 2024-01 or 2024-01-31; the latest by default.")] = None,
    to: Annotated[str | None, typer.Option(help="Last partition of a range that begins with --partition.")] = None,
    config: Annotated[str | None, typer.Option(help="YAML file with the run's configuration, as in the UI; - reads it.")] = None,
) -> None:
    """Run a job here and now, for machines without a daemon; exits with 1 if a step or a check fails.

    Partitions that do not go in one run are run one by one; one that fails does not stop the others.
    """
    from mlops_assets.cli.jobs import RunRequest, run_job
    from mlops_assets.settings import load_settings

    if not run_job(console, load_settings(), RunRequest(job, partition, to, config)):
        raise typer.Exit(FAILED)


@app.command()
def bootstrap(
    domains: Annotated[list[str] | None, typer.Argument(help="Domains, e.g. chicago_crimes; all by default.")] = None,
) -> None:
    """Take domains from an empty platform to their first scores: read the first history, train, decide, score.

    What has been done is not done again, so it goes on where it was interrupted. Afterwards schedules and sensors take over.
    """
    from mlops_assets.cli.bootstrap import bootstrap_domains
    from mlops_assets.settings import load_settings

    bootstrap_domains(console, load_settings(), domains or [])


@app.command()
def jobs() -> None:
    """List the jobs: what each does, whether by month or by day, and its latest partition."""
    from mlops_assets.cli.job_list import list_jobs
    from mlops_assets.settings import load_settings

    list_jobs(console, load_settings())


@app.command()
def status() -> None:
    """Say how far each domain is: what has been made, which runs failed, who is champion, and what comes next."""
    from mlops_assets.cli.status import report_status
    from mlops_assets.settings import load_settings

    report_status(console, load_settings())


@app.command("forecast-quality")
def forecast_quality(
    export: Annotated[Path, typer.Argument(help="A recording of free places, or a folder of recordings.")],
    city: Annotated[str, typer.Option(help="donostia or birmingham.")] = "donostia",
    origins: Annotated[int, typer.Option(help="From how many past hours to forecast.")] = parking_recipe.EVALUATED_ORIGINS,
) -> None:
    """Compare all ways to forecast free places, and the platform's choice among them, on recorded hours."""
    from mlops_assets.cli.forecast_quality import report_forecast_quality

    report_forecast_quality(console, export, city, origins)


@app.command()
def quality(
    export: Annotated[Path, typer.Argument(help="Portal CSV file, or folder of such files, with the police stations.")],
    stations: Annotated[Path | None, typer.Option(help="Police stations CSV or its folder, if it is elsewhere.")] = None,
    months: Annotated[
        str | None, typer.Option(help="First and last month, YYYY-MM:YYYY-MM; all that are there by default.")
    ] = None,
    trials: Annotated[int, typer.Option(help="Configurations beyond the defaults.")] = crimes_recipe.TUNING_TRIALS,
    seconds: Annotated[float, typer.Option(help="Time budget of the search.")] = crimes_recipe.TIME_BUDGET_SECONDS,
) -> None:
    """Compare the platform's recipe with the original system's on the same latest rows of recorded crimes."""
    from mlops_assets.cli.quality import report_quality

    report_quality(console, export, stations or export, months, trials, seconds)


@app.command("sample-export")
def sample_export(
    folder: Annotated[Path, typer.Argument(help="Where to write the files.")],
    first: Annotated[str, typer.Option(help="First month, YYYY-MM.")],
    last: Annotated[str, typer.Option(help="Last month, YYYY-MM.")],
    crimes_per_year: Annotated[int, typer.Option(help="Size of the simulated city's year.")] = 260_000,
    seed: Annotated[int, typer.Option(help="Another seed is another city.")] = 20240101,
) -> None:
    """Write the simulated city as CSV files in the portal's layout."""
    from mlops_assets.chicago_crimes.sample import write_export
    from mlops_assets.months import Month

    write_export(folder, Month.parse(first), Month.parse(last), seed=seed, crimes_per_year=crimes_per_year)
    console.print(f"Written to [bold]{folder}[/bold].")


@app.command()
def dictionary(
    path: Annotated[Path, typer.Argument(help="The page to write.")] = Path("docs/data_dictionary.md"),
    check: Annotated[bool, typer.Option(help="Only tell whether the page is up to date.")] = False,
) -> None:
    """Write the data dictionary from the contracts."""
    from mlops_assets.build import build_domains
    from mlops_assets.contracts.dictionary import render_dictionary
    from mlops_assets.settings import load_settings

    page = render_dictionary(contract for domain in build_domains(load_settings()) for contract in domain.contracts)
    if check and (not path.exists() or path.read_text(encoding="utf-8") != page):
        console.print(f"{path} is not what the contracts say; run [bold]make dictionary[/bold].")
        raise typer.Exit(FAILED)
    if not check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")


@app.command()
def recover(
    older_than: Annotated[
        str | None, typer.Option(help="Judge by silence, e.g. 10m, where processes cannot be seen from here.")
    ] = None,
) -> None:
    """Mark runs as failed that are shown as running although their processes are gone, as after a power cut."""
    from mlops_assets.cli.servers import use_home
    from mlops_assets.orchestration.home import open_instance, parse_duration, recover_abandoned_runs
    from mlops_assets.settings import load_settings

    use_home(load_settings())
    with open_instance() as instance:
        recovered = recover_abandoned_runs(instance, older_than=parse_duration(older_than) if older_than else None)
    for run in recovered:
        console.print(f"{run.job} {run.run_id}: {run.reason}")
    console.print(f"{len(recovered)} abandoned runs.")
