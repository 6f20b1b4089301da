"""Ids of requests: the client's own, if it sent a usable one."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

REQUEST_ID_HEADER = "x-request-id"
_USABLE = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
# Every request has a task of its own, and thereby a context of its own.
_current: ContextVar[str] = ContextVar("request_id", default="")


def begin_request(given: str | None) -> str:
    """Return the id of the request that this task answers, and remember it.

    Args:
        given: what the client sent as `x-request-id`. Ids get into logs and headers, so that only short plain ones are used.
    """
    request_id = given if given is not None and _USABLE.fullmatch(given) else uuid.uuid4().hex
    _current.set(request_id)
    return request_id


def current_request_id() -> str:
    """Return the id of the request that this task answers; empty outside of one."""
    return _current.get()
