"""The assets of this domain."""

import dagster as dg
import pandas as pd

from mlops_assets.months import Month
from mlops_assets.orchestration.partitions import monthly_partitions
from mlops_assets.orchestration.table_assets import lake_asset, warehouse_asset

from ..contracts import MONTHLY_MEANS, STATION_NOTES, TEMPERATURES
from ..sources.sample import SampleWeather
from ..temperatures.means import mean_of_month

WEATHER_MONTHS = monthly_partitions("2024-01", "UTC")
STATIONS = dg.DynamicPartitionsDefinition(name="station")


@lake_asset(TEMPERATURES, partitions_def=WEATHER_MONTHS)
def temperatures(context: dg.AssetExecutionContext, weather_source: dg.ResourceParam[SampleWeather]) -> pd.DataFrame:
    """Read a month."""
    return weather_source.read_month(Month.parse(context.partition_key))


@warehouse_asset(MONTHLY_MEANS, partitions_def=WEATHER_MONTHS)
def monthly_means(context: dg.AssetExecutionContext, temperatures: pd.DataFrame) -> pd.DataFrame:
    """Sum a month up."""
    return mean_of_month(temperatures, Month.parse(context.partition_key))


@warehouse_asset(STATION_NOTES, partitions_def=STATIONS)
def station_notes(context: dg.AssetExecutionContext) -> pd.DataFrame:
    """Note that a station is there."""
    return pd.DataFrame({"station": [context.partition_key], "note": ["is there"]})


ASSETS = [temperatures, monthly_means, station_notes]
