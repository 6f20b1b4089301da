"""Champion and challenger: who meets whom, what a decision changes in the registry, and the job that takes it back."""

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol

import dagster as dg

from mlops_assets.errors import MissingModelError
from mlops_assets.orchestration.failures import retrying_transient_errors
from mlops_assets.orchestration.model_io import RegisteredModel, model_name, version_metadata
from mlops_assets.stores.catalog import Stores
from mlops_assets.stores.models.registry import ModelRegistry


class Decision(Protocol):
    """What a domain's promotion rule says about a challenger."""

    @property
    def decision(self) -> str:
        """The decision in a word, e.g. `promote`."""

    @property
    def reason(self) -> str:
        """One sentence for people."""

    @property
    def is_promoted(self) -> bool:
        """Whether the challenger becomes the champion."""

    def as_dict(self) -> dict[str, Any]:
        """Return the decision and its evidence, ready for JSON."""


@dataclass(frozen=True)
class Contest:
    """A challenger and the champion that it must beat.

    Attributes:
        challenger: the newest model.
        champion: the model in charge; None if there is none.
        objection: why the challenger may not become champion whatever its figures; None if nothing speaks against it.
    """

    challenger: RegisteredModel
    champion: RegisteredModel | None
    objection: str | None


def find_contest(registry: ModelRegistry, name: str) -> Contest | None:
    """Return who meets whom, or None if the champion is in charge by a rollback and nobody challenges it.

    A challenger that is champion already, because an earlier decision was interrupted before it was written down or is being
    repeated, meets the previous champion again, so that the same evidence leads to the same row.

    Raises:
        MissingModelError: there is no challenger.
    """
    challenger = registry.version_by_alias(name, "challenger") or registry.version_by_alias(name, "champion")
    if challenger is None:
        raise MissingModelError(f"{name} has no challenger; materialize the model first")
    rival_alias = "previous_champion" if "champion" in challenger.aliases else "champion"
    rival = registry.version_by_alias(name, rival_alias)
    if "champion" in challenger.aliases and rival is not None and rival.rolled_back_at is not None:
        return None
    objection = None
    if challenger.rolled_back_at is not None:
        objection = (
            f"version {challenger.version} was rolled back at {challenger.rolled_back_at:%Y-%m-%d %H:%M} UTC; train a new one"
        )
    elif rival is not None and challenger.training_end_at < rival.training_end_at:
        objection = f"version {challenger.version} knows less: its training window ends before that of version {rival.version}"
    champion = RegisteredModel(registry.load(rival), rival) if rival is not None else None
    return Contest(RegisteredModel(registry.load(challenger), challenger), champion, objection)


def apply_decision(registry: ModelRegistry, contest: Contest, decision: Decision) -> None:
    """Move the aliases as decided; repeating it changes nothing."""
    if decision.is_promoted:
        registry.promote(contest.challenger.version, now=datetime.now(timezone.utc))


def decision_metadata(decision: Decision, contest: Contest, ui_url: str) -> dict[str, dg.MetadataValue]:
    """Return a decision as metadata: the verdict in words, the evidence, links to the challenger."""
    evidence = decision.as_dict()
    return {
        "decision": dg.MetadataValue.text(decision.decision),
        "reason": dg.MetadataValue.text(decision.reason),
        "evidence": dg.MetadataValue.json(evidence),
        **version_metadata(contest.challenger.version, ui_url),
    }


def rollback_job(model_key: dg.AssetKey, champion_key: dg.AssetKey) -> dg.JobDefinition:
    """Return the job that puts the previous champion of a model back in charge, and records it on the champion's asset."""
    domain, name = model_key.path

    @dg.op(name=f"restore_previous_{name}_champion", description="Swap champion and previous champion in the registry.")
    def restore(context: dg.OpExecutionContext, stores: dg.ResourceParam[Stores]) -> None:
        with retrying_transient_errors():
            version = stores.models().rollback(model_name(model_key), now=datetime.now(timezone.utc))
        context.log.info(f"{version} is champion again")
        context.log_event(
            dg.AssetObservation(
                champion_key,
                description=f"Rolled back: version {version.version} is champion again.",
                metadata=version_metadata(version, stores.mlflow_ui_url),
            )
        )

    @dg.job(
        name=f"rollback_{domain}_{name}",
        description="Put the previous champion back in charge. Running it again undoes it.",
        tags={"domain": domain},
    )
    def rollback() -> None:
        restore()

    return rollback
