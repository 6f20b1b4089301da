"""Assets: what a domain's served model was asked and answered, by day, and how far that is from what the model had learned from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pandas as pd

from mlops_assets.contracts import TableContract
from mlops_assets.contracts.frames import empty_frame
from mlops_assets.errors import ContractError, MissingModelError
from mlops_assets.ml.bundle import Bundle
from mlops_assets.ml.plots import plot_bars
from mlops_assets.ml.retraining import DriftLimits
from mlops_assets.ml.served_predictions import (
    TOPIC,
    measure_served_drift,
    parse_predictions,
    served_contracts,
)
from mlops_assets.orchestration.asset_specs import lake_table, warehouse_table
from mlops_assets.orchestration.automation import EVERY_HOUR, follow_upstream, once_a_window_is_over
from mlops_assets.orchestration.check_outcomes import CheckOutcome
from mlops_assets.orchestration.failures import error_context, retrying_transient_errors
from mlops_assets.orchestration.metadata import image_metadata
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.table_assets import check_specs, validated, warehouse_asset
from mlops_assets.orchestration.table_checks import TableCheck
from mlops_assets.stores.landing.events_by_time import EventsByTime
from mlops_assets.stores.landing.landed_events import land_events
from mlops_assets.stores.models.versions import registered_name
from mlops_assets.stores.registry import Stores

SERVED_DAYS = dg.DailyPartitionsDefinition("2025-01-01", timezone="UTC")
"""Days in UTC that are over: what is answered today is in the event log until midnight."""

_LOOKBACK = timedelta(days=7)
_GREATEST_REJECT_SHARE = 0.01


@dataclass(frozen=True)
class ServedModel:
    """A model that answers about records.

    Attributes:
        domain: of the model.
        name: of the model.
        score: what its reference for drift calls the probability.
        limits: from when on a feature counts as drifted.
        features: makes, of a version and of records, the columns of the reference that are no inputs.
    """

    domain: str
    name: str
    score: str
    limits: DriftLimits
    features: Callable[[Bundle[Any], pd.DataFrame], pd.DataFrame] = lambda _, records: records

    @property
    def contracts(self) -> tuple[TableContract, TableContract, TableContract]:
        """The contracts of its answers, of its rejects and of its drift."""
        return served_contracts(self.domain)


def served_assets(model: ServedModel) -> list[dg.AssetsDefinition]:
    """Return the assets `served_predictions`, `rejected_served_predictions` and `served_drift`."""
    return [_served_predictions(model), _served_drift(model)]


def served_job(model: ServedModel) -> Any:
    """Return the job that makes them for days, for people; conditions make them when a day is over."""
    keys = [dg.AssetKey([contract.domain, contract.name]) for contract in model.contracts]
    return dg.define_asset_job(
        f"read_served_{model.domain}",
        selection=dg.AssetSelection.assets(*keys),
        description="Land what serving answered, make rows of a day's answers, and measure how far questions are from training.",
        tags={"domain": model.domain},
    )


def _served_predictions(model: ServedModel) -> dg.AssetsDefinition:
    served, rejected, _ = model.contracts
    each_day = once_a_window_is_over(EVERY_HOUR, lookback=_LOOKBACK)
    few_rejects = TableCheck(
        rejected,
        "has_few_rejects",
        f"At most {_GREATEST_REJECT_SHARE:.0%} of the events that serving logged could not be read, and each is a row or a reject.",
        is_blocking=False,
    )

    @dg.multi_asset(
        name=f"{model.domain}__served_predictions",
        outs={
            served.name: dg.AssetOut(**warehouse_table(served), dagster_type=PartitionedFrames, automation_condition=each_day),
            rejected.name: dg.AssetOut(**lake_table(rejected), dagster_type=PartitionedFrames, automation_condition=each_day),
        },
        check_specs=check_specs(served, rejected, partitions=SERVED_DAYS, checks=(few_rejects,)),
        partitions_def=SERVED_DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        # Two runs that land a topic at the same time may land the same events in objects of different length.
        pool=f"{model.domain}_{TOPIC}",
    )
    @validated(served, rejected)
    def served_predictions(context: dg.AssetExecutionContext, stores: dg.ResourceParam[Stores]) -> Iterator[Any]:
        """Land what the log has by now, and read the events of each day; keep their rejects until all rows are written."""
        rejects: dict[str, pd.DataFrame] = {}
        outcomes: dict[str, CheckOutcome] = {}
        landing = stores.landing(model.domain, TOPIC)
        with retrying_transient_errors(), error_context(served.label):
            log = stores.events(model.domain)
            landed = land_events(log, landing, TOPIC) if TOPIC in log.topics() else []
            by_time = EventsByTime(landing, TOPIC)

        def read_day(key: str) -> pd.DataFrame:
            window = SERVED_DAYS.time_window_for_partition_key(key)
            with retrying_transient_errors(), error_context(f"{served.label}, day {key}"):
                events = by_time.between(window.start, window.end)
            parsed = parse_predictions(events, model.domain, date.fromisoformat(key))
            rejects[key] = parsed.rejects
            outcomes[key] = _account(events.num_rows, len(parsed.predictions), parsed.rejects)
            context.add_asset_metadata(dict(outcomes[key].metadata), dg.AssetKey([served.domain, served.name]), partition_key=key)
            return parsed.predictions

        keys = context.partition_keys
        metadata: dict[str, Any] = {"landed_uri": dg.MetadataValue.path(landing.uri), "newly_landed_count": sum(map(len, landed))}
        yield dg.Output(PartitionedFrames(keys, read_day), served.name, metadata=metadata)
        yield dg.Output(PartitionedFrames(keys, rejects.__getitem__), rejected.name)
        yield few_rejects.report(outcomes)

    return served_predictions


def _account(read: int, kept: int, rejects: pd.DataFrame) -> CheckOutcome:
    unreadable = int((rejects["reason_code"] != "duplicate").sum())
    return CheckOutcome(
        passed=read == kept + len(rejects) and unreadable <= _GREATEST_REJECT_SHARE * read,
        description=f"{read:,} events: {kept:,} answers, {len(rejects) - unreadable:,} logged again, {unreadable:,} unreadable",
        metadata={
            "event_count": read,
            "answer_count": kept,
            "duplicate_count": len(rejects) - unreadable,
            "unreadable_count": unreadable,
        },
    )


def _served_drift(model: ServedModel) -> dg.AssetsDefinition:
    _, _, contract = model.contracts

    @warehouse_asset(
        contract,
        partitions_def=SERVED_DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        automation_condition=follow_upstream(EVERY_HOUR),
    )
    def served_drift(
        context: dg.AssetExecutionContext, stores: dg.ResourceParam[Stores], served_predictions: PartitionedFrames
    ) -> PartitionedFrames:
        """Measure each version that answered by its own reference; one that cannot be measured stops no other."""

        def measure_day(key: str) -> pd.DataFrame:
            answers = served_predictions[key]
            own = answers[(answers["model_name"] == model.name) & answers["model_version"].notna()]
            parts, figures, problems = [empty_frame(contract)], {}, []
            for version in sorted(int(number) for number in own["model_version"].unique()):
                of_version = own[own["model_version"] == version]
                try:
                    drift = _drift_of(stores, model, version, of_version.reset_index(drop=True))
                except (ContractError, MissingModelError) as error:
                    problems.append(f"version {version}: {error}")
                    continue
                parts.append(drift.assign(answered_date=date.fromisoformat(key)))
                title = f"Distance of what version {version} was asked on {key} from training"
                psi = plot_bars(drift["feature"].tolist(), drift["psi"].to_numpy(), title, "PSI", limit=model.limits.psi)
                figures[f"psi_of_version_{version}"] = psi
            table = pd.concat(parts[1:] or parts, ignore_index=True)[contract.column_names]
            for problem in problems:
                context.log.warning(problem)
            metadata = {
                **image_metadata(figures),
                "answer_count": len(own),
                "drifted": ", ".join(table.loc[table["is_over_limit"].astype(bool), "feature"].unique()),
                "not_measured": "; ".join(problems),
            }
            context.add_asset_metadata(metadata, partition_key=key)
            return table

        return PartitionedFrames(context.partition_keys, measure_day)

    return served_drift


def _drift_of(stores: Stores, model: ServedModel, number: int, answers: pd.DataFrame) -> pd.DataFrame:
    """Return rows of `served_drift`, without the day, of the version that gave some answers."""
    registry = stores.models()
    with retrying_transient_errors():
        version = registry.version(registered_name(model.domain, model.name), number)
        bundle = registry.load(version)
    drift = measure_served_drift(bundle, answers, features=model.features, score=model.score, limits=model.limits)
    return drift.assign(model_name=model.name, model_version=number, model_run_id=version.run_id)
