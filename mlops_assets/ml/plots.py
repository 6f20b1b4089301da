"""Draw figures as PNG bytes: small enough to be kept as metadata, readable at 600 px, safe for colour-blind readers.

What belongs here: pure functions from numbers to bytes. The same input gives the same bytes, and too little or missing data
gives a figure that says so instead of an error, because a plot must never fail the asset that it illustrates. Figures are made
without pyplot and its global state, so that steps in threads cannot draw into each other. scikit-learn's displays are not used:
they show neither shares of a recorded class nor the rows behind a point of calibration, cannot draw missing data, import pyplot,
and leave titles, axes and colours to be set again.
"""

from __future__ import annotations

import textwrap
from datetime import date
from typing import TYPE_CHECKING, Any

from mlops_assets.ml.figures import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    SERIES_LOOKS,
    SKY,
    SMALL_PT,
    WIDTH_IN,
    as_matrix,
    as_numbers,
    as_pairs,
    new_figure,
    number_text,
    one_axes,
    plain,
    png,
    say_no_data,
    style,
    thousands,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

    from mlops_assets.ml.figures import Numbers

_MANY_LABELS = 12
"""Beyond this number of rows a correlation matrix shows colours only and a series hides some of its tick labels."""


def plot_confusion_matrix(counts: Numbers, labels: Sequence[str], title: str) -> bytes:
    """Draw a confusion matrix: of each recorded class, a row, how many were predicted as which, and their share of the row.

    Args:
        counts: how many, recorded class by row and predicted class by column; of two classes
            `[[true negatives, false positives], [false negatives, true positives]]`.
        labels: names of the classes, of two the negative one first.
        title: what is seen.
    """
    import numpy as np

    matrix = as_matrix(counts, (len(labels), len(labels)))
    totals = np.nansum(matrix, axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.full(matrix.shape, np.nan), where=totals > 0)
    figure, axes = one_axes(title, height_in=4.2)
    axes.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    names = [plain(name) for name in labels]
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names, rotation=90, va="center")
    axes.set_xlabel("predicted")
    axes.set_ylabel("recorded (each row adds up to 100 %)")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for (row, column), count in np.ndenumerate(matrix):
        share = shares[row, column]
        text = "no data" if np.isnan(share) else f"{count:,.0f}\n{share:.1%} of recorded\n{plain(str(labels[row]))}"
        axes.text(column, row, text, ha="center", va="center", fontsize=12, color="white" if share > 0.55 else INK)
    return png(figure)


def plot_ranking_curves(roc_points: Numbers, pr_points: Numbers, base_rate: float, auc: float, average_precision: float) -> bytes:
    """Draw the ROC and the precision-recall curve side by side, each with the line of a model that knows nothing.

    Args:
        roc_points: pairs of false positive rate and true positive rate, both 0 to 1, shape `(n, 2)`.
        pr_points: pairs of recall and precision, both 0 to 1, shape `(m, 2)`.
        base_rate: share of positive rows, the precision of guessing.
        auc: area under the ROC curve.
        average_precision: average precision.
    """
    title = (
        f"The model ranks with AUC {number_text(auc)} (guessing: 0.500) "
        f"and average precision {number_text(average_precision)} (guessing: {number_text(base_rate)})"
    )
    figure = new_figure(title, height_in=4.4, width_in=8)
    left, right = figure.subplots(1, 2)
    _draw_curve(left, "ROC", roc_points, guess=(0, 1))
    left.set(xlabel="false positive rate (share of actual negatives)", ylabel="true positive rate (share of actual positives)")
    left.legend(loc="lower right", frameon=False, fontsize=SMALL_PT)
    _draw_curve(right, "Precision and recall", pr_points, guess=(base_rate, base_rate))
    right.set(xlabel="recall (share of actual positives found)", ylabel="precision (share of alarms that are right)")
    right.legend(loc="best", frameon=False, fontsize=SMALL_PT)
    return png(figure)


