"""The two files of a bundle: `bundle.joblib`, the fitted part, and `bundle.json`, all the rest, readable without unpickling."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_assets.errors import PermanentError

PREDICTOR_FILE = "bundle.joblib"
DESCRIPTION_FILE = "bundle.json"
_FORMAT = 2


def write_files(folder: Path, predictor: bytes, description: Mapping[str, Any]) -> None:
    """Write a bundle into a folder. The same values give the same bytes.

    The description goes last and holds the checksum of the predictor, so that an interrupted save cannot be loaded.
    """
    checked = {
        "format": _FORMAT,
        **description,
        "predictor_bytes": len(predictor),
        "predictor_sha256": hashlib.sha256(predictor).hexdigest(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DESCRIPTION_FILE).unlink(missing_ok=True)
    (folder / PREDICTOR_FILE).write_bytes(predictor)
    (folder / DESCRIPTION_FILE).write_text(json.dumps(checked, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_description(folder: Path) -> dict[str, Any]:
    """Read what `bundle.json` says about the bundle in a folder, in today's format, without loading the predictor.

    Raises:
        PermanentError: the file is missing, damaged, or of a format that this version of the package does not know.
    """
    path = folder / DESCRIPTION_FILE
    try:
        description = json.loads(_read_file(path).decode("utf-8"))
        version = description.get("format") if isinstance(description, dict) else None
        if version == 1:
            return _upgraded(description)
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error
    if version != _FORMAT:
        raise damaged(path, f"it is not a bundle description of format 1 or {_FORMAT}")
    return dict(description)


def read_predictor(folder: Path, description: Mapping[str, Any]) -> bytes:
    """Read the fitted part of the bundle in a folder, and hold it against its checksum.

    Raises:
        PermanentError: the file is missing or damaged.
    """
    data = _read_file(folder / PREDICTOR_FILE)
    if hashlib.sha256(data).hexdigest() != description.get("predictor_sha256"):
        raise damaged(folder / PREDICTOR_FILE, f"its checksum is not the one in {DESCRIPTION_FILE}")
    return data


def check_files(folder: Path) -> None:
    """Hold the files of a bundle against their checksum, without loading the predictor.

    Raises:
        PermanentError: a file is missing or damaged.
    """
    read_predictor(folder, read_description(folder))


def damaged(path: Path, reason: str) -> PermanentError:
    """Return the error for a file that is not as it was written."""
    return PermanentError(f"model bundle file {path} is damaged: {reason}; train the model again or restore the file")


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PermanentError(
            f"no model bundle in {path.parent}: {path.name} is missing; train the model again or restore the folder"
        ) from error


def _upgraded(former: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description of format 1 in today's: it was flat, and knew classifiers with a threshold and forecasters without."""
    envelope = ("format", "threshold", "input_contract", "reference", "pipeline_bytes", "pipeline_sha256")
    contract, threshold = former["input_contract"], former["threshold"]
    columns = [{**column, "description": column["meaning"]} for column in contract["columns"]]
    return {
        "kind": "forecaster" if threshold is None else "binary_classifier",
        "predictor": {} if threshold is None else {"threshold": threshold},
        "provenance": {name: value for name, value in former.items() if name not in envelope},
        "input_contract": {**contract, "description": contract["meaning"], "columns": columns},
        "reference": former["reference"],
        "predictor_sha256": former["pipeline_sha256"],
    }
