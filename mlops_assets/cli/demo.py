"""The demonstration of a domain, on whatever stores the settings name."""

import logging
import time
from datetime import datetime, timezone

from rich.console import Console

from mlops_assets.build import build_definitions, build_domains
from mlops_assets.cli.places import say_where
from mlops_assets.cli.progress import job_progress, run_with_progress
from mlops_assets.cli.served_questions import ask_served_champion
from mlops_assets.cli.servers import use_instance
from mlops_assets.errors import SettingsError
from mlops_assets.orchestration.instance import open_instance
from mlops_assets.settings import load_settings
from mlops_assets.stores.registry import Stores
from mlops_assets.urls import redact


def run_demo(console: Console, name: str, now: datetime | None = None) -> None:
    """Run a domain's demonstration with visible progress, and say what came out.

    Args:
        console: gets progress and report.
        name: of the domain.
        now: the time of the demonstration; the present by default.

    Raises:
        SettingsError: there is no such domain, or it has no demonstration.
    """
    started, settings, now = time.monotonic(), load_settings(), now or datetime.now(timezone.utc)
    demos = {domain.name: domain.demo for domain in build_domains(settings) if domain.demo is not None}
    if name not in demos:
        raise SettingsError(f"there is no demonstration of {name!r}, only of {', '.join(demos)}")
    demo = demos[name]
    use_instance(settings)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    definitions, stores = build_definitions(settings), settings.build_stores()
    say_where(console, settings, [name])
    console.rule(f"[bold]{name}[/bold]: {demo.title}")
    with open_instance() as instance, job_progress(console) as progress:
        for step in demo.steps(stores, now):
            run_with_progress(
                progress,
                step.title,
                definitions.resolve_job_def(step.job),
                instance,
                partition_key=step.partition_key,
                tags=step.tags,
                run_config=step.run_config,
            )
    demo.report(console, stores, now)
    if demo.question is not None and (question := demo.question(stores)) is not None:
        ask_served_champion(console, question)
    console.rule(f"done in {time.monotonic() - started:.0f} s")
    say_what_is_next(console, stores, name)


def say_what_is_next(console: Console, stores: Stores, domain: str) -> None:
    """Tell how to look at what the demonstration made, and where it is."""
    console.print(
        "Next:\n"
        "  [bold]make dev[/bold]     the Dagster UI on this data: http://127.0.0.1:3000\n"
        "  [bold]make mlflow[/bold]  experiments and models: http://127.0.0.1:5000\n"
        "  [bold]make serve[/bold]   champions by REST, GraphQL and gRPC: http://127.0.0.1:8803\n"
        f"  tables      {redact(stores.url('warehouse', domain))}\n"
        f"  files       {redact(stores.url('lake', domain))}",
        highlight=False,
    )
