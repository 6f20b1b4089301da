"""Ask every configured store whether it works, before a run finds out that it does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from mlops_assets.stores.catalog import STORE_KINDS, StoreKind, Stores
from mlops_assets.stores.documents import open_documents
from mlops_assets.stores.events import open_event_log
from mlops_assets.stores.objects import open_object_storage
from mlops_assets.stores.warehouse import open_warehouse
from mlops_assets.urls import redact, redact_text

if TYPE_CHECKING:
    from mlops_assets.stores.diagnosis import Diagnosis

LARGEST_SKEW_SECONDS = 10.0
"""Times that stores and this machine write must be comparable; HTTP servers tell theirs in whole seconds."""

_OPENERS: dict[StoreKind, Callable[[str], Callable[[], Diagnosis]]] = {
    "lake": lambda url: open_object_storage(url).diagnose,
    "warehouse": lambda url: open_warehouse(url).diagnose,
    "documents": lambda url: open_documents(url).diagnose,
    "events": lambda url: open_event_log(url).diagnose,
}


@dataclass(frozen=True)
class Finding:
    """What came of asking one store.

    Attributes:
        store: its kind, and the domain if it is that domain's own.
        url: where it is, without a password.
        seconds: how long the trial took.
        version: what answered; empty if nothing did.
        skew_seconds: by how much the store's clock is ahead of this machine's; None if it has none.
        complaint: why the store cannot be used; empty if it can.
    """

    store: str
    url: str
    seconds: float
    version: str = ""
    skew_seconds: float | None = None
    complaint: str = ""


def examine(stores: Stores, domains: Sequence[str]) -> Iterator[Finding]:
    """Write to, read from and clean up every store that the domains use, one after the other."""
    for kind in STORE_KINDS:
        shared = [domain for domain in domains if kind not in stores.own_urls.get(domain, {})]
        if shared or not domains:
            yield _examine_store(kind, stores.urls[kind], _OPENERS[kind])
        for domain in domains:
            if domain not in shared:
                yield _examine_store(f"{kind} of {domain}", stores.url(kind, domain), _OPENERS[kind])
    yield _examine_store("models", stores.mlflow_tracking_uri, lambda _: stores.models().diagnose)


def _examine_store(store: str, url: str, open_store: Callable[[str], Callable[[], Diagnosis]]) -> Finding:
    shown, started = redact(url), time.monotonic()
    try:
        diagnosis = open_store(url)()
    # Whatever a client library raises is what a run would meet; the other stores are examined all the same.
    except Exception as error:
        return Finding(store, shown, time.monotonic() - started, complaint=redact_text(f"{type(error).__name__}: {error}"))
    seconds = time.monotonic() - started
    if diagnosis.clock_at is None:
        return Finding(store, shown, seconds, diagnosis.version)
    skew = (diagnosis.clock_at - datetime.now(timezone.utc)).total_seconds()
    complaint = ""
    if abs(skew) > LARGEST_SKEW_SECONDS:
        complaint = f"its clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's; set both by NTP"
    return Finding(store, shown, seconds, diagnosis.version, skew, complaint)
