"""Every evaluated version gets its decision, once, in the order of the training windows, compared with the champion of its time."""

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.contracts import Column, TableContract
from mlops_assets.errors import MissingModelError, MissingPartitionError
from mlops_assets.ml.promotion import PromotionDecision
from mlops_assets.orchestration.model_io import model_name
from mlops_assets.orchestration.promotion import CandidatePair, champion_asset, jobs_by_hand, note_champion_of_former_release
from mlops_assets.orchestration.upstream_state import champion_scores_from
from mlops_assets.stores.models.registry import ModelRegistry
from mlops_assets.stores.registry import Stores
from mlops_assets_tests.orchestration.small_graph import SmallGraph
from mlops_assets_tests.platforms import with_registry
from mlops_assets_tests.tiny_bundle import tiny_bundle

MODEL = dg.AssetKey(["weather", "rain_model"])
CHAMPION = TableContract(
    domain="weather",
    name="rain_champion",
    description="One row per challenger.",
    columns=(
        Column("challenger_version", "int64", "Version that wanted to become champion."),
        Column("champion_version", "int64", "The version that it had to beat.", nullable=True),
        Column("decision", "string", "What was decided."),
        Column("reason", "string", "Why."),
        Column("skill", "float64", "How good the challenger is."),
    ),
    key=("challenger_version",),
)
NOW = datetime(2024, 6, 1, tzinfo=timezone.utc)


