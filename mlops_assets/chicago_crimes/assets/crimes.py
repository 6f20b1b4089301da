"""Assets: police stations and crimes, from the source to enriched rows."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd
from pydantic import Field

from mlops_assets.chicago_crimes.assets.checks import READS_OPTIONAL_VALUES
from mlops_assets.chicago_crimes.assets.policies import CRIMES_FRESHNESS, FOLLOW_CRIMES
from mlops_assets.chicago_crimes.contracts import ENRICHED_CRIMES, EXPORT_FILES, POLICE_STATIONS, RAW_CRIMES, REJECTED_CRIMES
from mlops_assets.chicago_crimes.crimes.enrichment import enrich_crimes
from mlops_assets.chicago_crimes.crimes.parsing import parse_crimes, parse_stations
from mlops_assets.chicago_crimes.partitions import CRIME_MONTHS
from mlops_assets.chicago_crimes.sources.base import CrimeSource
from mlops_assets.months import Month
from mlops_assets.orchestration.asset_specs import asset_key, lake_table
from mlops_assets.orchestration.export_accounts import export_files_asset
from mlops_assets.orchestration.failures import error_context, retrying_transient_errors
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.run_config import StepConfig
from mlops_assets.orchestration.table_assets import check_specs, lake_asset, validated


@lake_asset(POLICE_STATIONS)
def police_stations(context: dg.AssetExecutionContext, crime_source: dg.ResourceParam[CrimeSource]) -> pd.DataFrame:
    context.add_asset_metadata({"source": crime_source.describe()})
    with retrying_transient_errors(), error_context(POLICE_STATIONS.label):
        return parse_stations(crime_source.read_stations())


class RawCrimesConfig(StepConfig):
    """Whether the portal is asked."""

    replay: bool = Field(
        default=False,
        description="Parse again what the portal last gave for each month, without asking it; other sources are read.",
    )


@dg.multi_asset(
    outs={
        "raw_crimes": dg.AssetOut(**lake_table(RAW_CRIMES), dagster_type=PartitionedFrames, freshness_policy=CRIMES_FRESHNESS),
        "rejected_crimes": dg.AssetOut(**lake_table(REJECTED_CRIMES), dagster_type=PartitionedFrames),
    },
    check_specs=check_specs(RAW_CRIMES, REJECTED_CRIMES, partitions=CRIME_MONTHS, checks=(READS_OPTIONAL_VALUES,)),
    partitions_def=CRIME_MONTHS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
@validated(RAW_CRIMES, REJECTED_CRIMES, checks=(READS_OPTIONAL_VALUES,))
def raw_crimes(
    context: dg.AssetExecutionContext, config: RawCrimesConfig, crime_source: dg.ResourceParam[CrimeSource]
) -> Iterator[dg.Output]:
    """Read and parse each month; keep its rejects until the crimes of all months are written."""
    rejects: dict[str, pd.DataFrame] = {}
    records_of = crime_source.replay_month if config.replay else crime_source.read_month

    def read_month(key: str) -> pd.DataFrame:
        month = Month.parse(key)
        with retrying_transient_errors(), error_context(f"{RAW_CRIMES.label}, month {month}"):
            records = records_of(month)
            parsed = parse_crimes(records, month)
        if records.landed_uri is not None:
            context.add_asset_metadata({"landed_uri": dg.MetadataValue.path(records.landed_uri)}, asset_key(RAW_CRIMES), key)
        rejects[key] = parsed.rejects
        return parsed.crimes

    keys = context.partition_keys
    source = {"source": crime_source.describe()}
    yield dg.Output(PartitionedFrames(keys, read_month), "raw_crimes", metadata=source)
    yield dg.Output(PartitionedFrames(keys, rejects.__getitem__), "rejected_crimes", metadata=source)


@lake_asset(
    ENRICHED_CRIMES,
    partitions_def=CRIME_MONTHS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    automation_condition=FOLLOW_CRIMES,
)
def enriched_crimes(raw_crimes: PartitionedFrames, police_stations: pd.DataFrame) -> PartitionedFrames:
    return raw_crimes.map(lambda crimes: enrich_crimes(crimes, police_stations))


export_files = export_files_asset(EXPORT_FILES, RAW_CRIMES, REJECTED_CRIMES, CRIME_MONTHS, source_key="crime_source")

ASSETS = [police_stations, raw_crimes, export_files, enriched_crimes]
