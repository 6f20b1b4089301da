"""Why a model says what it says of one record: how its score changes when an input is replaced by what is typical."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timezone
from typing import TYPE_CHECKING, Any

from mlops_assets.contracts.frames import rows_to_frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from mlops_assets.contracts import Column, TableContract
    from mlops_assets.ml.bundle import Bundle


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one input did to the score of a record.

    Attributes:
        name: of the input.
        value: in the record; None if it was not known.
        typical: in a typical record.
        effect: score of the record less its score with the typical value in this place; effects of several inputs do not add up.
    """

    name: str
    value: Any
    typical: Any
    effect: float

    def as_dict(self) -> dict[str, Any]:
        """Return the contribution as JSON has it."""
        return {"input": self.name, "value": _plain(self.value), "typical": _plain(self.typical), "effect": self.effect}


def explain_record(bundle: Bundle[Any], record: Mapping[str, Any]) -> list[Contribution]:
    """Return what each input did to the score of a record, the strongest first.

    The score is the probability of yes, or of the class that is predicted.

    Args:
        bundle: a classifier that was saved with a typical record.
        record: a value for each column of the input contract, in its type; None where it is not known.

    Raises:
        PermanentError: the bundle has no typical record.
        ContractError: a value is not of its column's type.
    """
    typical = bundle.typical_values()
    names = [name for name in bundle.input_contract.column_names if record[name] != typical[name]]
    rows = [dict(record), *({**record, name: typical[name]} for name in names)]
    scores = _scores(bundle.predict(rows_to_frame(rows, bundle.input_contract)))
    changed = dict(zip(names, (scores[0] - scores[1:]).tolist(), strict=True))
    found = [Contribution(name, record[name], typical[name], changed.get(name, 0.0)) for name in bundle.input_contract.column_names]
    return sorted(found, key=lambda contribution: -abs(contribution.effect))


def typical_record(records: pd.DataFrame, contract: TableContract) -> dict[str, Any]:
    """Return a typical record as JSON can hold it: medians of numbers and times, the most frequent value of everything else.

    The median of an even number of whole numbers, times or days is the later of the two in the middle, which is one of them.

    Args:
        records: training rows with the columns of the contract, and perhaps others.
        contract: the input contract of a model. A column without any value is None.
    """
    return {column.name: _typical_value(records[column.name].dropna(), column) for column in contract.columns}


def _typical_value(values: pd.Series, column: Column) -> Any:
    if values.empty:
        return None
    if column.type in ("float32", "float64"):
        return float(values.astype("float64").median())
    if column.type in ("int8", "int32", "int64"):
        return int(_middle(values))
    if column.type == "timestamp":
        return _plain(_middle(values).to_pydatetime().astimezone(timezone.utc))
    if column.type == "date":
        return _plain(_middle(values))
    # Of values that are equally frequent, the first in their order.
    frequent = values.mode().iloc[0]
    return frequent.item() if hasattr(frequent, "item") else frequent


def _middle(values: pd.Series) -> Any:
    return values.sort_values().iloc[len(values) // 2]


def _scores(predicted: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the probability that each row is what the first row was predicted to be."""
    column = "probability" if "probability" in predicted else f"probability_{predicted['predicted_class'].iloc[0]}"
    scores: npt.NDArray[np.float64] = predicted[column].to_numpy(dtype="float64")
    return scores


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
