"""The time, as a resource: tests and replays set it."""

from datetime import datetime, timezone

CLOCK = "clock"
"""Resource key of the clock."""


class Clock:
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present moment, in UTC."""
        return datetime.now(timezone.utc)
