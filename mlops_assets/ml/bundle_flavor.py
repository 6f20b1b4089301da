"""How MLflow loads a bundle: `mlflow.pyfunc.load_model` and MLflow's own model server name this module as their loader.

It imports no mlflow. Records may come from JSON: timestamps and dates may then be strings, and those without a time zone are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.contracts import Column
from mlops_assets.errors import ContractError
from mlops_assets.ml.bundle import Bundle

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.contracts import TableContract

_NULLABLE_DTYPES: Mapping[str, Any] = {"int8": "Int8", "int32": "Int32", "int64": "Int64", "bool": "boolean"}


class ServedBundle:
    """A bundle as a model of MLflow."""

    def __init__(self, bundle: Bundle[Any]) -> None:
        """Serve predictions of `bundle`."""
        self.bundle = bundle

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return the bundle's predictions for records with the columns of its input contract.

        Args:
            model_input: the records.
            params: what is asked for beside them, by the predictor's `params`.
        """
        return self.bundle.predict(typed_records(model_input, self.bundle.input_contract), **(params or {}))


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


def _load_pyfunc(path: str) -> ServedBundle:
    """Load the bundle that lies in the folder `path`; the name and the argument are MLflow's."""
    return ServedBundle(Bundle.load(Path(path)))
