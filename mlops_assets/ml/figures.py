"""The look shared by all figures, and the way from a figure to PNG bytes.

What belongs here: colours, sizes, and helpers that know matplotlib but not what is drawn. The figures themselves are in `plots`.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

    Numbers: TypeAlias = ArrayLike | Sequence[float | None]

# Colours of Okabe and Ito, told apart with every common colour vision deficiency; line styles repeat the distinction in grey print.
BLUE, ORANGE, SKY = "#0072B2", "#D55E00", "#56B4E9"
SERIES_LOOKS = ((BLUE, "-"), (ORANGE, "--"), ("#009E73", "-."), ("#CC79A7", ":"), (SKY, "-"), ("#E69F00", "--"))
"""Colour and line style of the first, second ... series of a plot."""
INK, MUTED, GRID = "#222222", "#6B6B6B", "#E3E3E3"
TEXT_PT, SMALL_PT = 10, 9
WIDTH_IN = 6.4
_DOTS_PER_INCH = 125
"""800 px wide: sharp where the UI shows 600 px, and far below 60 KB."""
_TITLE_CHARACTERS = 72


def new_figure(title: str, height_in: float, width_in: float = WIDTH_IN) -> Figure:
    """Return an empty figure with its title at the left edge, broken into lines of similar length."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), dpi=_DOTS_PER_INCH, layout="constrained")
    line_count = len(textwrap.wrap(title, _TITLE_CHARACTERS))
    lines = textwrap.wrap(title, min(_TITLE_CHARACTERS, len(title) // max(line_count, 1) + 8))
    figure.suptitle(plain("\n".join(lines)), x=0.01, ha="left", fontsize=11, color=INK)
    return figure


def one_axes(title: str, height_in: float) -> tuple[Figure, Axes]:
    """Return a new figure with one pair of axes in the common look."""
    figure = new_figure(title, height_in)
    axes = figure.subplots()
    style(axes)
    return figure, axes


def style(axes: Axes, title: str = "") -> None:
    """Give axes the common look; values are explicit because a person's matplotlibrc must not change a figure."""
    axes.set_title(plain(title), fontsize=TEXT_PT, color=INK, loc="left", pad=8)
    axes.set_axisbelow(True)
    axes.grid(color=GRID, linewidth=0.8)
    axes.tick_params(labelsize=SMALL_PT, colors=INK)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_fontsize(TEXT_PT)
        label.set_color(INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)


def png(figure: Figure) -> bytes:
    """Render with 128 colours, a third of the bytes of a full-colour image, and without metadata that names versions."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.frombytes("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
    buffer = io.BytesIO()
    image.quantize(128, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def say_no_data(axes: Axes) -> None:
    """Write so in the middle, and remove the ticks, which would be numbers that mean nothing."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", va="center", fontsize=14, color=MUTED)


def plain(text: object) -> str:
    """Keep dollar signs, as in "theft over $500", from being read as formulas."""
    return str(text).replace("$", r"\$")


def number_text(value: float) -> str:
    """Write a score with three decimals, or say that it is unknown."""
    return "unknown" if value is None or value != value else f"{value:.3f}"


def thousands(value: float, _position: float = 0) -> str:
    """Write a tick's value with separators, as matplotlib's formatters are called."""
    return f"{value:,.10g}"


def as_numbers(values: Numbers) -> np.ndarray:
    """Return values as floats, with everything that cannot be drawn as NaN."""
    import numpy as np
    import pandas as pd

    numbers = pd.to_numeric(pd.Series(np.asarray(values).ravel()), errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def as_matrix(values: Numbers, shape: tuple[int, int]) -> np.ndarray:
    """Return values as floats of a shape; too few of them, such as none, as missing."""
    import numpy as np

    numbers = as_numbers(values)
    return numbers.reshape(shape) if numbers.size == shape[0] * shape[1] else np.full(shape, np.nan)


def as_pairs(points: Numbers) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of an `(n, 2)` array without its incomplete rows."""
    import numpy as np

    numbers = as_numbers(points)
    rows = numbers.reshape(-1, 2) if numbers.size % 2 == 0 else np.empty((0, 2))
    rows = rows[~np.isnan(rows).any(axis=1)]
    return rows[:, 0], rows[:, 1]
