"""JSON that somebody sent."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from mlops_assets.serving.errors import MalformedRequestError


def parse_json(body: str | bytes) -> Any:
    """Return what a body says. NaN and infinity pass: the reader of records names the field that has them.

    Raises:
        MalformedRequestError: it is not JSON, not in UTF-8, or nested too deeply.
    """
    try:
        return from_json(body)
    except ValueError as error:
        # It says where, and quotes nothing.
        raise MalformedRequestError(f"the body is not JSON: {error}") from None
