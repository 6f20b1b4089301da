"""Champion and challenger: which versions await a decision, what it changes, and the job that takes it back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from mlops_assets.contracts import TableContract
from mlops_assets.contracts.frames import rows_to_frame
from mlops_assets.errors import MissingModelError, MissingPartitionError
from mlops_assets.ml.promotion import PromotionDecision
from mlops_assets.orchestration.asset_specs import asset_key
from mlops_assets.orchestration.clock import Clock
from mlops_assets.orchestration.failures import retrying_transient_errors
from mlops_assets.orchestration.metadata import frame_metadata
from mlops_assets.orchestration.model_io import model_name, version_metadata
from mlops_assets.orchestration.run_config import StepConfig
from mlops_assets.orchestration.table_assets import warehouse_asset
from mlops_assets.orchestration.upstream_state import SCORES_FROM, is_of_former_release
from mlops_assets.stores.models.registry import CHAMPION, ModelRegistry, ModelVersion
from mlops_assets.stores.registry import Stores


@dataclass(frozen=True)
class CandidatePair:
    """A challenger and the version that it has to beat.

    Attributes:
        challenger: a version that has been evaluated and about which nothing has been decided.
        incumbent: the version that would score the challenger's first records if there were no challenger; None if there is none.
    """

    challenger: ModelVersion
    incumbent: ModelVersion | None


@dataclass(frozen=True)
class Decided:
    """A decision about a pair."""

    pair: CandidatePair
    decision: PromotionDecision


def champion_asset(
    contract: TableContract,
    model_key: dg.AssetKey,
    decide: Callable[[Stores, CandidatePair], PromotionDecision],
    **options: Any,
) -> dg.AssetsDefinition:
    """Return the asset that decides about every challenger that awaits a decision, in the order of their training windows.

    It has no partitions: there is one champion, and any number of months may have been trained since the last decision. Each
    version is compared with the champion of its own time, so that a backfill of the past promotes models for the past.

    Args:
        contract: of the table of decisions, one row per challenger.
        model_key: the asset whose versions compete.
        decide: applies the domain's rule to a pair. Raises `MissingPartitionError` if the challenger has not been evaluated.
        **options: further options of `dagster.asset`.
    """

    @warehouse_asset(contract, **options)
    def champion(
        context: dg.AssetExecutionContext, stores: dg.ResourceParam[Stores], clock: dg.ResourceParam[Clock]
    ) -> pd.DataFrame:
        name, undecided = model_name(model_key), dict[str, str]()
        with retrying_transient_errors():
            registry, warehouse = stores.models(), stores.warehouse(contract.domain)
            known = set(warehouse.read(contract)["challenger_version"])
            decided = list(_decide_all(registry, name, known, lambda pair: decide(stores, pair), undecided, clock))
            scores_from = _scores_from(registry, name)
        context.add_asset_metadata({**_metadata(decided, undecided, stores.mlflow_ui_url), **scores_from})
        return rows_to_frame([_row(each) for each in decided], contract)

    return champion


def _decide_all(
    registry: ModelRegistry,
    name: str,
    known: set[int],
    decide: Callable[[CandidatePair], PromotionDecision],
    undecided: dict[str, str],
    clock: Clock,
) -> Iterator[Decided]:
    """Yield a decision about each version that can be decided, after it was carried out; note why others cannot."""
    for challenger in awaiting_decision(registry.versions(name), known):
        incumbent = registry.champion_for(name, before=challenger.scores_from, other_than=challenger)
        pair = CandidatePair(challenger, incumbent)
        try:
            decision = decide(pair)
        except (MissingPartitionError, MissingModelError) as error:
            undecided[str(challenger.version)] = str(error)
            continue
        if decision.is_promoted:
            _promote(registry, challenger, clock.now())
        yield Decided(pair, decision)


def _promote(registry: ModelRegistry, version: ModelVersion, now: datetime) -> None:
    """Make a version champion, or only for the records of its time if the champion has seen later ones; repeatable."""
    champion = registry.version_by_alias(version.name, CHAMPION)
    if champion is not None and champion.scores_from > version.scores_from:
        registry.promote_for_its_time(version, now=now)
    else:
        registry.promote(version, now=now)


def awaiting_decision(versions: list[ModelVersion], known: set[int]) -> list[ModelVersion]:
    """Return the versions about which nothing has been decided, in the order of their training windows.

    Of several versions of a partition, or of a model without partitions, only the newest has its evaluation in the warehouse.
    """
    newest = {version.partition: version for version in sorted(versions, key=lambda version: version.version)}
    waiting = [version for version in newest.values() if version.version not in known]
    return sorted(waiting, key=lambda version: (version.scores_from, version.version))


def note_champion_of_former_release(
    instance: dg.DagsterInstance, champion_key: dg.AssetKey, model_key: dg.AssetKey, stores: Stores
) -> None:
    """Record from when on a champion may score if the latest decision does not say it; only then the registry is asked, once."""
    if is_of_former_release(instance, champion_key):
        said = _scores_from(stores.models(), model_name(model_key))
        description = "From when on a champion may score, which decisions of a former release do not say."
        instance.report_runless_asset_event(dg.AssetObservation(champion_key, description=description, metadata=said))


def _scores_from(registry: ModelRegistry, name: str) -> dict[str, str | None]:
    """Return as metadata from when on some champion may score; null if nothing was ever promoted and not rolled back."""
    promoted = [v.scores_from for v in registry.versions(name) if v.promoted_at is not None and v.rolled_back_at is None]
    return {SCORES_FROM: min(promoted).isoformat() if promoted else None}


def _metadata(decided: list[Decided], undecided: dict[str, str], ui_url: str) -> dict[str, Any]:
    """Return what the UI shows of a round of decisions: each in words, and links to the latest challenger."""
    metadata: dict[str, Any] = {"decision": "Nothing to decide: there is no evaluated version without a decision."}
    if decided:
        latest = decided[-1]
        words = [[f"version {d.pair.challenger.version}", d.decision.decision, d.decision.reason] for d in decided]
        metadata = {
            "decision": latest.decision.decision,
            "reason": latest.decision.reason,
            "decisions": frame_metadata(pd.DataFrame(words, columns=["challenger", "decision", "reason"])),
            **version_metadata(latest.pair.challenger, ui_url),
        }
    if undecided:
        waiting = pd.DataFrame(list(undecided.items()), columns=["version", "what is missing"])
        metadata["undecided"] = frame_metadata(waiting)
    return metadata


def _row(decided: Decided) -> dict[str, Any]:
    """Return a decision by the columns of the champion's table."""
    incumbent = decided.pair.incumbent
    return {
        "challenger_version": decided.pair.challenger.version,
        "champion_version": incumbent.version if incumbent else None,
        **decided.decision.as_row(),
    }


