"""The commands. `mlops-assets --help` lists them."""

from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlops_assets.cli.shell import DEBUG, FAILED, Commands
from mlops_assets.cli.vertex import VERTEX
from mlops_assets.domains import DOMAINS, command_apps

app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()


class EventSource(str, Enum):
    """Where a producer takes its events from."""

    LIVE = "live"
    REPLAY = "replay"
    SAMPLE = "sample"


@app.callback()
def main(debug: Annotated[bool, typer.Option(DEBUG, help="Show tracebacks; may stand anywhere.")] = False) -> None:
    """Run the data and ML platform from the command line. Settings come from the environment and `.env`; see .env.example.

    Exit codes: 0 done, 1 failed, 2 wrong command line or setting, 130 stopped by Ctrl-C, 143 by a plain kill.
    """


@app.command()
def demo(domain: Annotated[str, typer.Argument(help=f"Which domain to show: {' or '.join(DOMAINS)}.")] = DOMAINS[0]) -> None:
    """Take a domain from simulated raw data to a champion model and its predictions."""
    from mlops_assets.cli.demo import run_demo

    run_demo(console, domain)


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
def dashboard(
    port: Annotated[int | None, typer.Option(help="Port of the pages; 8504 by default.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 by default.")] = None,
) -> None:
    """Open the dashboard: ask the served models, look at songs, models, Chicago and Donostia."""
    from mlops_assets.cli.dashboard import run_dashboard

    run_dashboard(console, host, port)


@app.command()
def serve(
    models: Annotated[
        list[str] | None, typer.Argument(help="Models that must answer, e.g. chicago_crimes/arrest_model; all by default.")
    ] = None,
    bundle: Annotated[
        list[Path] | None, typer.Option(help="Folder with a bundle, instead of the registry; repeat for more.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; MLOPS_SERVING_HOST by default.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of REST and GraphQL; MLOPS_SERVING_PORT by default.")] = None,
    grpc_port: Annotated[int | None, typer.Option(help="Port of gRPC; MLOPS_SERVING_GRPC_PORT by default.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that answer; MLOPS_SERVING_WORKERS by default.")] = None,
) -> None:
    """Answer questions about records by every champion, by REST, GraphQL and gRPC, and follow promotions."""
    from mlops_assets.cli.serve import run_serving

    given = {"host": host, "port": port, "grpc_port": grpc_port, "workers": workers}
    run_serving(console, models or [], bundle or [], {name: value for name, value in given.items() if value is not None})


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def stream(
    context: typer.Context,
    domain: Annotated[str, typer.Argument(help="Whose stream, e.g. song_popularity.")],
    runner: Annotated[str, typer.Option(help="Beam's runner: DirectRunner, FlinkRunner, DataflowRunner ...")] = "DirectRunner",
    source: Annotated[
        str | None,
        typer.Option("--from", help="kafka://host:port, a folder of JSON lines, or landed; the domain's log by default."),
    ] = None,
    until_caught_up: Annotated[bool, typer.Option(help="Read what the log has by now, and end.")] = False,
    seconds: Annotated[float | None, typer.Option(min=0, help="Follow the log for so long; without end by default.")] = None,
    window_seconds: Annotated[float, typer.Option(min=0.1, help="For how long messages are gathered.")] = 5,
) -> None:
    """Run a domain's stream as an Apache Beam pipeline; whatever else is given are options of Beam and its runner.

    Two processes on this machine: --direct_running_mode=multi_processing --direct_num_workers=2
    """
    from mlops_assets.cli.stream import StreamRequest
    from mlops_assets.cli.stream import stream as run_stream
    from mlops_assets.settings import load_settings

    request = StreamRequest(domain, runner, source, until_caught_up, seconds, window_seconds, context.args)
    run_stream(console, load_settings(), request)


@app.command()
def produce(
    domain: Annotated[str, typer.Argument(help="Whose events, e.g. song_popularity.")],
    rate: Annotated[float | None, typer.Option(help="Events per second.", min=0.001)] = None,
    seconds: Annotated[
        float | None, typer.Option(help="For how long; by default until stopped, or until all are sent.", min=0)
    ] = None,
    events: Annotated[int | None, typer.Option(help="How many.", min=0)] = None,
    source: Annotated[
        EventSource | None, typer.Option("--from", help="Where they come from; by the setting of the domain by default.")
    ] = None,
    path: Annotated[
        Path | None, typer.Option(help="replay: a recorded file, or a folder of them: JSON lines, CSV, Parquet.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(help="replay: times as fast as it was recorded; by default as fast as it goes.", min=0.001)
    ] = None,
    past_days: Annotated[
        float | None, typer.Option(help="sample: begin so many days ago; what is past is sent at once.", min=0.001)
    ] = None,
    again: Annotated[bool, typer.Option(help="replay: send once more what was sent to its end.")] = False,
) -> None:
    """Send events into the log that a domain reads: from a live service, a recording or a simulation.

    A producer that was stopped or killed goes on where it was: the same command sends the rest of a recording, or of a simulation
    with --events. Events that are delivered twice are set aside downstream.
    """
    from mlops_assets.cli.produce import produce as send
    from mlops_assets.settings import load_settings
    from mlops_assets.streams.producing import ProduceRequest

    now = datetime.now(timezone.utc)
    request = ProduceRequest(source.value if source else "", now, path, rate, speed, past_days, events)
    send(console, load_settings(), domain, request, seconds=seconds, again=again)


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
def grafana(
    folder: Annotated[Path, typer.Option(help="Where the files go, in a folder for each kind of warehouse.")] = Path(
        "docker/grafana/dashboards"
    ),
    warehouse: Annotated[
        str | None, typer.Option(help="URL of the one warehouse whose tables panels ask, e.g. bigquery://project/dataset.")
    ] = None,
    check: Annotated[bool, typer.Option(help="Only tell whether the files are up to date.")] = False,
) -> None:
    """Write Grafana's dashboards, for the warehouses of docker/compose.yaml or for another."""
    from mlops_assets.grafana import WAREHOUSES, outdated_files, warehouse_of_url, write_dashboards

    warehouses = list(WAREHOUSES.values()) if warehouse is None else [warehouse_of_url(warehouse)]
    outdated = outdated_files(folder, warehouses)
    if not check:
        write_dashboards(folder, warehouses)
        console.print(f"{len(outdated)} files written below {folder}.")
    elif outdated:
        names = ", ".join(str(path.relative_to(folder)) for path in outdated)
        console.print(f"Not what the code says: {names}. Run [bold]make grafana[/bold].")
        raise typer.Exit(FAILED)


@app.command()
def recover(
    older_than: Annotated[
        str | None, typer.Option(help="Judge by silence, e.g. 10m, where processes cannot be seen from here.")
    ] = None,
) -> None:
    """Mark runs as failed that are shown as running although their processes are gone, as after a power cut."""
    from mlops_assets.cli.servers import use_instance
    from mlops_assets.orchestration.instance import open_instance, parse_duration, recover_abandoned_runs
    from mlops_assets.settings import load_settings

    use_instance(load_settings())
    with open_instance() as instance:
        recovered = recover_abandoned_runs(instance, older_than=parse_duration(older_than) if older_than else None)
    for run in recovered:
        console.print(f"{run.job} {run.run_id}: {run.reason}")
    console.print(f"{len(recovered)} abandoned runs.")


app.add_typer(VERTEX, name="vertex")
for _commands in command_apps():
    app.add_typer(_commands)
