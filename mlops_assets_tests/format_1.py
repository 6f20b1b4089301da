"""Writes bundles as the former release did, for the promise that they still load and are used beside new ones."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import joblib

from mlops_assets.contracts import TableContract
from mlops_assets.ml.bundle import Provenance


def write_format_1(
    folder: Path, pipeline: Any, threshold: float | None, provenance: Provenance, contract: TableContract, reference: Any = None
) -> None:
    """Write a bundle of format 1: a flat description beside the pickled pipeline; a forecaster was one without threshold."""
    buffer = io.BytesIO()
    joblib.dump(pipeline, buffer, compress=("zlib", 3), protocol=5)
    content = buffer.getvalue()
    description = {
        "format": 1,
        **provenance.to_dict(),
        "threshold": threshold,
        "input_contract": _contract(contract),
        "reference": None if reference is None else reference.to_dict(),
        "pipeline_bytes": len(content),
        "pipeline_sha256": hashlib.sha256(content).hexdigest(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bundle.joblib").write_bytes(content)
    (folder / "bundle.json").write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _contract(contract: TableContract) -> dict[str, Any]:
    """Return a contract by the names that its fields had."""
    columns = [
        {
            "name": column.name,
            "type": column.type,
            "meaning": f"What {column.name} is.",
            "unit": column.unit,
            "nullable": column.nullable,
            "allowed": column.allowed,
            "pattern": column.pattern,
            "minimum": column.minimum,
            "maximum": column.maximum,
        }
        for column in contract.columns
    ]
    return {
        "domain": contract.domain,
        "name": contract.name,
        "meaning": "What the model needs.",
        "columns": columns,
        "key": contract.key,
        "partition_column": contract.partition_column,
    }
