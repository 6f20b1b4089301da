"""Stores with a little of everything that pages show: two months of crimes, three days of parking, forty songs, two champions."""

from datetime import date, datetime, timezone
from typing import Any

import numpy as np
import pandas as pd

from mlops_assets.chicago_crimes.contracts import ENRICHED_CRIMES, POLICE_STATIONS
from mlops_assets.chicago_crimes.model_contracts import ARREST_CHAMPION, ARREST_DRIFT, ARREST_EVALUATION, ARREST_PREDICTIONS
from mlops_assets.contracts import Column, TableContract
from mlops_assets.contracts.frames import to_arrow, to_pandas
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID, HOURLY_FREE, READINGS, REJECTED_READINGS
from mlops_assets.donostia_parking.model_contracts import FORECAST_ACCURACY, FORECAST_CHAMPION, FORECAST_METRICS, FORECASTS
from mlops_assets.partition import Partition
from mlops_assets.settings import Settings
from mlops_assets.song_preference.contracts import DATASET
from mlops_assets.stores.lake import LakeAddress
from mlops_assets.stores.registry import Stores
from mlops_assets_tests.chicago_crimes.tiny_crimes import enriched_crimes, police_stations
from mlops_assets_tests.donostia_parking.hours import hourly_rows
from mlops_assets_tests.tiny_bundle import tiny_bundle

NOW = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
DAYS = ("2024-01-15", "2024-01-16", "2024-01-17")
CAR_PARK = "12598E650F907CF7C1257D6B0031061A"
_PLAIN: dict[str, Any] = {"string": "x", "json": "{}", "bool": False, "date": date(2024, 1, 15), "timestamp": NOW}


def rows_of(contract: TableContract, **columns: Any) -> pd.DataFrame:
    """Return rows with the columns given, and whatever is allowed in the others."""
    plain = {column.name: _plain(column) for column in contract.columns if column.name not in columns}
    count = max(len(values) for values in columns.values() if isinstance(values, list | np.ndarray | pd.Index))
    frame = pd.DataFrame({name: columns.get(name, plain.get(name)) for name in contract.column_names}, index=range(count))
    return to_pandas(to_arrow(frame, contract))


def _plain(column: Column) -> Any:
    if column.nullable:
        return None
    if column.allowed:
        return column.allowed[0]
    return _PLAIN.get(column.type, column.minimum or 0)


def fill(settings: Settings) -> Stores:
    """Write everything into the stores of the settings."""
    stores = settings.build_stores()
    fill_songs(stores)
    fill_chicago(stores)
    fill_donostia(stores)
    fill_models(stores)
    return stores


def fill_songs(stores: Stores) -> None:
    """Write forty songs of two listeners; those that one can dance to are liked."""
    danceability = np.linspace(0.1, 0.9, 40)
    songs = rows_of(
        DATASET,
        listener=["ana", "luis"] * 20,
        song_key=[f"{number:016x}" for number in range(40)],
        title=[f"Song {number}" for number in range(40)],
        danceability=danceability,
        energy=np.linspace(0.2, 0.8, 40)[::-1],
        acousticness=np.tile([0.1, 0.5], 20),
        tempo=[None, *np.linspace(80, 160, 39)],
        is_liked=danceability > 0.5,
    )
    write(stores, DATASET, None, songs)


def fill_chicago(stores: Stores) -> None:
    """Write two months: east of the town one crime in two led to an arrest, west of it none; one crime has no position."""
    write(stores, POLICE_STATIONS, None, police_stations())
    warehouse = stores.warehouse(ARREST_PREDICTIONS.domain)
    for month, first in (("2024-01", 1), ("2024-02", 101)):
        crimes = enriched_crimes(
            crime_id=np.arange(first, first + 7),
            district_code=["001"] * 4 + ["002"] * 3,
            is_arrest=[True, True, False, False, False, False, False],
            x_ft=[1_176_000.0] * 4 + [1_156_000.0] * 2 + [None],
            y_ft=[1_890_000.0] * 6 + [None],
            latitude_deg=[41.85] * 6 + [None],
            longitude_deg=[-87.63] * 4 + [-87.70] * 2 + [None],
        )
        write(stores, ENRICHED_CRIMES, Partition("month", month), crimes)
        day = date.fromisoformat(f"{month}-01")
        predictions = rows_of(
            ARREST_PREDICTIONS,
            month=day,
            crime_id=np.arange(first, first + 7),
            arrest_probability=[0.5] * 4 + [0.1] * 3,
            model_version=1,
        )
        warehouse.replace_partition(ARREST_PREDICTIONS, Partition("month", month), predictions)
        drift = rows_of(
            ARREST_DRIFT,
            month=day,
            feature=["primary_type", "local_hour", "auc"],
            kind=["categorical", "numeric", "quality"],
            psi=[0.3, 0.05, None],
            reference_value=[None, None, 0.9],
            current_value=[None, None, 0.85],
            model_version=1,
        )
        warehouse.replace_partition(ARREST_DRIFT, Partition("month", month), drift)
    evaluation = rows_of(
        ARREST_EVALUATION,
        month=date(2024, 1, 1),
        predictor=["model", "majority_class", "base_rate_by_type"],
        slice_kind="all",
        slice="all",
        log_loss=[0.2, 0.5, 0.3],
        auc=[0.9, 0.5, 0.8],
        model_version=1,
    )
    warehouse.replace_partition(ARREST_EVALUATION, Partition("month", "2024-01"), evaluation)
    decisions = rows_of(ARREST_CHAMPION, challenger_version=[1], decision="promote_first", reason="There was no champion.")
    warehouse.upsert(ARREST_CHAMPION, decisions)


