"""Drift: how far current rows are from the rows a model was trained on.

A small profile of the training rows is kept with the model, so that nobody has to read the training frame again to
compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import ContractError, NotEnoughDataError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

# Every half per cent: the distribution is known to 0.005, a twentieth of the usual limit of 0.1 for the KS distance.
GRID_POINTS = 201
GRID_STEPS_PER_DECILE = 20
COMMON_VALUES = 50

# Half a row (Jeffreys) is added to the row count of every bin. A bin that is empty on one side then costs what half a
# row there would cost: the index is always finite, and an empty bin weighs less in a small month than in a large one.
PSEUDO_ROWS = 0.5


@dataclass(frozen=True)
class NumericProfile:
    """Reference distribution of a number.

    Attributes:
        feature: Column name.
        quantiles: Observed values at `GRID_POINTS` evenly spaced levels from minimum to maximum; empty when all values
            are missing.
        bin_shares: Share of all rows in each bin of `bin_edges`, missing values not counted.
        missing_share: Share of rows without a finite value.
    """

    feature: str
    quantiles: tuple[float, ...]
    bin_shares: tuple[float, ...]
    missing_share: float

    @property
    def bin_edges(self) -> tuple[float, ...]:
        """Distinct deciles between minimum and maximum. Bins include their upper edge; the outer two are open."""
        return tuple(sorted(set(self.quantiles[GRID_STEPS_PER_DECILE:-1:GRID_STEPS_PER_DECILE])))


@dataclass(frozen=True)
class CategoricalProfile:
    """Reference distribution of a code, category, text or boolean.

    Attributes:
        feature: Column name.
        shares: Share of all rows per value, for the `COMMON_VALUES` most common values as text, most common first.
        other_share: Share of rows with any other value.
        missing_share: Share of rows without a value.
    """

    feature: str
    shares: Mapping[str, float]
    other_share: float
    missing_share: float


@dataclass(frozen=True)
class FeatureProfile:
    """Reference distributions of the features of one training frame."""

    row_count: int
    numeric: tuple[NumericProfile, ...]
    categorical: tuple[CategoricalProfile, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, dictionaries, texts and numbers, ready for JSON."""
        return {
            "row_count": self.row_count,
            "numeric": [
                {**vars(profile), "quantiles": list(profile.quantiles), "bin_shares": list(profile.bin_shares)}
                for profile in self.numeric
            ],
            "categorical": [{**vars(profile), "shares": dict(profile.shares)} for profile in self.categorical],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> FeatureProfile:
        """Rebuild the profile that `to_dict` described."""
        return cls(
            row_count=content["row_count"],
            numeric=tuple(
                NumericProfile(entry["feature"], tuple(entry["quantiles"]), tuple(entry["bin_shares"]), entry["missing_share"])
                for entry in content["numeric"]
            ),
            categorical=tuple(CategoricalProfile(**entry) for entry in content["categorical"]),
        )


def build_profile(frame: pd.DataFrame, numeric: Sequence[str], categorical: Sequence[str]) -> FeatureProfile:
    """Describe the distribution of every feature of a training frame.

    Args:
        frame: Training rows as the model receives them.
        numeric: Columns of numbers; infinite values count as missing.
        categorical: Columns of codes, categories, texts or booleans, compared as text.

    Raises:
        ContractError: Columns are not there.
        NotEnoughDataError: The frame has no rows.
    """
    _require_rows_and_columns(frame, [*numeric, *categorical], "profile")
    return FeatureProfile(
        row_count=len(frame),
        numeric=tuple(_profile_numeric(frame[column], column) for column in numeric),
        categorical=tuple(_profile_categorical(frame[column], column) for column in categorical),
    )


def measure_drift(profile: FeatureProfile, frame: pd.DataFrame) -> pd.DataFrame:
    """Compare current rows with the training rows, feature by feature.

    The population stability index (PSI) compares shares of rows in bins: deciles of the reference for numbers, common
    values and "other" for the rest, and for both one more bin of missing values, so that a feed that stops filling a
    column is drift too. Without any drift it is about (bins - 1) * (1 / reference rows + 1 / current rows). The
    Kolmogorov-Smirnov distance (KS) is the largest distance of the two distribution functions over the rows that have a
    value, where the reference is the line through its quantile grid (jumping where values repeat); against this line it
    is exact, and the line is within 0.005 of the training rows.

    Args:
        profile: Reference of the training rows.
        frame: Current rows with the same columns.

    Returns:
        One row per feature, numbers first: `feature`, `kind` ("numeric" or "categorical"), `psi`, `ks` (NaN for
        categorical features and when a side has no values), `missing_share_reference`, `missing_share_current`,
        `row_count` (current rows).

    Raises:
        ContractError: Columns are not there.
        NotEnoughDataError: The frame has no rows.
    """
    import pandas as pd

    features = [entry.feature for entry in profile.numeric] + [entry.feature for entry in profile.categorical]
    _require_rows_and_columns(frame, features, "measure the drift of")
    lines = [
        *(_compare_numeric(entry, frame[entry.feature], profile.row_count) for entry in profile.numeric),
        *(_compare_categorical(entry, frame[entry.feature], profile.row_count) for entry in profile.categorical),
    ]
    columns = ["feature", "kind", "psi", "ks", "missing_share_reference", "missing_share_current"]
    return pd.DataFrame(lines, columns=columns).astype({"ks": "float64"}).assign(row_count=len(frame))


def _require_rows_and_columns(frame: pd.DataFrame, columns: Sequence[str], purpose: str) -> None:
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ContractError(f"Cannot {purpose} the features: the frame has no column {', '.join(missing)}.")
    if frame.empty:
        raise NotEnoughDataError(f"Cannot {purpose} the features: the frame has no rows.")


def _profile_numeric(column: pd.Series, feature: str) -> NumericProfile:
    import numpy as np

    values = _sorted_finite(column)
    missing_share = (len(column) - len(values)) / len(column)
    if not len(values):
        return NumericProfile(feature, (), (), missing_share)
    grid = np.quantile(values, np.linspace(0, 1, GRID_POINTS), method="inverted_cdf")
    unbinned = NumericProfile(feature, tuple(grid.tolist()), (), missing_share)
    bin_shares = _rows_per_bin(values, unbinned.bin_edges) / len(column)
    return NumericProfile(feature, unbinned.quantiles, tuple(bin_shares.tolist()), missing_share)


def _profile_categorical(column: pd.Series, feature: str) -> CategoricalProfile:
    rows_per_value = _rows_per_value(column)
    by_frequency = sorted(rows_per_value.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(rows for _, rows in by_frequency[COMMON_VALUES:])
    return CategoricalProfile(
        feature=feature,
        shares={value: rows / len(column) for value, rows in by_frequency[:COMMON_VALUES]},
        other_share=rest / len(column),
        missing_share=(len(column) - sum(rows_per_value.values())) / len(column),
    )


def _compare_numeric(reference: NumericProfile, column: pd.Series, reference_rows: int) -> tuple[Any, ...]:
    import numpy as np

    values = _sorted_finite(column)
    missing = len(column) - len(values)
    current_counts = [*_rows_per_bin(values, reference.bin_edges), missing]
    # A reference without any value has no bins: then every current value is in the one open bin.
    reference_shares = [*(reference.bin_shares or (0.0,)), reference.missing_share]
    psi = _population_stability(np.array(reference_shares) * reference_rows, np.array(current_counts))
    ks = _largest_distance(np.array(reference.quantiles), values) if reference.quantiles and len(values) else None
    return reference.feature, "numeric", psi, ks, reference.missing_share, missing / len(column)


def _compare_categorical(reference: CategoricalProfile, column: pd.Series, reference_rows: int) -> tuple[Any, ...]:
    import numpy as np

    rows_per_value = _rows_per_value(column)
    common = [rows_per_value.get(value, 0) for value in reference.shares]
    present = sum(rows_per_value.values())
    missing = len(column) - present
    psi = _population_stability(
        np.array([*reference.shares.values(), reference.other_share, reference.missing_share]) * reference_rows,
        np.array([*common, present - sum(common), missing]),
    )
    return reference.feature, "categorical", psi, None, reference.missing_share, missing / len(column)


def _sorted_finite(column: pd.Series) -> npt.NDArray[np.float64]:
    import numpy as np

    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.sort(values[np.isfinite(values)])


def _rows_per_value(column: pd.Series) -> dict[str, int]:
    import numpy as np
    import pandas as pd

    codes, values = pd.factorize(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    rows_per_value: dict[str, int] = {}
    for value, rows in zip(values, counts.tolist(), strict=True):
        rows_per_value[str(value)] = rows_per_value.get(str(value), 0) + rows
    return rows_per_value


def _rows_per_bin(ascending: npt.NDArray[np.float64], edges: Sequence[float]) -> npt.NDArray[np.int64]:
    import numpy as np

    return np.diff(np.searchsorted(ascending, edges, side="right"), prepend=0, append=len(ascending))


def _population_stability(reference_rows: npt.NDArray[Any], current_rows: npt.NDArray[Any]) -> float:
    import numpy as np

    reference, current = ((rows + PSEUDO_ROWS) / (rows.sum() + PSEUDO_ROWS * len(rows)) for rows in (reference_rows, current_rows))
    return float(((current - reference) * np.log(current / reference)).sum())


def _largest_distance(grid: npt.NDArray[np.float64], ascending: npt.NDArray[np.float64]) -> float:
    """Return the largest distance of the line through the quantile grid and the step function of the current values.

    Between two neighbouring points of either one the first is straight and the second flat, so it suffices to look just
    before and at each point.
    """
    import numpy as np

    points = np.union1d(grid, ascending)
    distances = [
        np.abs(_reference_share_below(grid, points, side) - np.searchsorted(ascending, points, side) / len(ascending))
        for side in ("left", "right")
    ]
    return float(np.max(distances))


def _reference_share_below(grid: npt.NDArray[np.float64], points: npt.NDArray[np.float64], side: Any) -> npt.NDArray[np.float64]:
    """Evaluate the reference distribution just before (`left`) or at (`right`) the points."""
    import numpy as np

    values, first, repeats = np.unique(grid, return_index=True, return_counts=True)
    levels = np.linspace(0, 1, len(grid))
    before, at = levels[first], levels[first + repeats - 1]
    upper = np.searchsorted(values, points, side)
    segment = upper.clip(1, max(len(values) - 1, 1))
    if len(values) == 1:
        return np.where(upper == 0, 0.0, 1.0)
    start, width = values[segment - 1], values[segment] - values[segment - 1]
    within = at[segment - 1] + (points - start) / width * (before[segment] - at[segment - 1])
    return np.where(upper == 0, 0.0, np.where(upper == len(values), 1.0, within))
