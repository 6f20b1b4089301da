"""Threads of answers: slow stores keep no model waiting, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from mlops_assets.serving.errors import DeadlineError
from mlops_assets.serving.execution import Execution
from mlops_assets_tests.serving.rest_client import COLOURS, UnsteadyRegistry, build_service
from mlops_assets_tests.serving.servers import colour_bundle


def test_calls_of_a_kind_wait_for_each_other_and_no_answer_waits_for_them() -> None:
    """Also not those of another kind."""
    execution, may_go_on, done = Execution(20), threading.Event(), list[int]()

    def slow(number: int) -> Callable[[], None]:
        def call() -> None:
            assert may_go_on.wait(20)
            done.append(number)

        return call

    async def ask() -> None:
        waiting = [asyncio.ensure_future(execution.run_alone("lake", slow(number))) for number in range(8)]
        await asyncio.sleep(0)
        assert await execution.run_in_thread(lambda: "answer") == "answer"
        assert await execution.run_alone("registry", lambda: "champion") == "champion"
        may_go_on.set()
        await asyncio.gather(*waiting)

    asyncio.run(ask())
    assert done == list(range(8))


def test_a_call_that_takes_too_long_is_given_up() -> None:
    """So are those behind it, which then never begin."""
    execution, may_go_on, begun = Execution(0.05), threading.Event(), list[str]()

    async def ask() -> None:
        stuck = asyncio.ensure_future(execution.run_alone("lake", lambda: may_go_on.wait(20)))
        await asyncio.sleep(0)
        with pytest.raises(DeadlineError, match=r"longer than 0\.05 seconds"):
            await execution.run_alone("lake", lambda: begun.append("behind"))
        with pytest.raises(DeadlineError):
            await stuck
        may_go_on.set()
        await execution.run_alone("lake", lambda: begun.append("next"))

    asyncio.run(ask())
    assert begun == ["next"]


def test_a_slow_registry_keeps_no_question_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often somebody asks to look up champions meanwhile."""
    registry = UnsteadyRegistry({COLOURS: {1: colour_bundle()}}, {COLOURS: 1})
    service, may_go_on, names = build_service(registry), threading.Event(), registry.names

    def slow() -> list[object]:
        assert may_go_on.wait(20)
        return list(names())

    monkeypatch.setattr(registry, "names", slow)

    async def ask() -> None:
        reloads = [asyncio.ensure_future(service.reload_soon()) for _ in range(8)]
        await asyncio.sleep(0)
        record = {"kind": "ball", "size_m": 1.7, "is_new": True, "seen_at": "2024-01-01T00:00:00Z"}
        answers = await service.predict_batch_soon(COLOURS.domain, COLOURS.name, [record], protocol="rest", request_id="1")
        assert len(answers) == 1
        may_go_on.set()
        await asyncio.gather(*reloads)

    asyncio.run(asyncio.wait_for(ask(), 15))