def plot_calibration(table: pd.DataFrame) -> bytes:
    """Draw observed rates over predicted probabilities, with the number of rows behind each point below.

    Args:
        table: one row per probability bin: `mean_probability` and `observed_rate` (both 0 to 1) and `row_count`.
    """
    import numpy as np

    known = table[["mean_probability", "observed_rate", "row_count"]].astype("float64").dropna()
    known = known[known["row_count"] > 0].sort_values("mean_probability")
    predicted, observed, rows = (known[name].to_numpy() for name in known.columns)
    title = "Calibration: predicted and observed rates"
    if len(known):
        gap_points = 100 * float(np.average(np.abs(predicted - observed), weights=rows))
        title = f"{title} differ by {gap_points:.1f} percentage points on average"
    figure = new_figure(title, height_in=5)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    style(upper)
    style(lower)
    upper.plot([0, 1], [0, 1], linestyle="--", color=MUTED, linewidth=1.2, label="predicted = observed")
    upper.plot(predicted, observed, color=BLUE, linewidth=2, marker="o", markersize=6, label="model")
    upper.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="observed rate (share of rows)")
    upper.legend(loc="upper left", frameon=False, fontsize=SMALL_PT)
    lower.bar(predicted, rows, width=0.02, color=SKY)
    lower.set(xlabel="predicted probability (mean of the bin)", ylabel="rows")
    lower.yaxis.set_major_formatter(thousands)
    lower.locator_params(axis="y", nbins=3)
    if not len(known):
        say_no_data(upper)
        say_no_data(lower)
    return png(figure)


def plot_bars(
    names: Sequence[str], values: Numbers, title: str, axis_label: str, limit: float | None = None, top: int = 20
) -> bytes:
    """Draw the largest values as horizontal bars, largest first; bars beyond `limit` differ in colour and hatching.

    Args:
        names: what each value belongs to.
        values: one number per name; missing ones are listed last, without a bar.
        title: what is seen. The number of values beyond the limit, or left out, is added.
        axis_label: quantity and unit.
        limit: a value from which on bars are marked, drawn as a line.
        top: how many bars to show at most.
    """
    import numpy as np

    numbers = as_numbers(values)
    order = np.argsort(-np.nan_to_num(numbers, nan=-np.inf), kind="stable")[:top]
    shown = numbers[order]
    notes = []
    if limit is not None:
        notes.append(f"{int(np.sum(numbers >= limit))} of {len(numbers)} at or above {limit:g}")
    if len(numbers) > len(shown):
        notes.append(f"the {len(shown)} largest of {len(numbers)}")
    figure, axes = one_axes(f"{title} ({'; '.join(notes)})" if notes else title, height_in=1.5 + 0.27 * max(len(shown), 3))
    axes.grid(visible=False, axis="y")
    if len(shown):
        _draw_bars(axes, [str(names[place]) for place in order], shown, limit)
    else:
        say_no_data(axes)
    if limit is not None:
        axes.axvline(limit, color=ORANGE, linestyle="--", linewidth=1.5)
    axes.set_xlabel(plain(axis_label))
    return png(figure)


def plot_correlation(matrix: pd.DataFrame, title: str) -> bytes:
    """Draw a square table of correlations (-1 to 1) as colours from red (negative) to blue (positive), numbered if small.

    Args:
        matrix: correlations with the same names as index and columns; missing ones stay grey.
        title: what is seen.
    """
    import numpy as np
    from matplotlib import colormaps

    numbers = as_matrix(matrix.to_numpy(dtype="float64"), matrix.shape)
    size = len(numbers)
    side_in = min(WIDTH_IN + 0.3, max(4.2, 2.2 + 0.35 * size))
    figure, axes = one_axes(title, height_in=side_in)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    if not size:
        say_no_data(axes)
        return png(figure)
    colours = colormaps["RdBu"].resampled(21).with_extremes(bad="#BBBBBB")
    image = axes.imshow(np.ma.masked_invalid(numbers), cmap=colours, vmin=-1, vmax=1, aspect="auto")
    font_pt = max(5, min(SMALL_PT, 280 / size))
    axes.set_xticks(range(size), [plain(name) for name in matrix.columns], rotation=90, fontsize=font_pt)
    axes.set_yticks(range(size), [plain(name) for name in matrix.index], fontsize=font_pt)
    if size <= _MANY_LABELS:
        for (row, column), value in np.ndenumerate(numbers):
            if not np.isnan(value):
                colour = "white" if abs(value) > 0.6 else INK
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8, color=colour)
    figure.colorbar(image, ax=axes, label="correlation (no unit)", shrink=0.8)
    return png(figure)


