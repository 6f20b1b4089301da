"""How MLflow loads a bundle: `mlflow.pyfunc.load_model` and MLflow's own model server name this module as their loader.

It imports no mlflow. Records may come from JSON: timestamps and dates may then be strings, and those without a time zone are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from mlops_assets.contracts import Column
from mlops_assets.errors import ContractError
from mlops_assets.ml.bundle import ModelBundle

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.contracts import TableContract

_NULLABLE_DTYPES: Mapping[str, Any] = {"int8": "Int8", "int32": "Int32", "int64": "Int64", "bool": "boolean"}


class ServedModel(Protocol):
    """A bundle with what MLflow asks of a model."""

    @property
    def outputs(self) -> tuple[Column, ...]:
        """The columns of a prediction."""

    @property
    def params(self) -> Mapping[str, str]:
        """What may be asked for beside the records, with its default."""

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return the prediction for records with the columns of the bundle's input contract."""


class ServedClassifier:
    """A classifier: one row of prediction for every record."""

    outputs: ClassVar = (
        Column("probability", "float64", "Probability of the positive class."),
        Column("is_predicted", "bool", "Whether it reaches the threshold."),
    )
    params: ClassVar[Mapping[str, str]] = {}

    def __init__(self, bundle: ModelBundle) -> None:
        """Serve predictions of `bundle`."""
        self.bundle = bundle

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return `probability` and `is_predicted` for every record."""
        return self.bundle.predict(typed_records(model_input, self.bundle.input_contract))


class ServedForecaster:
    """A forecaster: the coming hours of every series in the records, which are hours of the recent past."""

    params: ClassVar[Mapping[str, str]] = {"created_at": ""}

    def __init__(self, bundle: ModelBundle) -> None:
        """Serve forecasts of `bundle`, whose pipeline has `predict`, `output_columns` and `time_column`."""
        self.bundle = bundle

    @property
    def outputs(self) -> tuple[Column, ...]:
        """The columns of a forecast."""
        columns: tuple[Column, ...] = self.bundle.pipeline.output_columns
        return columns

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Forecast from `created_at` on, a timestamp in ISO 8601; by default from the end of the newest hour in the records."""
        import pandas as pd

        records = typed_records(model_input, self.bundle.input_contract)
        wanted = (params or {}).get("created_at")
        if wanted:
            created_at = pd.to_datetime(wanted, utc=True)
        else:
            created_at = records[self.bundle.pipeline.time_column].max() + timedelta(hours=1)
        forecast: pd.DataFrame = self.bundle.pipeline.predict(records, created_at.to_pydatetime())
        return forecast[[column.name for column in self.outputs]]


def served(bundle: ModelBundle) -> ServedModel:
    """Return a bundle as a model of MLflow, whatever kind it is."""
    return ServedForecaster(bundle) if bundle.threshold is None else ServedClassifier(bundle)


def typed_records(records: pd.DataFrame, contract: TableContract) -> pd.DataFrame:
    """Return records in the types of their contract, as the lake gives them; columns that are not there stay away.

    Raises:
        ContractError: values are not what the contract says.
    """
    typed = {}
    for column in contract.columns:
        if column.name in records.columns:
            try:
                typed[column.name] = _typed(records[column.name], column)
            except (TypeError, ValueError) as error:
                raise ContractError(f"{contract.label}: column {column.name!r} is not {column.type}: {error}") from error
    return records.assign(**typed)


def _typed(values: pd.Series, column: Column) -> pd.Series:
    import pandas as pd

    if column.type in ("timestamp", "date"):
        times = pd.to_datetime(values, utc=True, format=None if pd.api.types.is_datetime64_any_dtype(values) else "ISO8601")
        return times if column.type == "timestamp" else times.dt.date
    if column.type in _NULLABLE_DTYPES:
        # NumPy's own types would cut a fraction off, and take what is missing for true.
        exact: Any = values.astype(_NULLABLE_DTYPES[column.type])
        return exact if exact.isna().any() else exact.astype(column.type)
    numbers: Any = pd.to_numeric(values) if column.type.startswith("float") else None
    return values if numbers is None else numbers.astype(column.type)


def _load_pyfunc(path: str) -> ServedModel:
    """Load the bundle that lies in the folder `path`; the name and the argument are MLflow's."""
    return served(ModelBundle.load(Path(path)))
