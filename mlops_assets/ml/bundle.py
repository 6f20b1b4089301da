"""The bundle: everything that a model needs after training, in one object that training saves and serving loads.

Batch prediction and serving hand raw records to a bundle and get probabilities back; nothing is fitted, joined or looked up
elsewhere. On disk it is two files: `bundle.joblib`, the fitted pipeline, and `bundle.json`, all the rest, readable without
unpickling anything.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import pickle
import sys
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.contracts import Column, TableContract
from mlops_assets.errors import ContractError, PermanentError
from mlops_assets.ml.former_modules import importable_by_former_names

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.ml.drift import FeatureProfile

PIPELINE_FILE = "bundle.joblib"
DESCRIPTION_FILE = "bundle.json"
_FORMAT = 1
# Libraries by the names under which they may be installed: the CPU build of XGBoost is a distribution of its own.
_DISTRIBUTIONS = {"xgboost": ("xgboost", "xgboost-cpu")}


def current_library_versions() -> dict[str, str]:
    """Return the versions that a fitted pipeline depends on: Python, scikit-learn, NumPy, pandas, and XGBoost if it is imported."""
    names = ["python", "scikit-learn", "numpy", "pandas", *(["xgboost"] if "xgboost" in sys.modules else [])]
    versions = {name: _installed_version(name) for name in names}
    return {name: version for name, version in versions.items() if version is not None}


@dataclass(frozen=True, eq=False)
class ModelBundle:
    """A fitted model with what it expects, where it comes from and how good it is.

    Attributes:
        name: the model's name among people, e.g. `arrest_model`.
        pipeline: fitted. That of a classifier has a `predict_proba` that accepts a frame with the columns of the input contract and
            returns n x 2; that of a forecast model has `predict(rows, created_at)`, `time_column` and `output_columns`.
        input_contract: the columns of a raw record that the model needs, and no others.
        threshold: the probability from which on a record counts as predicted, chosen on validation data; None if the model is no
            classifier.
        training_start_at: start of the training window (UTC, included).
        training_end_at: end of the training window (UTC, excluded): the model has seen nothing from this moment on.
        training_rows: rows that the pipeline was fitted on.
        seed: the seed of every random choice in training.
        metrics: what the model reached on validation data; None where a metric is not defined.
        baseline_metrics: the same metrics of naive predictions on the same rows, by baseline.
        reference: what features and score looked like in training, for drift; None if not recorded.
        feature_names: the features that reach the estimator, in order.
        estimator_name: which kind of estimator won, e.g. `hist_gradient_boosting`.
        fingerprint: SHA-256 in hexadecimal over everything that determines the model; equal fingerprints mean equal models.
        library_versions: the versions that the pipeline was fitted with.
    """

    name: str
    pipeline: Any
    input_contract: TableContract
    threshold: float | None
    training_start_at: datetime
    training_end_at: datetime
    training_rows: int
    seed: int
    metrics: Mapping[str, float | None]
    baseline_metrics: Mapping[str, Mapping[str, float | None]]
    reference: FeatureProfile | None
    feature_names: tuple[str, ...]
    estimator_name: str
    fingerprint: str
    library_versions: Mapping[str, str] = field(default_factory=current_library_versions)

    def __post_init__(self) -> None:
        for moment in (self.training_start_at, self.training_end_at):
            if moment.utcoffset() != timedelta(0):
                raise PermanentError(f"model {self.name}: the training window must be in UTC, not {moment.isoformat()}")

    def predict_probability(self, records: pd.DataFrame) -> np.ndarray:
        """Return the probability of the positive class for every record.

        Args:
            records: raw records with at least the columns of the input contract; other columns are ignored.

        Raises:
            ContractError: columns are missing.
        """
        import numpy as np

        expected = self.input_contract.column_names
        missing = [name for name in expected if name not in records.columns]
        if missing:
            raise ContractError(
                f"model {self.name} cannot score these records: columns missing: {', '.join(missing)} "
                f"(it needs {', '.join(expected)})"
            )
        if records.empty:
            return np.empty(0, dtype=np.float64)
        return np.asarray(self.pipeline.predict_proba(records[expected]), dtype=np.float64)[:, 1]

    def predict(self, records: pd.DataFrame) -> pd.DataFrame:
        """Return `probability` and `is_predicted` for every record, on the records' own index."""
        import pandas as pd

        probability, threshold = self.predict_probability(records), self.require_threshold()
        return pd.DataFrame({"probability": probability, "is_predicted": probability >= threshold}, index=records.index)

    def require_threshold(self) -> float:
        """Return the threshold of a classifier.

        Raises:
            PermanentError: the model is none.
        """
        if self.threshold is None:
            raise PermanentError(f"model {self.name} has no threshold: it is not a classifier")
        return self.threshold

    def version_differences(self) -> dict[str, tuple[str, str | None]]:
        """Return the libraries whose version now is not the one of training, as (then, now); now is None if it is not installed.

        A pipeline usually survives such a difference, so it is information and not an error.
        """
        now = {name: _installed_version(name) for name in self.library_versions}
        return {name: (then, now[name]) for name, then in self.library_versions.items() if then != now[name]}

    def save(self, folder: Path) -> None:
        """Write the bundle into a folder. The same fitted object gives the same bytes.

        The description goes last and holds the checksum of the pipeline, so that an interrupted save cannot be loaded.
        """
        pipeline = _pipeline_bytes(self.pipeline)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DESCRIPTION_FILE).unlink(missing_ok=True)
        (folder / PIPELINE_FILE).write_bytes(pipeline)
        (folder / DESCRIPTION_FILE).write_text(
            json.dumps(self._description(pipeline), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )

    @classmethod
    def load(cls, folder: Path) -> ModelBundle:
        """Read a bundle from a folder.

        Raises:
            PermanentError: a file is missing or damaged, or the pipeline needs a library that is not installed.
        """
        description = read_description(folder)
        pipeline = _read_pipeline(folder, description)
        try:
            return cls(
                name=description["name"],
                pipeline=pipeline,
                input_contract=_contract_from_dict(description["input_contract"]),
                threshold=description["threshold"],
                training_start_at=_read_moment(description["training_start_at"]),
                training_end_at=_read_moment(description["training_end_at"]),
                training_rows=description["training_rows"],
                seed=description["seed"],
                metrics=description["metrics"],
                baseline_metrics=description["baseline_metrics"],
                reference=_profile_from_dict(description["reference"]),
                feature_names=tuple(description["feature_names"]),
                estimator_name=description["estimator_name"],
                fingerprint=description["fingerprint"],
                library_versions=description["library_versions"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(folder / DESCRIPTION_FILE, f"{type(error).__name__}: {error}") from error

    def _description(self, pipeline: bytes) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "name": self.name,
            "estimator_name": self.estimator_name,
            "fingerprint": self.fingerprint,
            "threshold": None if self.threshold is None else float(self.threshold),
            "training_start_at": self.training_start_at.isoformat(),
            "training_end_at": self.training_end_at.isoformat(),
            "training_rows": int(self.training_rows),
            "seed": int(self.seed),
            "metrics": _plain_metrics(self.metrics),
            "baseline_metrics": {name: _plain_metrics(metrics) for name, metrics in self.baseline_metrics.items()},
            "library_versions": dict(self.library_versions),
            "feature_names": list(self.feature_names),
            "input_contract": asdict(self.input_contract),
            "reference": None if self.reference is None else self.reference.to_dict(),
            "pipeline_bytes": len(pipeline),
            "pipeline_sha256": hashlib.sha256(pipeline).hexdigest(),
        }


def read_description(folder: Path) -> dict[str, Any]:
    """Read what `bundle.json` says about the bundle in a folder, without loading the pipeline.

    Raises:
        PermanentError: the file is missing, damaged, or of a format that this version of the package does not know.
    """
    path = folder / DESCRIPTION_FILE
    try:
        description = json.loads(_read_file(path).decode("utf-8"))
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(description, dict) or description.get("format") != _FORMAT:
        raise _damaged(path, f"it is not a bundle description of format {_FORMAT}")
    return description


def check_files(folder: Path) -> None:
    """Hold the files of a bundle against their checksum, without loading the pipeline.

    Raises:
        PermanentError: a file is missing or damaged.
    """
    _read_pipeline_bytes(folder, read_description(folder))


def _pipeline_bytes(pipeline: Any) -> bytes:
    import joblib

    buffer = io.BytesIO()
    # A fixed protocol and plain zlib (no file name, no time stamp) keep the bytes a function of the object alone.
    joblib.dump(pipeline, buffer, compress=("zlib", 3), protocol=5)
    return buffer.getvalue()


def _read_pipeline(folder: Path, description: Mapping[str, Any]) -> Any:
    import joblib

    data = _read_pipeline_bytes(folder, description)
    try:
        with warnings.catch_warnings(), importable_by_former_names(description["input_contract"]["domain"]):
            # `version_differences` says the same about every library and lets the caller decide what to do about it.
            warnings.filterwarnings("ignore", message="Trying to unpickle estimator")
            return joblib.load(io.BytesIO(data))
    except (ImportError, AttributeError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        versions = ", ".join(f"{name} {version}" for name, version in description.get("library_versions", {}).items())
        raise PermanentError(
            f"the pipeline in {folder / PIPELINE_FILE} cannot be loaded here ({type(error).__name__}: {error}); "
            f"it was saved with {versions}"
        ) from error


def _read_pipeline_bytes(folder: Path, description: Mapping[str, Any]) -> bytes:
    data = _read_file(folder / PIPELINE_FILE)
    if hashlib.sha256(data).hexdigest() != description.get("pipeline_sha256"):
        raise _damaged(folder / PIPELINE_FILE, f"its checksum is not the one in {DESCRIPTION_FILE}")
    return data


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PermanentError(
            f"no model bundle in {path.parent}: {path.name} is missing; train the model again or restore the folder"
        ) from error


def _damaged(path: Path, reason: str) -> PermanentError:
    return PermanentError(f"model bundle file {path} is damaged: {reason}; train the model again or restore the file")


def _plain_metrics(metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return metrics as JSON can hold them: undefined ones (NaN) as null."""
    return {name: None if value is None or math.isnan(value) else float(value) for name, value in metrics.items()}


def _contract_from_dict(data: Mapping[str, Any]) -> TableContract:
    columns = tuple(
        Column(**{**column, "allowed": None if column["allowed"] is None else tuple(column["allowed"])})
        for column in data["columns"]
    )
    return TableContract(**{**data, "columns": columns, "key": tuple(data["key"])})


def _profile_from_dict(data: Mapping[str, Any] | None) -> FeatureProfile | None:
    if data is None:
        return None
    from mlops_assets.ml.drift import FeatureProfile

    return FeatureProfile.from_dict(data)


def _read_moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _installed_version(name: str) -> str | None:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    if name == "python":
        return platform.python_version()
    for distribution in _DISTRIBUTIONS.get(name, (name,)):
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return None