class League:
    """A registry of versions with known skills, and the asset that decides about them."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.graph = SmallGraph(folder, instance, CHAMPION)
        self.instance, self.skills = instance, dict[int, float]()
        self.asset = champion_asset(CHAMPION, MODEL, self._decide)

    @property
    def registry(self) -> ModelRegistry:
        return self.graph.stores.models()

    def train_without_time(self, skill: float) -> int:
        """Register a version of a model without partitions, whose records bear no time, and return its number."""
        bundle = tiny_bundle(training_start_at=None, training_end_at=None, fingerprint=f"{skill}".ljust(64, "0"))
        version = self.registry.save(bundle, model_name=model_name(MODEL), asset="weather/rain_model", partition=None, now=NOW)
        self.registry.mark_challenger(version)
        self.skills[version.version] = skill
        return version.version

    def train(self, month: int, skill: float | None) -> int:
        """Register the version of a month, evaluated or, without a skill, not, and return its number."""
        bundle = tiny_bundle(
            training_start_at=datetime(2023, month, 1, tzinfo=timezone.utc),
            training_end_at=datetime(2024, month, 1, tzinfo=timezone.utc),
            fingerprint=f"{month:02d}{skill}".ljust(64, "0"),
        )
        name, partition = model_name(MODEL), f"2024-{month:02d}"
        version = self.registry.save(bundle, model_name=name, asset="weather/rain_model", partition=partition, now=NOW)
        self.registry.mark_challenger(version)
        if skill is not None:
            self.skills[version.version] = skill
        return version.version

    def decide(self) -> Mapping[int, tuple[int | None, str]]:
        """Materialize the asset and return opponent and decision of every challenger so far."""
        assert self.graph.run(self.asset).success
        rows = self.graph.warehouse.read(CHAMPION)
        opponents = [None if pd.isna(version) else int(version) for version in rows["champion_version"]]
        return dict(zip(rows["challenger_version"], zip(opponents, rows["decision"], strict=True), strict=True))

    def alias(self, alias: str) -> int | None:
        version = self.registry.version_by_alias(model_name(MODEL), alias)
        return None if version is None else version.version

    def champion_of(self, month: int) -> int | None:
        """Return the version that may score the records of a month."""
        version = self.registry.champion_for(model_name(MODEL), before=datetime(2024, month, 1, tzinfo=timezone.utc))
        return None if version is None else version.version

    def metadata(self) -> dict[str, Any]:
        event = self.instance.get_latest_materialization_event(self.asset.key)
        assert event is not None
        assert event.asset_materialization is not None
        return {name: value.value for name, value in event.asset_materialization.metadata.items()}

    def _decide(self, _: Stores, pair: CandidatePair) -> PromotionDecision:
        if pair.challenger.version not in self.skills:
            raise MissingPartitionError("it has not been evaluated")
        skill = self.skills[pair.challenger.version]
        opponent = 0.0 if pair.incumbent is None else self.skills[pair.incumbent.version]
        return PromotionDecision("promote" if skill > opponent else "keep_champion", "by skill", {"skill": skill})


@pytest.fixture
def league(tmp_path: Path, instance: dg.DagsterInstance, mlflow_database: Path) -> League:
    return League(with_registry(tmp_path, mlflow_database), instance)


def test_months_of_a_backfill_are_decided_in_order(league: League) -> None:
    """Trained in any order, each is compared with the champion of its time: one row per challenger."""
    may, march, april = (league.train(month, skill) for month, skill in ((5, 0.4), (3, 0.2), (4, 0.1)))
    assert league.decide() == {march: (None, "promote"), april: (march, "keep_champion"), may: (march, "promote")}
    assert (league.alias("champion"), league.alias("previous_champion")) == (may, march)


def test_decision_is_made_once(league: League) -> None:
    """Repeating it changes neither rows nor aliases."""
    first = league.train(3, 0.2)
    once = league.decide()
    assert league.decide() == once == {first: (None, "promote")}
    assert league.metadata()["decision"].startswith("Nothing to decide")


def test_model_of_the_past_becomes_champion_of_its_time_alone(league: League) -> None:
    """A backfill of the past is scored by models that knew only what came before; the present keeps its champion."""
    may = league.train(5, 0.1)
    league.decide()
    march = league.train(3, 0.9)
    assert league.decide()[march] == (None, "promote")
    assert league.alias("champion") == may
    assert [league.champion_of(month) for month in (2, 3, 4, 5, 6)] == [None, march, march, may, may]


def test_model_without_time_is_compared_with_the_champion_and_scores_at_any_time(league: League) -> None:
    """The newest version alone awaits a decision; whoever is champion, by rule or rollback, may score whatever there is."""
    first = league.train_without_time(0.2)
    assert league.decide() == {first: (None, "promote")}
    assert [league.champion_of(month) for month in (1, 12)] == [first, first]
    scores_from = champion_scores_from(league.instance, league.asset.key)
    assert scores_from is not None
    assert scores_from <= datetime(1900, 1, 1, tzinfo=timezone.utc)
    _superseded, better = league.train_without_time(0.1), league.train_without_time(0.3)
    assert league.decide() == {first: (None, "promote"), better: (first, "promote")}
    worse = league.train_without_time(0.05)
    assert league.decide()[worse] == (better, "keep_champion")
    assert (league.alias("champion"), league.alias("previous_champion"), league.champion_of(1)) == (better, first, better)
    league.registry.rollback(model_name(MODEL), now=NOW)
    assert league.champion_of(1) == first


def test_version_that_cannot_be_decided_stops_no_other(league: League) -> None:
    """It is named with what is missing, and decided once that is there."""
    march, april = league.train(3, None), league.train(4, 0.1)
    assert league.decide() == {april: (None, "promote")}
    assert "it has not been evaluated" in league.metadata()["undecided"]
    league.skills[march] = 0.05
    assert league.decide() == {april: (None, "promote"), march: (None, "promote")}


def test_interrupted_decision_is_repeated_as_it_was(league: League) -> None:
    """A run that was killed after the aliases moved, and before the row was written, comes to the same row."""
    march = league.train(3, 0.2)
    league.decide()
    april = league.train(4, 0.3)
    league.registry.promote(league.registry.version(model_name(MODEL), april), now=NOW)
    assert league.decide()[april] == (march, "promote")
    assert (league.alias("champion"), league.alias("previous_champion")) == (april, march)


def test_version_that_was_trained_again_before_its_decision_is_passed_over(league: League) -> None:
    """The evaluation in the warehouse is that of the newest version of the month."""
    _, second = league.train(3, 0.2), league.train(3, 0.4)
    assert league.decide() == {second: (None, "promote")}


def test_rolled_back_version_is_no_opponent(league: League) -> None:
    """The next challenger has to beat the version that the rollback put back in charge."""
    march, april = league.train(3, 0.2), league.train(4, 0.9)
    league.decide()
    league.registry.rollback(model_name(MODEL), now=NOW)
    may = league.train(5, 0.3)
    assert league.decide()[may] == (march, "promote")
    assert league.alias("champion") == may
    assert april not in (league.champion_of(4), league.champion_of(5))


def test_records_say_from_when_on_a_champion_may_score(league: League) -> None:
    """Automation asks Dagster's records and not the registry; without a champion they say nothing."""
    league.train(4, -1.0)
    league.decide()
    assert champion_scores_from(league.instance, league.asset.key) is None
    league.train(5, 0.3)
    league.decide()
    assert champion_scores_from(league.instance, league.asset.key) == datetime(2024, 5, 1, tzinfo=timezone.utc)


