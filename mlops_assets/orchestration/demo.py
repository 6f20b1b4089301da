"""A demonstration of a domain: the runs that take it from raw data to its first scores, and what came out of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from mlops_assets.stores.registry import Stores


@dataclass(frozen=True)
class DemoStep:
    """One run.

    Attributes:
        title: shown beside its progress.
        job: name of the job.
        partition_key: of the run.
        tags: of the run, e.g. those of a range of partitions.
        run_config: of the run.
    """

    title: str
    job: str
    partition_key: str | None = None
    tags: Mapping[str, str] | None = None
    run_config: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Question:
    """What a served champion is asked.

    Attributes:
        domain: of the model.
        model: its name.
        record: a raw record, as JSON can hold it.
        about: which record it is, for people.
    """

    domain: str
    model: str
    record: Mapping[str, Any]
    about: str


@dataclass(frozen=True)
class Demo:
    """What `mlops-assets demo` does with a domain.

    Attributes:
        title: from what to what.
        steps: returns the runs in their order, by the stores and the time of the demonstration; one may depend on what those before
            it made.
        report: prints what came out, from the stores.
        question: returns what the champion is asked when it is served at the end; None if it is not, or if nobody is champion.
    """

    title: str
    steps: Callable[[Stores, datetime], Iterable[DemoStep]]
    report: Callable[[Console, Stores, datetime], None]
    question: Callable[[Stores], Question | None] | None = None
