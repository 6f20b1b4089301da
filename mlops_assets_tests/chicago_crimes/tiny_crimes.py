"""Crimes and police stations for tests: tiny frames of which every column can be set, and a city that a model can learn."""

from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from mlops_assets.chicago_crimes.contracts import ENRICHED_CRIMES, POLICE_STATIONS, RAW_CRIMES
from mlops_assets.chicago_crimes.crimes.enrichment import enrich_crimes
from mlops_assets.chicago_crimes.modelling.preprocessing import fit_encoding
from mlops_assets.chicago_crimes.modelling.selection import select_features
from mlops_assets.chicago_crimes.modelling.training import train_arrest_model
from mlops_assets.chicago_crimes.modelling.training_window import build_training_window, split_training_window
from mlops_assets.contracts import TableContract
from mlops_assets.contracts.frames import to_arrow, to_pandas
from mlops_assets.ml.bundle import Bundle
from mlops_assets.ml.predictors import BinaryClassifier
from mlops_assets.ml.training import TrainedModel

SEED = 42
WINDOW = (datetime(2023, 1, 1, 6, tzinfo=timezone.utc), datetime(2024, 1, 1, 6, tzinfo=timezone.utc))

# Arrest rates by code: narcotics nearly always, theft hardly ever, and types whose codes differ.
ARREST_RATES = {
    "0110": ("HOMICIDE", 0.45),
    "0430": ("BATTERY", 0.30),
    "0460": ("BATTERY", 0.12),
    "0486": ("BATTERY", 0.20),
    "0560": ("ASSAULT", 0.15),
    "0810": ("THEFT", 0.02),
    "0820": ("THEFT", 0.05),
    "0860": ("THEFT", 0.75),
    "0910": ("MOTOR VEHICLE THEFT", 0.01),
    "1310": ("CRIMINAL DAMAGE", 0.03),
    "1330": ("CRIMINAL TRESPASS", 0.80),
    "1477": ("WEAPONS VIOLATION", 0.60),
    "1811": ("NARCOTICS", 0.98),
    "2027": ("NARCOTICS", 0.95),
}
_WEIGHTS = np.array([1, 8, 8, 20, 12, 22, 20, 6, 12, 20, 5, 3, 7, 3], dtype=float)
_PLACES = ("STREET", "RESIDENCE", "APARTMENT", "SIDEWALK", "SMALL RETAIL STORE", None)


def frame_of(contract: TableContract, **columns: Any) -> pd.DataFrame:
    """Return rows as the lake would give them; single values hold for every row."""
    return to_pandas(to_arrow(pd.DataFrame(columns), contract))


def police_stations(**columns: Any) -> pd.DataFrame:
    """Return two stations 20,000 feet apart on a west-east line, and Headquarters midway between them."""
    defaults = {
        "station_code": ["001", "002", "headquarters"],
        "district_code": ["001", "002", None],
        "station_name": ["East", "West", "Headquarters"],
        "is_headquarters": [False, False, True],
        "address": "1 S STATE ST",
        "zip_code": "60605",
        "x_ft": [1_176_000.0, 1_156_000.0, 1_166_000.0],
        "y_ft": 1_890_000.0,
        "latitude_deg": 41.85,
        "longitude_deg": [-87.63, -87.70, -87.665],
    }
    return frame_of(POLICE_STATIONS, **{**defaults, **columns})


def raw_crimes(**columns: Any) -> pd.DataFrame:
    """Return crimes with the columns given, of which the longest sets their number, and plausible others."""
    rows = _row_count(columns)
    defaults = {
        "crime_id": np.arange(rows) + 1,
        "case_number": "JG100000",
        "occurred_at": pd.date_range("2024-01-15 12:00", periods=rows, freq="min", tz="UTC"),
        "block": "001XX S STATE ST",
        "iucr_code": "0486",
        "primary_type": "BATTERY",
        "description": "DOMESTIC BATTERY SIMPLE",
        "location_description": "STREET",
        "is_arrest": False,
        "is_domestic": False,
        "beat_code": "0111",
        "district_code": "001",
        "ward_code": "42",
        "community_area_code": "32",
        "fbi_code": "08B",
        "x_ft": 1_176_000.0,
        "y_ft": 1_900_000.0,
        "updated_at": pd.Timestamp("2024-02-01", tz="UTC"),
        "latitude_deg": 41.8810,
        "longitude_deg": -87.6280,
        "source_name": "crimes.csv",
        "unread_values": None,
    }
    frame = pd.DataFrame({**defaults, **columns}, index=range(rows))
    return to_pandas(to_arrow(frame[RAW_CRIMES.column_names], RAW_CRIMES))