def fill_donostia(stores: Stores) -> None:
    """Write three days of one car park, and forecasts of the last one from the end of the day before."""
    series: dict[str, Any] = {CAR_PARK: np.tile(np.arange(24.0), len(DAYS)) + 100}
    hours = hourly_rows(pd.Timestamp(DAYS[0], tz="Europe/Madrid").tz_convert("UTC"), **series)
    for day in DAYS:
        partition = Partition("day", day)
        write(stores, HOURLY_FREE, partition, hours[hours["local_date"].astype(str) == day])
        write(stores, READINGS, partition, rows_of(READINGS, car_park_id=[CAR_PARK], car_park_name="Arcco"))
        rejected = rows_of(REJECTED_READINGS, source_name=["a"]) if day == DAYS[0] else rows_of(REJECTED_READINGS, source_name=[])
        write(stores, REJECTED_READINGS, partition, rejected)
    warehouse, issued = stores.warehouse(FORECASTS.domain), date.fromisoformat(DAYS[1])
    for contract, column, changes in (
        (FORECASTS, "issue_date", {"forecast_spaces": 110.0, "low_80_spaces": 100.0, "high_80_spaces": 120.0}),
        (FORECAST_METRICS, "issue_date", {"mae_spaces": 5.0, "seasonal_naive_mae_spaces": 10.0, "skill": 0.5, "coverage_80": 0.8}),
        (FORECAST_ACCURACY, "local_date", {"error_spaces": 6.0, "seasonal_naive_error_spaces": -8.0}),
    ):
        of_day = issued if column == "issue_date" else date.fromisoformat(DAYS[2])
        ahead = np.arange(25) if contract is FORECAST_METRICS else np.arange(1, 25)
        hour_at = pd.date_range(pd.Timestamp(DAYS[2], tz="Europe/Madrid"), periods=len(ahead), freq="h").tz_convert("UTC")
        rows = pd.concat(
            rows_of(
                contract,
                **{
                    column: of_day,
                    "car_park_id": car_park,
                    "horizon_hours": ahead,
                    "model_version": 1,
                    **({} if contract is FORECAST_METRICS else {"hour_at": hour_at, "is_city_total": car_park == CITY_TOTAL_ID}),
                    **changes,
                },
            )
            for car_park in (CAR_PARK, CITY_TOTAL_ID)
        )
        warehouse.replace_partition(contract, Partition(column, str(of_day)), rows)
    warehouse.upsert(FORECAST_CHAMPION, rows_of(FORECAST_CHAMPION, challenger_version=[1], reason="There was no champion."))


def fill_models(stores: Stores) -> None:
    """Register a champion and a challenger of the arrest model, and a champion of the forecast model."""
    registry = stores.models()
    for name, partition, fingerprint in (
        ("chicago_crimes.arrest_model", "2024-01", "a" * 64),
        ("donostia_parking.forecast_model", "2024-01-16", "b" * 64),
    ):
        version = registry.save(
            tiny_bundle(fingerprint=fingerprint), model_name=name, asset=name.replace(".", "/"), partition=partition, now=NOW
        )
        registry.promote(version, now=NOW)
    challenger = tiny_bundle(fingerprint="c" * 64)
    name = "chicago_crimes.arrest_model"
    registry.mark_challenger(
        registry.save(challenger, model_name=name, asset="chicago_crimes/arrest_model", partition="2024-02", now=NOW)
    )


def write(stores: Stores, contract: TableContract, partition: Partition | None, frame: pd.DataFrame) -> None:
    """Write a partition of a table into the lake."""
    address = LakeAddress((contract.domain, contract.name), partition)
    stores.lake(contract.domain).write(address, to_arrow(frame.reset_index(drop=True), contract))
