"""The event log: topics of events that arrive. One module per scheme; add one here to let it live somewhere else."""

from mlops_assets.errors import SettingsError
from mlops_assets.stores.events.base import Event, EventLog, OffsetRange
from mlops_assets.stores.events.progress import lag, next_ranges
from mlops_assets.stores.urls import local_path, scheme_of
from mlops_assets.urls import redact

__all__ = ["Event", "EventLog", "OffsetRange", "lag", "next_ranges", "open_event_log"]


def open_event_log(url: str) -> EventLog:
    """Return the event log that a URL such as `sqlite:///data/events.db` or `kafka://broker:9092` names."""
    scheme = scheme_of(url)
    if scheme == "sqlite":
        from mlops_assets.stores.events.sqlite_file import SQLiteEventLog

        return SQLiteEventLog(local_path(url))
    if scheme == "kafka":
        from mlops_assets.stores.events.kafka import KafkaEventLog

        return KafkaEventLog(url)
    if scheme == "file":
        raise SettingsError(
            f"no event log for {redact(url)!r}; events are not kept in a folder any more, name a SQLite file for them, such as "
            "sqlite:data/events.db, or leave the URL out for events.db in the data directory"
        )
    raise SettingsError(f"no event log for {redact(url)!r}; known schemes: sqlite:, kafka:")
