"""JSON that somebody sent."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from mlops_assets.serving.errors import MalformedRequestError


def parse_json(body: str | bytes) -> Any:
    """Return what a body says. NaN and infinity pass: the reader of records names the field that has them.

    Raises:
        MalformedRequestError: it is no JSON, not in UTF-8, or nested too deeply.
    """
    if not body:
        raise MalformedRequestError("the body is empty; send JSON")
    try:
        return from_json(body)
    except ValueError as error:
        raise MalformedRequestError(f"the body is not JSON: {error}") from None