def enriched_crimes(**columns: Any) -> pd.DataFrame:
    """Return crimes as `enriched_crimes` holds them; columns of `raw_crimes` are set before enriching, others after."""
    columns = {"crime_id": np.arange(_row_count(columns)) + 1, **columns}
    raw = {name: values for name, values in columns.items() if name in RAW_CRIMES.column_names}
    added = {name: values for name, values in columns.items() if name not in raw}
    enriched = enrich_crimes(raw_crimes(**raw), police_stations()).assign(**added)
    return to_pandas(to_arrow(enriched, ENRICHED_CRIMES))


def _row_count(columns: dict[str, Any]) -> int:
    return max([1, *(len(values) for values in columns.values() if isinstance(values, list | np.ndarray | pd.Index))])


def learnable_crimes(rows: int = 5_000, seed: int = SEED, weights: np.ndarray = _WEIGHTS) -> pd.DataFrame:
    """Return the enriched crimes of 2023 of a city where arrests depend on the code, the place and the hour.

    Two in a hundred have no position; places and districts are missing now and then.

    Args:
        rows: how many.
        seed: of everything random.
        weights: how common each code of `ARREST_RATES` is.
    """
    random = np.random.default_rng(seed)
    codes = list(ARREST_RATES)
    code = random.choice(len(codes), rows, p=weights / weights.sum())
    start, end = (pd.Timestamp(moment) for moment in WINDOW)
    occurred_at = start + pd.to_timedelta(np.sort(random.integers(0, int((end - start).total_seconds()), rows)), unit="s")
    place = random.integers(0, len(_PLACES), rows)
    rate = np.array([ARREST_RATES[name][1] for name in codes])[code]
    night = (occurred_at.hour < 6).astype(float)
    odds = rate / (1 - rate) * np.exp(0.5 * (place == 3) - 0.4 * (place == 1) + 0.3 * night)
    area = random.integers(1, 78, rows)
    located = random.random(rows) > 0.02
    return enriched_crimes(
        crime_id=np.arange(rows) + 10_000_000,
        occurred_at=occurred_at,
        updated_at=occurred_at + pd.Timedelta(days=7),
        iucr_code=np.array(codes, dtype=object)[code],
        primary_type=np.array([ARREST_RATES[name][0] for name in codes], dtype=object)[code],
        location_description=np.array(_PLACES, dtype=object)[place],
        is_arrest=random.random(rows) < odds / (1 + odds),
        is_domestic=random.random(rows) < 0.15,
        community_area_code=area.astype(str).astype(object),
        district_code=pd.Series(1 + area // 10).astype(str).str.zfill(3).where(random.random(rows) > 0.01).to_numpy(),
        x_ft=np.where(located, random.normal(1_166_000, 8_000, rows), np.nan),
        y_ft=np.where(located, random.normal(1_890_000, 12_000, rows), np.nan),
        latitude_deg=np.nan,
        longitude_deg=np.nan,
    )


@dataclass(frozen=True)
class Prepared:
    """Everything that a model is trained on and judged by; shared by tests, which must not change it."""

    window: pd.DataFrame
    development: pd.DataFrame
    test: pd.DataFrame
    encoding: Pipeline
    encoded: pd.DataFrame
    selected: pd.DataFrame


@cache
def prepared() -> Prepared:
    """Return the learnable city's window, split and with its columns selected."""
    window = build_training_window(learnable_crimes(), ["2023-01"], minimum_months=1, minimum_rows=1_000)
    development, test = split_training_window(window, "time", 0.2, 0.2)
    return Prepared(window, development, test, *fit_encoding(development), select_features(development, 0.0005, seed=SEED))


def train_again(**changes: Any) -> TrainedModel:
    """Train a model on the learnable city, the defaults of each candidate alone, with some arguments changed.

    On one thread: for so few rows, threads that wait for each other on a busy machine cost ten times what they save.
    """
    development = changes.get("development", prepared().development)
    encoding, encoded = fit_encoding(development) if "development" in changes else (prepared().encoding, prepared().encoded)
    arguments = {
        "development": development,
        "encoding": encoding,
        "encoded_train": encoded,
        "selected_features": prepared().selected,
        "stations": police_stations(),
        "window": WINDOW,
        "tuning_trials": 0,
        "time_budget_seconds": 600.0,
        "seed": SEED,
    }
    with threadpool_limits(1):
        return train_arrest_model(**{**arguments, **changes})


@cache
def trained() -> TrainedModel:
    """Return the model of `train_again` without changes, trained once for all tests."""
    return train_again()


@cache
def useless_bundle() -> Bundle[BinaryClassifier]:
    """Return a bundle whose estimator saw shuffled outcomes: of the right form, and it knows nothing."""
    development = prepared().development
    shuffled = np.random.default_rng(1).permutation(development["is_arrest"].to_numpy(dtype=bool))
    return train_again(development=development.assign(is_arrest=shuffled), time_budget_seconds=0.0).bundle
