"""The bundle: everything that a model needs after training, in one object that training saves and serving loads.

Batch prediction and serving hand raw records to a bundle and get predictions back; nothing is fitted, joined or looked up
elsewhere.
"""

from __future__ import annotations

import math
import pickle
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mlops_assets.contracts import Column, TableContract
from mlops_assets.errors import ContractError, PermanentError
from mlops_assets.ml.bundle_files import (
    DESCRIPTION_FILE,
    PREDICTOR_FILE,
    damaged,
    read_description,
    read_predictor,
    write_files,
)
from mlops_assets.ml.former_modules import former_columns_of, importable_by_former_names
from mlops_assets.ml.predictors import KINDS, Predictor, RecordsPredictor

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.ml.drift import FeatureProfile

# Libraries by the names under which they may be installed: the CPU build of XGBoost is a distribution of its own.
_DISTRIBUTIONS = {"xgboost": ("xgboost", "xgboost-cpu")}

P = TypeVar("P", bound=Predictor, covariant=True)


def current_library_versions() -> dict[str, str]:
    """Return the versions that a fitted pipeline depends on: Python, scikit-learn, NumPy, pandas, and XGBoost if it is imported."""
    names = ["python", "scikit-learn", "numpy", "pandas", *(["xgboost"] if "xgboost" in sys.modules else [])]
    versions = {name: _installed_version(name) for name in names}
    return {name: version for name, version in versions.items() if version is not None}


