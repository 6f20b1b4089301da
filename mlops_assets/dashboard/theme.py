"""The colours of the dashboard, each of one meaning on all pages."""

from typing import Literal

MODEL = "#2563eb"
"""What a model says."""
OBSERVED = "#0f172a"
"""What happened."""
BASELINE = "#94a3b8"
"""What models are compared with, and whatever stands in the background."""
DOUBTFUL = "#eab308"
WARNING = "#ea580c"
"""What may be wrong, and what is beyond a limit."""
YES = "#0d9488"
NO = "#d97706"
"""The two sides of a label."""
SEQUENTIAL: Literal["blues"] = "blues"
DIVERGING: Literal["blueorange"] = "blueorange"
"""Colour schemes of Vega, for amounts and for what lies on both sides of 0."""
