"""A consumer that may be killed anywhere: it lands a topic in bounded runs and makes the tables of every day that was touched.

`python -m mlops_assets_tests.song_popularity.stream_consumer FOLDER URL MOST_EVENTS`, started again until it ends well.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import dagster as dg

from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.assets.events import STREAM
from mlops_assets_tests.platforms import Platform

ALL_SENT = "all-sent"
"""Name of the empty file that says that no more is coming."""

_QUIET = {"python_logs": {"python_log_level": "CRITICAL"}}


def consume(folder: Path, url: str, most_events: int) -> None:
    """Land and read until nothing is left of a topic to which no more is sent; then make documents, too.

    Args:
        folder: of the platform, with the mark `ALL_SENT` once all is sent.
        url: of the event log.
        most_events: of one landing.
    """
    with dg.DagsterInstance.ephemeral(settings=_QUIET) as instance:
        platform = Platform(folder, instance, stores={"events_url": url})
        bounds = {"config": {"most_events": most_events, "batch_events": max(1, most_events // 8)}}
        # What the consumer before had landed, and perhaps not read.
        touched = _marked_days(platform)
        while True:
            is_all_sent = (folder / ALL_SENT).exists()
            platform.materialize("event_batches", domain=DOMAIN, ops={f"{DOMAIN}__event_batches": bounds})
            landed = platform.metadata("event_batches", domain=DOMAIN)
            touched |= set(landed["days"])
            if touched:
                days = min(touched), max(touched)
                platform.materialize("events", "rejected_events", "spotify_events", domain=DOMAIN, days=days)
                touched.clear()
            elif is_all_sent:
                break
            else:
                time.sleep(0.2)
        marked = _marked_days(platform)
        platform.run("read_song_popularity", days=(min(marked), max(marked)))
        platform.run("account_for_song_popularity")
        key = dg.AssetCheckKey(STREAM.key, "accounts_for_every_message")
        (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        assert record.event is not None
        account = record.event.asset_check_evaluation
        assert account is not None
        assert account.passed, account.description


def _marked_days(platform: Platform) -> set[str]:
    names = platform.stores.landing(DOMAIN, STREAM.name).names("days/")
    return {name.split("/")[1].removeprefix("utc_date=") for name in names}


if __name__ == "__main__":
    consume(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
