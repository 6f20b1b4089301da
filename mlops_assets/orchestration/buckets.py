"""Get buckets ready: make them, and let what is intermediate expire. Raw data, models and predictions stay for ever."""

from collections.abc import Iterable, Iterator, Sequence

import dagster as dg

from mlops_assets.orchestration.asset_specs import LIFECYCLE_TAG
from mlops_assets.orchestration.domain import Domain
from mlops_assets.orchestration.failures import retrying_transient_errors
from mlops_assets.stores.objects import open_object_storage
from mlops_assets.stores.registry import Stores
from mlops_assets.urls import redact


def intermediate_prefixes(assets: Iterable[dg.AssetsDefinition]) -> list[str]:
    """Return where in a lake the assets lie that may expire, as prefixes of object names, in order."""
    return sorted("/".join(key.path) + "/" for asset in assets for key, tags in asset.tags_by_key.items() if LIFECYCLE_TAG in tags)


def prepare_lakes(stores: Stores, domains: Sequence[Domain], days: int) -> Iterator[tuple[str, list[str]]]:
    """Make each lake that the domains use and set how long it keeps intermediate assets; doing it again changes nothing.

    Yields:
        The URL of a lake, without a password, and the prefixes of names that expire in it.
    """
    expiring: dict[str, list[str]] = {}
    for domain in domains:
        expiring.setdefault(stores.url("lake", domain.name), []).extend(intermediate_prefixes(domain.assets))
    for url, prefixes in expiring.items():
        open_object_storage(url).prepare(prefixes, days)
        yield redact(url), prefixes


def prepare_job(stores: Stores, domains: Sequence[Domain], days: int) -> dg.JobDefinition:
    """Return the job that does so, for people who work in the UI."""

    @dg.op(description=f"Makes buckets that do not exist, and lets intermediate assets expire after {days} days. Repeatable.")
    def prepare(context: dg.OpExecutionContext) -> None:
        with retrying_transient_errors():
            for url, prefixes in prepare_lakes(stores, domains, days):
                context.log.info(f"{url}: {', '.join(prefixes) or 'nothing'} expires after {days} days, if it is a bucket")

    @dg.job(name="prepare_lakes", description="Make the lakes' buckets and set how long they keep intermediate assets.")
    def prepare_lakes_job() -> None:
        prepare()

    return prepare_lakes_job
