"""Work on stores from the command line: ask whether they work, get buckets ready, copy a domain to other stores."""

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape

from mlops_assets.build import build_domains
from mlops_assets.cli.places import say_where
from mlops_assets.errors import SettingsError
from mlops_assets.orchestration.buckets import prepare_lakes
from mlops_assets.orchestration.domain import Domain
from mlops_assets.settings import Settings
from mlops_assets.stores.doctor import StoreHealth, check_stores, stores_to_check
from mlops_assets.stores.migration import Copied, copy_objects, copy_table
from mlops_assets.stores.objects import open_object_storage
from mlops_assets.stores.warehouse import open_warehouse
from mlops_assets.urls import redact


def report_health(console: Console, settings: Settings) -> bool:
    """Ask every configured store, print a few lines as each answers, and return whether all of them can be used."""
    stores, domains = settings.build_stores(), [domain.name for domain in build_domains(settings)]
    waiting, broken = stores_to_check(stores, domains), list[str]()
    asked = len(waiting)
    with console.status(f"Asking {', '.join(waiting)}") as status:
        for health in check_stores(stores, domains):
            waiting.remove(health.store)
            status.update(f"Waiting for {', '.join(waiting)}")
            _print_health(console, health)
            if health.error:
                broken.append(health.store)
    summary = f"{len(broken)} of {asked} stores cannot be used: {', '.join(broken)}." if broken else f"All {asked} stores work."
    console.print(summary, highlight=False)
    return not broken


def _print_health(console: Console, health: StoreHealth) -> None:
    outcome = "[red]fails[/red]" if health.error else "[green]works[/green]"
    clock = "" if health.skew_seconds is None else f", clock {health.skew_seconds:+.1f} s"
    what = f"{health.version}{clock}, {health.seconds:.2f} s" if health.version else f"after {health.seconds:.2f} s"
    console.print(f"{outcome}  [bold]{health.store}[/bold]: {escape(what)}", highlight=False)
    for line in (health.url, health.error):
        if line:
            console.print(f"       {escape(line)}", highlight=False, soft_wrap=True)


def prepare(console: Console, settings: Settings) -> None:
    """Make the lakes' buckets and let intermediate assets expire in them."""
    say_where(console, settings)
    for url, prefixes in prepare_lakes(settings.build_stores(), build_domains(settings), settings.intermediate_days):
        console.print(f"[bold]{url}[/bold] is ready", highlight=False)
        if not url.startswith("file:"):
            console.print(f"  expire after {settings.intermediate_days} days: {', '.join(prefixes)}", highlight=False)


def copy_domain(console: Console, settings: Settings, name: str, lake_url: str | None, warehouse_url: str | None) -> None:
    """Copy the lake and the warehouse tables of a domain to other stores, as far as they are given.

    Raises:
        SettingsError: there is no such domain, or nowhere to copy to.
    """
    if not lake_url and not warehouse_url:
        raise SettingsError("nowhere to copy to: give --lake, --warehouse or both")
    domain = _domain(settings, name)
    say_where(console, settings, [name])
    stores = settings.build_stores()
    if lake_url:
        source, target = open_object_storage(stores.url("lake", name)), open_object_storage(lake_url)
        target.prepare()
        _report(console, f"objects to {redact(lake_url)}", "bytes", copy_objects(source, target, f"{name}/"))
    if warehouse_url:
        tables, to = stores.warehouse(name), open_warehouse(warehouse_url)
        copied = (part for contract in domain.warehouse_contracts() for part in copy_table(tables, to, contract))
        _report(console, f"partitions of tables to {redact(warehouse_url)}", "rows", copied)


def _domain(settings: Settings, name: str) -> Domain:
    domains = {domain.name: domain for domain in build_domains(settings)}
    if name not in domains:
        raise SettingsError(f"there is no domain {name!r}; the domains are {', '.join(domains)}")
    return domains[name]


def _report(console: Console, what: str, unit: str, copied: Iterable[Copied]) -> None:
    count = total = present = 0
    with console.status("Copying") as status:
        for part in copied:
            count, total, present = count + 1, total + part.size, present + part.already_present
            status.update(f"{part.name}: {part.size:,} {unit}, SHA-256 {part.digest[:12]}")
    console.print(
        f"[bold]{count:,}[/bold] {what}, {total:,} {unit}, equal by SHA-256; {present:,} were there already", highlight=False
    )
