"""A simulated climate."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlops_assets.months import Month


@dataclass(frozen=True)
class SampleWeather:
    """Days of an imaginary place; everything follows from the seed."""

    seed: int

    def read_month(self, month: Month) -> pd.DataFrame:
        """Return `measured_date` and `temperature_c` of every day of a month."""
        days = pd.date_range(month.first_day, month.plus(1).first_day, inclusive="left")
        noise = np.random.default_rng([self.seed, month.year, month.month]).normal(size=len(days))
        return pd.DataFrame({"measured_date": days.date, "temperature_c": 12.0 + noise})
