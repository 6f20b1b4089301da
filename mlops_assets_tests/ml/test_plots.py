"""Figures are small PNG images, the same for the same input, and never fail for want of data."""

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.ml import plots

NAN = float("nan")
CALIBRATION = pd.DataFrame({"mean_probability": [0.1, 0.6], "observed_rate": [0.2, 0.5], "row_count": [30, 10]})
CORRELATION = pd.DataFrame([[1, -0.5], [-0.5, 1]], index=["hour", "distance_m"], columns=["hour", "distance_m"])
EMPTY_CALIBRATION = CALIBRATION.iloc[:0]

DRAWN: dict[str, Callable[[], bytes]] = {
    "confusion": lambda: plots.plot_confusion_matrix([[90, 5], [3, 2]], ["no arrest", "arrest"], "92 of 100 rows are right"),
    "ranking": lambda: plots.plot_ranking_curves([(0, 0), (0.2, 0.7), (1, 1)], [(0, 1), (1, 0.25)], 0.25, 0.75, 0.6),
    "calibration": lambda: plots.plot_calibration(CALIBRATION),
    "bars": lambda: plots.plot_bars(["THEFT OVER $500", "$5"], [0.3, -0.1], "Drift", "PSI (no unit)", limit=0.2, top=1),
    "correlation": lambda: plots.plot_correlation(CORRELATION, "Two features move apart"),
    "series over months": lambda: plots.plot_series(["2024-01", "2024-02"], {"crimes": [10, 20]}, "Crimes", "rows per month"),
    "series over periods": lambda: plots.plot_series(
        pd.period_range("2024-01", periods=40, freq="M"), {"crimes": range(40)}, "Crimes", "rows per month"
    ),
    "series over days": lambda: plots.plot_series(
        pd.date_range("2024-01-01", periods=3, tz="UTC"), {"city": [0.2, NAN, 0.3], "beat": [0.1, 0.1, 0.1]}, "Rate", "share"
    ),
}
WITHOUT_DATA: dict[str, Callable[[], bytes]] = {
    "confusion": lambda: plots.plot_confusion_matrix([], ["no", "yes"], "nothing"),
    "confusion of one class": lambda: plots.plot_confusion_matrix([[7, 0], [0, 0]], ["no", "yes"], "one class"),
    "ranking": lambda: plots.plot_ranking_curves([], [], NAN, NAN, NAN),
    "ranking of missing points": lambda: plots.plot_ranking_curves([(NAN, 1)], np.empty((0, 2)), 0, NAN, NAN),
    "calibration": lambda: plots.plot_calibration(EMPTY_CALIBRATION),
    "calibration of missing rates": lambda: plots.plot_calibration(CALIBRATION.assign(observed_rate=NAN)),
    "bars": lambda: plots.plot_bars([], [], "nothing", "share", limit=0.2),
    "bars of missing values": lambda: plots.plot_bars(["a", "b"], [None, float("inf")], "nothing", "share"),
    "correlation": lambda: plots.plot_correlation(pd.DataFrame(), "nothing"),
    "correlation of constants": lambda: plots.plot_correlation(CORRELATION * NAN, "nothing"),
    "series": lambda: plots.plot_series([], {}, "nothing", "rows"),
    "series of missing values": lambda: plots.plot_series(["2024-01"], {"crimes": [None]}, "nothing", "rows"),
    "series of zeros": lambda: plots.plot_series([1, 2], {"crimes": [0, 0]}, "nothing", "rows"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_same_input_gives_same_small_png(name: str) -> None:
    """A figure is a PNG below 60 KB of at least 600 px width, with equal bytes whenever it is drawn from equal numbers."""
    image = DRAWN[name]()
    width_px = struct.unpack(">I", image[16:20])[0]
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    assert width_px >= 600
    assert len(image) < 60_000
    assert DRAWN[name]() == image


@pytest.mark.parametrize("name", WITHOUT_DATA)
def test_missing_data_gives_a_figure_instead_of_an_error(name: str) -> None:
    """Empty and undefined input is drawn as such, because a plot must not fail the asset it illustrates."""
    assert WITHOUT_DATA[name]().startswith(b"\x89PNG\r\n\x1a\n")


def test_many_features_stay_small() -> None:
    """The largest figures, forty features and three hundred months, keep the size limit."""
    names = [f"feature_number_{number}" for number in range(40)]
    months = [str(month) for month in pd.period_range("2001-01", periods=300, freq="M")]
    correlations = pd.DataFrame(np.random.default_rng(7).uniform(-1, 1, (40, 40)), index=names, columns=names)
    assert len(plots.plot_correlation(correlations, "forty features")) < 60_000
    assert len(plots.plot_bars(names, range(40), "forty features", "score (no unit)", top=40)) < 60_000
    assert len(plots.plot_series(months, {"crimes": range(300)}, "three hundred months", "rows per month")) < 60_000


def test_axes_of_a_confusion_matrix_say_what_is_recorded_and_what_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are recorded classes and add up to 100 %, columns are predicted ones; each cell has its count and share of the row."""
    drawn: list[Any] = []
    monkeypatch.setattr(plots, "png", drawn.append)
    plots.plot_confusion_matrix([[90, 10], [3, 1]], ["no arrest", "arrest"], "Arrests")
    axes = drawn[0].axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "recorded (each row adds up to 100 %)")
    assert [text.get_text() for text in axes.texts] == [
        "90\n90.0% of recorded\nno arrest",
        "10\n10.0% of recorded\nno arrest",
        "3\n75.0% of recorded\narrest",
        "1\n25.0% of recorded\narrest",
    ]
