"""The steps from an empty platform to the first scored month."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.chicago_crimes import DOMAIN, TIME_ZONE, defaults
from mlops_assets.chicago_crimes.modelling.training_window import WINDOW_MONTHS
from mlops_assets.errors import NotEnoughDataError
from mlops_assets.months import Month
from mlops_assets.orchestration.bootstrap import Bootstrap, BootstrapStep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from mlops_assets.chicago_crimes.sources.base import CrimeSource

_CHAMPION = dg.AssetKey([DOMAIN, "arrest_champion"])

PUBLISHED_AFTER = timedelta(days=8, hours=6)
"""How long after its end a month is read for the first time: the portal publishes with a week's delay."""


def build_bootstrap(place: str) -> Bootstrap:
    """Return how the domain gets to work.

    Args:
        place: from where crimes are read, in a few words.
    """
    return Bootstrap(
        domain=DOMAIN,
        place=place,
        source_key="crime_source",
        choose_last=last_month_of_first_history,
        has=lambda source, last, now: is_published(Month.parse(last), now) and Month.parse(last) in source.available_months(),
        steps=bootstrap_steps,
        champion_key=_CHAMPION,
        model_key=dg.AssetKey([DOMAIN, "arrest_model"]),
    )


def is_published(month: Month, now: datetime) -> bool:
    """Tell whether the portal has published all of a month by now."""
    return month.window(TIME_ZONE)[1] + PUBLISHED_AFTER <= now


def last_month_of_first_history(source: CrimeSource, now: datetime) -> str:
    """Return the latest month that is published, if there are enough months before it to learn from.

    Raises:
        NotEnoughDataError: there are not.
    """
    months = [month for month in source.available_months() if is_published(month, now)]
    if len(_with_window(months)) <= defaults.MINIMUM_MONTHS:
        raise NotEnoughDataError(
            f"{source.describe()} has {len(months)} published months; "
            f"{defaults.MINIMUM_MONTHS} to learn from and one to score are needed"
        )
    return months[-1].key


def bootstrap_steps(source: CrimeSource, last: str) -> list[BootstrapStep]:
    """Return the steps: read the months of a year and the one after it, train and promote its model, score it."""
    scored = Month.parse(last)
    months = _with_window([month for month in source.available_months() if month <= scored])
    return [
        *(
            BootstrapStep(
                f"Read and enrich {block[0]} to {block[-1]}",
                "read_chicago_crimes",
                tuple(month.key for month in block),
                dg.AssetKey([DOMAIN, "enriched_crimes"]),
            )
            for block in _without_gaps(months)
        ),
        BootstrapStep(
            f"Train and evaluate the model of {last}", "train_arrest_model", (last,), dg.AssetKey([DOMAIN, "arrest_evaluation"])
        ),
        BootstrapStep(f"Decide about the model of {last}", "train_arrest_model", (last,), _CHAMPION, only=(_CHAMPION,)),
        BootstrapStep(
            f"Score {last}, measure its drift",
            "score_chicago_crimes",
            (last,),
            dg.AssetKey([DOMAIN, "arrest_drift"]),
            scores_from=scored.window(TIME_ZONE)[0],
        ),
    ]


def _with_window(months: Sequence[Month]) -> list[Month]:
    """Return the last of the months and those of its training window, as far as they are there."""
    return [month for month in months if month >= months[-1].plus(-WINDOW_MONTHS)]


def _without_gaps(months: Sequence[Month]) -> Iterator[list[Month]]:
    """Yield the months in blocks of consecutive ones: a run over a range asks for every month in it."""
    block: list[Month] = []
    for month in months:
        if block and month != block[-1].plus(1):
            yield block
            block = []
        block.append(month)
    if block:
        yield block