def plot_series(x: Sequence[Any] | pd.Index, series: Mapping[str, Numbers], title: str, axis_label: str) -> bytes:
    """Draw one or several series over months, days or numbers. A missing value is a gap in the line.

    Args:
        x: common positions in order: dates, timestamps or numbers; anything else, such as partition keys, is evenly spaced text.
        series: name to values, one per position.
        title: what is seen.
        axis_label: quantity and unit of the values.
    """
    import numpy as np

    figure, axes = one_axes(title, height_in=3.8)
    positions = list(x)
    is_text = not all(isinstance(position, (int, float, np.number, date, np.datetime64)) for position in positions)
    places = np.arange(len(positions)) if is_text else positions
    marker = "o" if len(positions) <= 3 * _MANY_LABELS else None
    lines = {name: as_numbers(values) for name, values in series.items()}
    for index, (name, numbers) in enumerate(lines.items()):
        colour, dashes = SERIES_LOOKS[index % len(SERIES_LOOKS)]
        axes.plot(places, numbers, color=colour, ls=dashes, linewidth=2, marker=marker, markersize=4, label=plain(name))
    known = np.concatenate([np.empty(0), *lines.values()])
    known = known[~np.isnan(known)]
    if not len(known):
        say_no_data(axes)
    elif known.min() >= 0:
        axes.set_ylim(0, 1.06 * known.max() or 1)
    if is_text:
        step = -(-len(positions) // _MANY_LABELS)
        axes.set_xticks(places[::step], [plain(position) for position in positions[::step]])
    if is_text or any(isinstance(position, (date, np.datetime64)) for position in positions):
        axes.tick_params(axis="x", labelrotation=35)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
    if len(lines) > 1:
        axes.legend(frameon=False, fontsize=SMALL_PT)
    axes.set_ylabel(plain(axis_label))
    axes.yaxis.set_major_formatter(thousands)
    return png(figure)


def _draw_curve(axes: Axes, title: str, points: Numbers, guess: tuple[float, float]) -> None:
    """Draw a curve in the unit square beside the straight line of a model that guesses."""
    style(axes, title)
    x, y = as_pairs(points)
    axes.plot([0, 1], guess, linestyle="--", color=MUTED, linewidth=1.2, label="guessing")
    axes.plot(x, y, color=BLUE, linewidth=2, label="model")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    if not len(x):
        say_no_data(axes)


def _draw_bars(axes: Axes, names: list[str], values: np.ndarray, limit: float | None) -> None:
    """Draw one bar per value from the top down and write the value beside it."""
    import numpy as np

    lengths = np.nan_to_num(values)
    beyond = np.zeros(len(values), dtype=bool) if limit is None else values >= limit
    bars = axes.barh(range(len(values)), lengths, height=0.72, color=np.where(beyond, ORANGE, BLUE))
    for bar, is_beyond in zip(bars, beyond, strict=True):
        bar.set_hatch("//" if is_beyond else "")
        bar.set_edgecolor("white")
    axes.set_yticks(range(len(values)), [plain(textwrap.shorten(name, 36, placeholder="…")) for name in names])
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    for place, (value, length) in enumerate(zip(values, lengths, strict=True)):
        text = "missing" if np.isnan(value) else f"{value:.3g}"
        offset = (4, 0) if length >= 0 else (-4, 0)
        side = "left" if length >= 0 else "right"
        axes.annotate(text, (length, place), offset, textcoords="offset points", va="center", ha=side, fontsize=SMALL_PT)
    reach = [*lengths, 0, *([] if limit is None else [limit])]
    low, high = min(reach), max(reach)
    margin = 0.12 * ((high - low) or 1)
    axes.set_xlim(low - margin if low < 0 else 0, high + margin)
