"""Champions: who answers, from when on, and what happens when the registry or a version fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import pytest

from mlops_assets.errors import PermanentError, SettingsError, StoreUnavailableError
from mlops_assets.serving.champions import Champions, ChampionVersion, ModelName
from mlops_assets.serving.errors import NoChampionError, UnknownModelError
from mlops_assets.serving.sources import FolderSource, RegistrySource, parse_model_name
from mlops_assets.stores.models import open_model_registry
from mlops_assets.stores.models.versions import ForeignVersionError
from mlops_assets_tests.tiny_bundle import TinyBundle, tiny_bundle

NOON = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)
COLOURS, SHAPES = ModelName("examples", "colour_model"), ModelName("examples", "shape_model")


@dataclass
class Board:
    """A source of champions that a test writes on.

    Attributes:
        champions: the version of each model.
        damaged: versions that cannot be loaded.
        broken: versions that fail in a way that nobody thought of.
        foreign: models whose champion was registered by other means.
        is_down: whether it can be asked at all.
    """

    champions: dict[ModelName, int | None] = field(default_factory=dict)
    damaged: set[int] = field(default_factory=set)
    broken: set[int] = field(default_factory=set)
    foreign: set[ModelName] = field(default_factory=set)
    is_down: bool = False

    def names(self) -> list[ModelName]:
        return sorted(self.champions)

    def current(self, name: ModelName) -> ChampionVersion | None:
        if self.is_down:
            raise StoreUnavailableError("nobody answers")
        if name in self.foreign:
            raise ForeignVersionError("it was registered by other means")
        version = self.champions[name]
        return None if version is None else ChampionVersion(version, f"run {version}", version)

    def load(self, version: ChampionVersion) -> TinyBundle:
        if version.handle in self.damaged:
            raise PermanentError("its files are damaged")
        if version.handle in self.broken:
            raise AttributeError("a private attribute is gone")
        return tiny_bundle(seed=version.handle)


def champions(board: Board) -> Champions:
    made = Champions(board, lambda: NOON)
    made.refresh()
    return made


def answering(found: Champions, name: ModelName = COLOURS) -> int | None:
    return found.get(name.domain, name.name).version.version


def test_nobody_answers_before_a_champion_is_loaded() -> None:
    """A process that has just started is not ready, and says why."""
    found = Champions(Board({COLOURS: 1}), lambda: NOON)
    assert not found.is_ready
    assert found.source_problem == "the champions have not been looked up yet"
    found.refresh()
    assert found.is_ready
    assert (answering(found), found.source_problem) == (1, None)


def test_a_promotion_replaces_the_model_and_a_rollback_brings_it_back() -> None:
    """The next question after a look is answered by whoever is champion then; whoever is not new is not loaded again."""
    board = Board({COLOURS: 1, SHAPES: 7})
    found = champions(board)
    shapes = found.get("examples", "shape_model")
    board.champions[COLOURS] = 2
    assert [served.version.version for served in found.refresh()] == [2]
    assert answering(found) == 2
    assert found.get("examples", "shape_model") is shapes
    board.champions[COLOURS] = 1
    found.refresh()
    assert answering(found) == 1


def test_a_question_keeps_the_champion_that_it_began_with() -> None:
    """What was looked up before a promotion does not change under a request."""
    board = Board({COLOURS: 1})
    found = champions(board)
    served = found.get("examples", "colour_model")
    board.champions[COLOURS] = 2
    found.refresh()
    assert (served.version.version, served.bundle.provenance.seed) == (1, 1)


def test_a_version_that_cannot_be_loaded_leaves_the_champion_before_it() -> None:
    """Damaged files cost the new version its place, and no answer; it is tried again."""
    board = Board({COLOURS: 1}, damaged={2})
    found = champions(board)
    board.champions[COLOURS] = 2
    assert found.refresh() == []
    assert answering(found) == 1
    assert found.models[COLOURS].problem == "version 2 cannot be loaded: its files are damaged"
    board.damaged.clear()
    found.refresh()
    assert (answering(found), found.models[COLOURS].problem) == (2, None)


def test_one_damaged_model_does_not_stop_the_others() -> None:
    """Each model is loaded for itself."""
    found = champions(Board({COLOURS: 1, SHAPES: 2}, damaged={1}))
    assert answering(found, SHAPES) == 2
    with pytest.raises(NoChampionError, match="version 1 cannot be loaded: its files are damaged"):
        found.get("examples", "colour_model")


def test_a_registry_that_is_down_costs_nobody_an_answer() -> None:
    """What is loaded goes on, and the problem can be seen until the registry is back."""
    board = Board({COLOURS: 1})
    found = champions(board)
    board.is_down = True
    found.refresh()
    assert (answering(found), found.source_problem) == (1, "nobody answers")
    board.is_down = False
    found.refresh()
    assert found.source_problem is None


def test_a_version_registered_by_other_means_stops_no_other_model() -> None:
    """Somebody gave the alias of one model to a version of their own; promotions of the others are followed."""
    board = Board({COLOURS: 1, SHAPES: 1})
    found = champions(board)
    board.foreign.add(COLOURS)
    board.champions[SHAPES] = 2
    found.refresh()
    assert (answering(found), answering(found, SHAPES)) == (1, 2)
    assert found.models[COLOURS].problem == "it was registered by other means"
    assert found.source_problem is None


def test_whatever_is_wrong_with_a_bundle_is_said_of_its_model() -> None:
    """An error that nobody thought of is no reason to forget the other models."""
    found = champions(Board({COLOURS: 1, SHAPES: 2}, broken={1}))
    assert answering(found, SHAPES) == 2
    with pytest.raises(NoChampionError, match="version 1 cannot be loaded: a private attribute is gone"):
        found.get("examples", "colour_model")


def test_a_model_is_known_before_its_champion_has_been_looked_up() -> None:
    """A question that comes too early, or while the registry is down, is told to come back, not that there is no such model."""
    with pytest.raises(NoChampionError, match="the champions have not been looked up yet"):
        Champions(Board({COLOURS: 1}), lambda: NOON).get("examples", "colour_model")


def test_unknown_models_and_models_without_a_champion_are_told_apart() -> None:
    """Of the first the known ones are said, of the second the job to run."""
    found = champions(Board({COLOURS: None}))
    with pytest.raises(UnknownModelError, match="there is no model examples/sound_model; models: examples/colour_model"):
        found.get("examples", "sound_model")
    with pytest.raises(NoChampionError, match="no version is champion yet; run: mlops-assets bootstrap examples"):
        found.get("examples", "colour_model")


def test_watching_sees_a_promotion_by_itself() -> None:
    """A running service asks again and again, also after an error that nobody expected."""
    board, stop = Board({COLOURS: 1}), threading.Event()
    found = champions(board)
    thread = found.watch(0.01, stop)
    board.champions[ModelName("examples", "broken")] = 3
    board.champions[COLOURS] = 2
    wait_until(lambda: answering(found) == 2)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_champions_of_a_registry_are_those_with_the_alias(tmp_path: Path) -> None:
    """A model that was never trained has none; a challenger is none yet."""
    registry = open_model_registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "artifacts")
    source = RegistrySource(registry, [COLOURS, SHAPES])
    saved = registry.save(
        tiny_bundle(), model_name="examples.colour_model", asset="examples/colour_model", partition="2024-01", now=NOON
    )
    registry.mark_challenger(saved)
    assert [source.current(name) for name in source.names()] == [None, None]
    registry.promote(saved, now=NOON)
    found = Champions(source, lambda: NOON)
    found.refresh()
    assert [str(name) for name, status in found.models.items() if status.served] == ["examples/colour_model"]
    assert found.get("examples", "colour_model").version == ChampionVersion(saved.version, saved.run_id)


def test_bundles_of_folders_need_no_registry(tmp_path: Path) -> None:
    """Each folder's bundle is the champion of its model; two of one model are a mistake."""
    tiny_bundle().save(tmp_path / "colours")
    found = Champions(FolderSource([tmp_path / "colours"]), lambda: NOON)
    found.refresh()
    assert answering(found) is None
    assert found.is_ready
    with pytest.raises(SettingsError, match="there is a bundle of examples/colour_model among the folders already"):
        FolderSource([tmp_path / "colours", tmp_path / "colours"])
    with pytest.raises(PermanentError, match="nothing"):
        FolderSource([tmp_path / "nothing"])


@pytest.mark.parametrize("text", ["colour_model", "examples/", "/colour_model", "a/b/c", ""])
def test_models_are_named_by_domain_and_name(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(SettingsError, match="models are called like chicago_crimes/arrest_model"):
        parse_model_name(text)
    assert parse_model_name("examples/colour_model") == COLOURS
