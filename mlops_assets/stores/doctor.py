"""Ask every configured store whether it works, all at once, before a run finds out that one does not."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from mlops_assets.stores.documents import open_documents
from mlops_assets.stores.events import open_event_log
from mlops_assets.stores.objects import open_object_storage
from mlops_assets.stores.registry import STORE_KINDS, StoreKind, Stores
from mlops_assets.stores.warehouse import open_warehouse
from mlops_assets.urls import redact, redact_text

if TYPE_CHECKING:
    from mlops_assets.stores.health import HealthCheck

LARGEST_SKEW_SECONDS = 10.0
"""Times that stores and this machine write must be comparable; HTTP servers tell theirs in whole seconds."""
TIMEOUT_SECONDS = 90.0
"""Longer than a store waits by itself for somebody who holds it, and says so."""

_CHECKS: dict[StoreKind, Callable[[str], HealthCheck]] = {
    "lake": lambda url: open_object_storage(url).check_health(),
    "warehouse": lambda url: open_warehouse(url).check_health(),
    "documents": lambda url: open_documents(url).check_health(),
    "events": lambda url: open_event_log(url).check_health(),
}


@dataclass(frozen=True)
class StoreHealth:
    """What came of asking one store.

    Attributes:
        store: its kind, and the domain if it is that domain's own.
        url: where it is, without a password.
        seconds: how long it took.
        version: what answered; empty if nothing did.
        skew_seconds: by how much the store's clock is ahead of this machine's; None if it has none.
        error: why the store cannot be used; empty if it can.
    """

    store: str
    url: str
    seconds: float
    version: str = ""
    skew_seconds: float | None = None
    error: str = ""


@dataclass(frozen=True)
class _Store:
    """A store to be asked: its name, its URL, and how to ask."""

    name: str
    url: str
    check: Callable[[], HealthCheck]


def stores_to_check(stores: Stores, domains: Sequence[str]) -> list[str]:
    """Return the names of the stores that `check_stores` asks."""
    return [store.name for store in _stores_of(stores, domains)]


def check_stores(stores: Stores, domains: Sequence[str], timeout_seconds: float = TIMEOUT_SECONDS) -> Iterator[StoreHealth]:
    """Write to, read from and clean up every store that the domains use, and load the versions that champions and challengers are.

    Yields:
        What came of each store as soon as it answers; of one that does not answer in time, that it did not.
    """
    answers: queue.Queue[StoreHealth] = queue.Queue()
    waiting = {store.name: store for store in _stores_of(stores, domains)}
    started = time.monotonic()
    for store in waiting.values():
        # A thread that never ends must not keep the process from ending.
        threading.Thread(target=lambda store=store: answers.put(_check(store)), daemon=True).start()
    while waiting:
        try:
            health = answers.get(timeout=max(started + timeout_seconds - time.monotonic(), 0))
        except queue.Empty:
            break
        del waiting[health.store]
        yield health
    for store in waiting.values():
        error = f"it has not answered for {timeout_seconds:g} s"
        yield StoreHealth(store.name, redact(store.url), time.monotonic() - started, error=error)


def _stores_of(stores: Stores, domains: Sequence[str]) -> Iterator[_Store]:
    for kind in STORE_KINDS:
        shared = [domain for domain in domains if kind not in stores.own_urls.get(domain, {})]
        if shared or not domains:
            yield _store(kind, kind, stores.urls[kind])
        for domain in domains:
            if domain not in shared:
                yield _store(f"{kind} of {domain}", kind, stores.url(kind, domain))
    yield _Store("models", stores.mlflow_tracking_uri, lambda: stores.models().check_health(domains))


def _store(name: str, kind: StoreKind, url: str) -> _Store:
    return _Store(name, url, lambda: _CHECKS[kind](url))


def _check(store: _Store) -> StoreHealth:
    shown, started = redact(store.url), time.monotonic()
    try:
        health = store.check()
    # Whatever a client library raises is what a run would meet; the other stores are asked all the same.
    except Exception as error:
        return StoreHealth(store.name, shown, time.monotonic() - started, error=redact_text(f"{type(error).__name__}: {error}"))
    seconds = time.monotonic() - started
    if health.clock_at is None:
        return StoreHealth(store.name, shown, seconds, health.version)
    skew = (health.clock_at - datetime.now(timezone.utc)).total_seconds()
    wrong_clock = ""
    if abs(skew) > LARGEST_SKEW_SECONDS:
        wrong_clock = f"its clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's; set both by NTP"
    return StoreHealth(store.name, shown, seconds, health.version, skew, wrong_clock)
