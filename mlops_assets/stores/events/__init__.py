"""The event log: topics of events that arrive. One module per scheme; add one here to let it live somewhere else."""

from mlops_assets.errors import SettingsError
from mlops_assets.stores.events.base import Event, EventLog, OffsetRange
from mlops_assets.stores.events.progress import lag, next_ranges
from mlops_assets.stores.urls import local_path, scheme_of
from mlops_assets.urls import redact

__all__ = ["Event", "EventLog", "OffsetRange", "lag", "next_ranges", "open_event_log"]


def open_event_log(url: str) -> EventLog:
    """Return the event log that a URL such as `file:///data/events` or `kafka://broker:9092` names."""
    scheme = scheme_of(url)
    if scheme == "file":
        from mlops_assets.stores.events.segments import SegmentEventLog

        return SegmentEventLog(local_path(url))
    if scheme == "kafka":
        from mlops_assets.stores.events.kafka import KafkaEventLog

        return KafkaEventLog(url)
    raise SettingsError(f"no event log for {redact(url)!r}; known schemes: file:, kafka:")
