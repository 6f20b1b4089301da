"""The log of a serving process: one JSON object per line, for machines that collect logs."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import datetime, timezone
from typing import Any

from pydantic_core import to_json

from mlops_assets.urls import redact_text

access_log = logging.getLogger("mlops_assets.serving.access")
"""One line per request, of what personal data cannot be in: no address, no query, no body, no path that nobody knows."""


def log_answered(**fields: Any) -> None:
    """Write the line of a request."""
    # Made here, because `Logger.info` would look up who calls it.
    record = logging.LogRecord(access_log.name, logging.INFO, __file__, 0, "answered", None, None)
    record.fields = fields
    access_log.handle(record)


class JSONLines(logging.Formatter):
    """Writes a record as JSON: time, level, logger and message, and what it carries as `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a line, without credentials that a message may quote."""
        line = {
            "at": datetime.fromtimestamp(record.created, timezone.utc),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact_text(record.getMessage()) if record.args or record.levelno > logging.INFO else record.msg,
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["traceback"] = redact_text("".join(traceback.format_exception(record.exc_info[1])))
        return to_json(line, fallback=str).decode()


def log_as_json() -> None:
    """Let everything that this process logs go to standard error, a JSON object per line."""
    # Nothing reads these from a record, and looking them up for each costs more than writing it.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    if sys.version_info >= (3, 12):
        logging.logAsyncioTasks = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("mlops_assets").setLevel(logging.INFO)
