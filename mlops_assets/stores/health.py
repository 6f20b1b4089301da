"""What a store says about itself when it is asked whether it works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class HealthCheck:
    """The answer of a store that was reached, written to, read back and cleaned up without an error.

    Attributes:
        version: what answers, in words: `PostgreSQL 15.14`, `S3 (Ceph)`, `DuckDB 1.5.5`.
        clock_at: the server's own time when it answered, UTC; None where the store has no clock of its own.
    """

    version: str
    clock_at: datetime | None = None
