"""Requests that are made from an OpenAPI description, good and bad ones, by schemathesis."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_GENERATED = re.compile(r"(\d+) generated")


def run_cases(url: str, per_operation: int, folder: Path, *options: str) -> tuple[int, str]:
    """Send requests, and return their number and a report; the report is empty if every response was as described.

    Args:
        url: of REST.
        per_operation: how many random requests each operation gets, beside those that the schema suggests.
        folder: where schemathesis may leave files.
        options: more of its options.
    """
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json", "--no-color", "--warnings", "off"]
    how: Sequence[str] = ["--checks", "all", "--max-examples", str(per_operation), "--continue-on-failure", *options]
    done = subprocess.run([*command, *how], cwd=folder, capture_output=True, text=True, check=False)
    found = _GENERATED.search(done.stdout)
    return int(found[1]) if found else 0, "" if done.returncode == 0 else done.stdout + done.stderr