def test_champion_of_a_former_release_is_noted_once(league: League) -> None:
    """After an upgrade automation scores with the champion at once; a decision that says everything is left alone."""
    league.train(5, 0.3)
    league.decide()
    league.instance.report_runless_asset_event(dg.AssetMaterialization(league.asset.key, metadata={"decision": "promote"}))
    assert champion_scores_from(league.instance, league.asset.key) is None
    for _ in range(2):
        note_champion_of_former_release(league.instance, league.asset.key, MODEL, league.graph.stores)
    assert champion_scores_from(league.instance, league.asset.key) == datetime(2024, 5, 1, tzinfo=timezone.utc)
    assert len(league.instance.fetch_observations(league.asset.key, limit=5).records) == 1
    league.decide()
    note_champion_of_former_release(league.instance, league.asset.key, MODEL, league.graph.stores)
    assert len(league.instance.fetch_observations(league.asset.key, limit=5).records) == 1


def by_hand(league: League, job: str, **config: Any) -> str:
    """Run one of the jobs of people, and return what the records of the champion's asset then say."""
    (chosen,) = [each for each in jobs_by_hand(MODEL, CHAMPION) if each.name == f"{job}_weather_rain_model"]
    ops = {"promote_rain_model_by_hand": {"config": config}} if config else {}
    resources = league.graph.resources(league.graph.stores)
    chosen.execute_in_process(instance=league.instance, resources=resources, run_config={"ops": ops})
    (record,) = league.instance.fetch_observations(league.asset.key, limit=1).records
    observation = record.event_log_entry.asset_observation
    assert observation is not None
    assert observation.description is not None
    return observation.description


def test_person_may_promote_what_the_rule_rejected(league: League) -> None:
    """The version becomes champion; the records keep the person's reason beside what the rule had said."""
    version = league.train(4, -1.0)
    league.decide()
    said = by_hand(league, "promote", version=version, reason="The other source is gone.")
    assert league.alias("champion") == version
    assert said == (
        f"Promoted by hand: version {version} is champion. The other source is gone. The rule had said: keep_champion: by skill"
    )
    assert champion_scores_from(league.instance, league.asset.key) == datetime(2024, 4, 1, tzinfo=timezone.utc)


def test_person_may_promote_what_nobody_has_decided_about(league: League) -> None:
    """After a rollback there is a way back to any version, and the next decision meets it as champion."""
    march, april = league.train(3, 0.2), league.train(4, 0.9)
    league.decide()
    assert by_hand(league, "rollback") == f"Rolled back: version {march} is champion again."
    may = league.train(5, 0.1)
    assert "had said: nothing, for it has not been decided about" in by_hand(league, "promote", version=may, reason="A trial.")
    assert (league.alias("champion"), league.alias("previous_champion")) == (may, march)
    by_hand(league, "promote", version=april, reason="It was better after all.")
    assert league.alias("champion") == april
    assert league.champion_of(4) == april, "it is no longer rolled back"


def test_version_that_there_is_not_cannot_be_promoted(league: League) -> None:
    """The error names it, and the champion stays."""
    march = league.train(3, 0.2)
    league.decide()
    with pytest.raises(MissingModelError, match="version 7"):
        by_hand(league, "promote", version=7, reason="A mistake.")
    assert league.alias("champion") == march