@dataclass(frozen=True)
class Provenance:
    """Where a model comes from and how good it is.

    Attributes:
        name: the model's name among people, e.g. `arrest_model`.
        estimator_name: which kind of estimator won, e.g. `hist_gradient_boosting`.
        fingerprint: SHA-256 in hexadecimal over everything that determines the model; equal fingerprints mean equal models.
        training_start_at: start of the training window (UTC, included); None if the records bear no time.
        training_end_at: end of the training window (UTC, excluded): the model has seen nothing from this time on. None if the
            records bear no time.
        training_rows: rows that the predictor was fitted on.
        seed: the seed of every random choice in training.
        metrics: what the model reached on validation data; None where a metric is not defined.
        baseline_metrics: the same metrics of naive predictions on the same rows, by baseline.
        feature_names: the features that reach the estimator, in order.
        library_versions: the versions that the predictor was fitted with.
    """

    name: str
    estimator_name: str
    fingerprint: str
    training_start_at: datetime | None
    training_end_at: datetime | None
    training_rows: int
    seed: int
    metrics: Mapping[str, float | None]
    baseline_metrics: Mapping[str, Mapping[str, float | None]]
    feature_names: tuple[str, ...]
    library_versions: Mapping[str, str] = field(default_factory=current_library_versions)

    def __post_init__(self) -> None:
        if (self.training_start_at is None) != (self.training_end_at is None):
            raise PermanentError(f"model {self.name}: a training window has a start and an end, or the records bear no time")
        for time in (self.training_start_at, self.training_end_at):
            if time is not None and time.utcoffset() != timedelta(0):
                raise PermanentError(f"model {self.name}: the training window must be in UTC, not {time.isoformat()}")

    @property
    def window(self) -> dict[str, datetime | None]:
        """Start and end of the training window by their names; None if the records bear no time."""
        return {"training_start_at": self.training_start_at, "training_end_at": self.training_end_at}

    def version_differences(self) -> dict[str, tuple[str, str | None]]:
        """Return the libraries whose version now is not the one of training, as (then, now); now is None if it is not installed.

        A predictor usually survives such a difference, so it is information and not an error.
        """
        now = {name: _installed_version(name) for name in self.library_versions}
        return {name: (then, now[name]) for name, then in self.library_versions.items() if then != now[name]}

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return {
            **{name.name: getattr(self, name.name) for name in fields(self)},
            **{name: time and time.isoformat() for name, time in self.window.items()},
            "training_rows": int(self.training_rows),
            "seed": int(self.seed),
            "metrics": _plain_metrics(self.metrics),
            "baseline_metrics": {name: _plain_metrics(metrics) for name, metrics in self.baseline_metrics.items()},
            "feature_names": list(self.feature_names),
            "library_versions": dict(self.library_versions),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Provenance:
        """Return the provenance that `to_dict` gave."""
        window = {name: data[name] and datetime.fromisoformat(data[name]) for name in ("training_start_at", "training_end_at")}
        return cls(**{**data, **window, "feature_names": tuple(data["feature_names"])})


@dataclass(frozen=True, eq=False)
class Bundle(Generic[P]):
    """A fitted model of some kind with what it expects, where it comes from and how good it is.

    Attributes:
        predictor: the fitted model.
        provenance: where it comes from and how good it is.
        input_contract: the columns of a raw record that the model needs, and no others.
        reference: what features and score looked like in training, for drift; None if not recorded.
        typical: a typical record of training, with which explanations compare, as JSON can hold it; None if not recorded.
    """

    predictor: P
    provenance: Provenance
    input_contract: TableContract
    reference: FeatureProfile | None = None
    typical: Mapping[str, Any] | None = None

    def predict(self, records: pd.DataFrame, **params: Any) -> pd.DataFrame:
        """Return the predictor's predictions for raw records, with the columns of its `outputs`.

        Args:
            records: at least the columns of the input contract; other columns are ignored.
            **params: what may be asked for beside the records, by the predictor's `params`.

        Raises:
            ContractError: columns are missing.
        """
        return self.predictor.predict(self.inputs_of(records), **params)

    def predict_record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the prediction for one raw record, by column of the predictor's `outputs`: what `predict` says of one row.

        Args:
            record: values by column of the input contract, in its types; None, or left out, where one is not known.

        Raises:
            ContractError: a value is not of its column's type.
        """
        return self.predict_records([record])[0]

    def predict_records(self, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the predictions for a few raw records, in their order: what `predict` says of a table of them.

        They are equal to the last bit. Of a linear model, the last bit itself depends on the number of rows and on how a table lies
        in memory, with scikit-learn alone, too: BLAS sums products in another order. Other models take each row for itself.

        Args:
            records: values by column of the input contract, in its types; None, or left out, where one is not known.

        Raises:
            ContractError: a value is not of its column's type.
        """
        if not records:
            return []
        quick = self._records_predictor
        predicted = None if quick is None else quick(records)
        return self._predict_as_table(records) if predicted is None else predicted

    def warm_up(self) -> None:
        """Make everything ready that the first prediction would otherwise wait for, and see that it answers.

        Raises:
            PermanentError: the predictor fails for a typical record, or where everything is unknown that may be.
        """
        _ = self._records_predictor
        if self.typical is None:
            return
        typical = self.typical_values()
        unknown = {column.name: None for column in self.input_contract.columns if column.nullable}
        try:
            self.predict_records([typical, {**typical, **unknown}])
        except Exception as error:
            raise PermanentError(
                f"model {self.provenance.name} does not answer for records that its input contract allows "
                f"({type(error).__name__}: {error})"
            ) from error

    def typical_values(self) -> dict[str, Any]:
        """Return the typical record in the types of the input contract.

        Raises:
            PermanentError: none was recorded.
        """
        if self.typical is None:
            raise PermanentError(f"model {self.provenance.name} was saved without a typical record")
        from mlops_assets.contracts.frames import read_json_record

        return read_json_record(self.typical, self.input_contract)

    @cached_property
    def _records_predictor(self) -> RecordsPredictor | None:
        return self.predictor.records_predictor(self.input_contract)

    def _predict_as_table(self, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        from mlops_assets.contracts.frames import rows_to_frame

        predicted = self.predict(rows_to_frame(records, self.input_contract))
        columns = {str(name): values.tolist() for name, values in predicted.items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def inputs_of(self, records: pd.DataFrame) -> pd.DataFrame:
        """Return the columns of raw records that the predictor needs.

        Raises:
            ContractError: columns are missing.
        """
        expected = self.input_contract.column_names
        missing = [name for name in expected if name not in records.columns]
        if missing:
            raise ContractError(
                f"model {self.provenance.name} cannot use these records: columns missing: {', '.join(missing)} "
                f"(it needs {', '.join(expected)})"
            )
        return records[expected]

    def save(self, folder: Path) -> None:
        """Write the bundle into a folder. The same fitted object gives the same bytes."""
        description = {
            "kind": self.predictor.kind,
            "predictor": self.predictor.settings,
            "provenance": self.provenance.to_dict(),
            "input_contract": _contract_to_dict(self.input_contract),
            "reference": None if self.reference is None else self.reference.to_dict(),
            "typical": None if self.typical is None else dict(self.typical),
        }
        write_files(folder, self.predictor.dump(), description)

    @classmethod
    def load(cls, folder: Path) -> Bundle[Any]:
        """Read a bundle from a folder, also one that a former release wrote.

        Raises:
            PermanentError: a file is missing or damaged, or the predictor needs a library that is not installed.
        """
        description = read_description(folder)
        data = read_predictor(folder, description)
        try:
            kind, settings = KINDS[description["kind"]], description["predictor"]
            provenance = Provenance.from_dict(description["provenance"])
            contract = _contract_from_dict(description["input_contract"])
            reference = _profile_from_dict(description["reference"])
            typical = description.get("typical")
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(folder / DESCRIPTION_FILE, f"{type(error).__name__}: {error}") from error
        try:
            with warnings.catch_warnings(), importable_by_former_names(contract.domain):
                # `version_differences` says the same about every library and lets the caller decide what to do about it.
                warnings.filterwarnings("ignore", message="Trying to unpickle estimator")
                predictor = kind.load(data, settings)
        except (ImportError, AttributeError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
            versions = ", ".join(f"{name} {version}" for name, version in provenance.library_versions.items())
            raise PermanentError(
                f"the {description['kind']} in {folder / PREDICTOR_FILE} cannot be loaded here ({type(error).__name__}: {error}); "
                f"it was saved with {versions}"
            ) from error
        return Bundle(predictor, provenance, contract, reference, typical)


def read_provenance(folder: Path) -> Provenance:
    """Return the provenance of the bundle in a folder, without loading its predictor.

    Raises:
        PermanentError: the description is missing or damaged.
    """
    try:
        return Provenance.from_dict(read_description(folder)["provenance"])
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(folder / DESCRIPTION_FILE, f"{type(error).__name__}: {error}") from error


def _plain_metrics(metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return metrics as JSON can hold them: undefined ones (NaN) as null."""
    return {name: None if value is None or math.isnan(value) else float(value) for name, value in metrics.items()}


def _contract_to_dict(contract: TableContract) -> dict[str, Any]:
    columns = [
        {
            "name": column.name,
            "type": column.type,
            "description": column.description,
            "unit": column.unit,
            "nullable": column.nullable,
            "allowed": None if column.allowed is None else list(column.allowed),
            "pattern": column.pattern,
            "minimum": column.minimum,
            "maximum": column.maximum,
        }
        for column in contract.columns
    ]
    return {
        "domain": contract.domain,
        "name": contract.name,
        "description": contract.description,
        "columns": columns,
        "key": list(contract.key),
        "partition_column": contract.partition_column,
    }


def _contract_from_dict(data: Mapping[str, Any]) -> TableContract:
    renamed = former_columns_of(data["domain"])
    columns = tuple(
        Column(
            renamed.get(column["name"], column["name"]),
            column["type"],
            column["description"],
            unit=column["unit"],
            nullable=column["nullable"],
            allowed=None if column["allowed"] is None else tuple(column["allowed"]),
            pattern=column["pattern"],
            minimum=column["minimum"],
            maximum=column["maximum"],
        )
        for column in data["columns"]
    )
    return TableContract(
        data["domain"],
        data["name"],
        data["description"],
        columns,
        key=tuple(data["key"]),
        partition_column=data["partition_column"],
    )


def _profile_from_dict(data: Mapping[str, Any] | None) -> FeatureProfile | None:
    if data is None:
        return None
    from mlops_assets.ml.drift import FeatureProfile

    return FeatureProfile.from_dict(data)


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
