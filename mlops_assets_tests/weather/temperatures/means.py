"""Means of months."""

import pandas as pd

from mlops_assets.months import Month


def mean_of_month(temperatures: pd.DataFrame, month: Month) -> pd.DataFrame:
    """Return the one row of `monthly_means` of a month."""
    return pd.DataFrame({"month": [month.first_day], "temperature_c": [temperatures["temperature_c"].mean()]})