class PromotionConfig(StepConfig):
    """Which version becomes champion, and why."""

    version: int = Field(ge=1, description="Number of the version in the model registry.")
    reason: str = Field(min_length=1, description="Why, for those who ask later.")


def jobs_by_hand(model_key: dg.AssetKey, decisions: TableContract) -> list[dg.JobDefinition]:
    """Return the jobs by which a person decides who is champion: promote a version, and take the last change back.

    Both are recorded on the asset that keeps the decisions; its table stays what the promotion rule says.

    Args:
        model_key: the asset whose versions compete.
        decisions: contract of the table of decisions.
    """
    return [_promotion_job(model_key, decisions), _rollback_job(model_key, asset_key(decisions))]


def _promotion_job(model_key: dg.AssetKey, decisions: TableContract) -> dg.JobDefinition:
    domain, name = model_key.path

    @dg.op(name=f"promote_{name}_by_hand", description="Make a version champion, and note what the promotion rule said about it.")
    def promote(
        context: dg.OpExecutionContext,
        config: PromotionConfig,
        stores: dg.ResourceParam[Stores],
        clock: dg.ResourceParam[Clock],
    ) -> None:
        with retrying_transient_errors():
            registry = stores.models()
            version = registry.version(model_name(model_key), config.version)
            said = _said_by_rule(stores, decisions, version)
            version = registry.promote(version, now=clock.now())
            metadata = {"reason": config.reason, "promotion_rule": said, **_champion_metadata(stores, version)}
        description = f"Promoted by hand: version {version.version} is champion. {config.reason} The rule had said: {said}"
        context.log.info(description)
        context.log_event(dg.AssetObservation(asset_key(decisions), description=description, metadata=metadata))

    @dg.job(
        name=f"promote_{domain}_{name}",
        description="Make the version champion that the configuration names, whatever the rule says, and record the reason.",
        tags={"domain": domain},
    )
    def promote_by_hand() -> None:
        promote()

    return promote_by_hand


def _rollback_job(model_key: dg.AssetKey, champion_key: dg.AssetKey) -> dg.JobDefinition:
    domain, name = model_key.path

    @dg.op(name=f"restore_previous_{name}_champion", description="Swap champion and previous champion in the registry.")
    def restore(context: dg.OpExecutionContext, stores: dg.ResourceParam[Stores], clock: dg.ResourceParam[Clock]) -> None:
        with retrying_transient_errors():
            version = stores.models().rollback(model_name(model_key), now=clock.now())
            metadata = _champion_metadata(stores, version)
        description = f"Rolled back: version {version.version} is champion again."
        context.log.info(description)
        context.log_event(dg.AssetObservation(champion_key, description=description, metadata=metadata))

    @dg.job(
        name=f"rollback_{domain}_{name}",
        description="Make the previous champion champion again. Running it again undoes it.",
        tags={"domain": domain},
    )
    def rollback() -> None:
        restore()

    return rollback


def _said_by_rule(stores: Stores, decisions: TableContract, version: ModelVersion) -> str:
    """Return the decision about a version in words, its failures at the quality gate among them."""
    table = stores.warehouse(decisions.domain).read(decisions)
    rows = table[table["challenger_version"] == version.version]
    return "nothing, for it has not been decided about" if rows.empty else f"{rows.iloc[-1]['decision']}: {rows.iloc[-1]['reason']}"


def _champion_metadata(stores: Stores, champion: ModelVersion) -> dict[str, Any]:
    """Return what the UI shows of a champion, and what conditions read: from when on there is one that may score."""
    return {**version_metadata(champion, stores.mlflow_ui_url), **_scores_from(stores.models(), champion.name)}
