"""Take a domain from an empty platform to its first scores, here and now; interrupted and repeated, it goes on."""

from collections.abc import Sequence
from contextlib import suppress

import dagster as dg
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from mlops_assets.build import build_definitions, build_domains
from mlops_assets.cli.places import say_where
from mlops_assets.cli.progress import job_progress, run_with_progress
from mlops_assets.cli.servers import use_instance
from mlops_assets.errors import NotEnoughDataError, PermanentError, SettingsError, TransientError
from mlops_assets.orchestration.asset_specs import STORES
from mlops_assets.orchestration.bootstrap import Bootstrap, BootstrapStep
from mlops_assets.orchestration.clock import CLOCK, Clock
from mlops_assets.orchestration.domain import Domain
from mlops_assets.orchestration.instance import open_instance, recover_abandoned_runs
from mlops_assets.settings import Settings


class AlreadyUnderWayError(TransientError):
    """Another process takes a step of the same bootstrap."""

    title = "Already under way"


def bootstrap_domains(console: Console, settings: Settings, names: Sequence[str], clock: Clock | None = None) -> None:
    """Take every step that is left of the domains' bootstraps.

    Args:
        console: gets the progress.
        settings: of the platform.
        names: of the domains; all of them if there is none.
        clock: tells the time.

    Raises:
        SettingsError: there is no such domain.
        NotEnoughDataError: the source of a domain that was named has too little to begin with.
        AlreadyUnderWayError: a sensor or another terminal takes the steps of a domain.
    """
    chosen = _choose(build_domains(settings), names)
    use_instance(settings)
    say_where(console, settings, names)
    clock = clock or Clock()
    definitions, stores, now = build_definitions(settings, resources={CLOCK: clock}), settings.build_stores(), clock.now()
    with open_instance() as instance:
        for domain, bootstrap in chosen:
            needed = {CLOCK: clock, STORES: stores, bootstrap.source_key: domain.resources[bootstrap.source_key]}
            with dg.build_resources(needed, instance=instance) as resources:
                source = getattr(resources, bootstrap.source_key)
                bootstrap.after_upgrade(instance, stores)
                try:
                    remaining = bootstrap.remaining(instance, source, now)
                except NotEnoughDataError as error:
                    if names:
                        raise
                    # Whoever asks for all domains wants those that can begin.
                    console.print(f"[bold]{domain.name}[/bold] waits: {escape(str(error))}", highlight=False)
                    continue
                if not remaining:
                    console.print(f"[bold]{domain.name}[/bold] is at work already; schedules, sensors and conditions take over.")
                    continue
                console.rule(f"[bold]{domain.name}[/bold]: from {source.describe()}")
                with job_progress(console) as progress:
                    # Asked anew after each step: whether there is anything to score with is known after the training.
                    while steps := bootstrap.remaining(instance, source, now):
                        require_alone(instance, bootstrap)
                        _take(progress, definitions, instance, domain.name, steps[0])
    console.print("Next: [bold]make dev[/bold], the Dagster UI on this data.", highlight=False)


def require_alone(instance: dg.DagsterInstance, bootstrap: Bootstrap) -> None:
    """Do nothing if no other process takes a step: what it reads and trains would be read and trained twice.

    Args:
        instance: with the records of runs; one that is shown as running although its process is gone is ended.
        bootstrap: of a domain.

    Raises:
        AlreadyUnderWayError: there is another.
    """
    if bootstrap.run_under_way(instance) is None:
        return
    # Of records that several machines share, only `mlops-assets recover --older-than` can tell.
    with suppress(PermanentError):
        recover_abandoned_runs(instance)
    if (run := bootstrap.run_under_way(instance)) is not None:
        raise AlreadyUnderWayError(
            f"run {run.run_id[:8]} of {run.job_name} takes a step of the bootstrap of {bootstrap.domain}; the same command goes on "
            "once it has ended (if its process is gone: mlops-assets recover)"
        )


def _take(progress: Progress, definitions: dg.Definitions, instance: dg.DagsterInstance, domain: str, step: BootstrapStep) -> None:
    work = step.work(domain)
    run_with_progress(
        progress,
        step.title,
        definitions.resolve_job_def(step.job),
        instance,
        partition_key=work.partition,
        tags=work.run_tags,
        run_config=work.run_config,
        only=work.only,
    )
    if step.missing(instance):
        raise PermanentError(
            f"{step.title}: {step.job} ended without {step.outcome.to_user_string()} of {', '.join(step.missing(instance))}"
        )


def _choose(domains: Sequence[Domain], names: Sequence[str]) -> list[tuple[Domain, Bootstrap]]:
    known = {domain.name: (domain, domain.bootstrap) for domain in domains if domain.bootstrap is not None}
    for name in names:
        if name not in known:
            raise SettingsError(f"there is no domain {name!r} to bootstrap; there are {', '.join(known)}")
    return [known[name] for name in names or known]
