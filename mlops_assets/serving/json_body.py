"""JSON that somebody sent."""

from __future__ import annotations

import json
from typing import Any

from mlops_assets.serving.errors import MalformedRequestError


def parse_json(body: str | bytes) -> Any:
    """Return what a body says. NaN and infinity pass: the reader of records names the field that has them.

    Raises:
        MalformedRequestError: it is not JSON, not in UTF-8, or nested too deeply.
    """
    try:
        return json.loads(body)
    except RecursionError:
        raise MalformedRequestError("the body is nested too deeply") from None
    except ValueError:
        # Also that of a number with thousands of digits.
        raise MalformedRequestError("the body is not JSON") from None
