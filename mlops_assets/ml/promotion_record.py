"""The table that keeps every promotion decision with its evidence; the same for every domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.contracts import Column, TableContract

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.ml.promotion import PromotionDecision

_DECISIONS = ("promote_first", "promote", "keep_champion", "rejected_by_gate")


def promotion_contract(domain: str, name: str) -> TableContract:
    """Return the contract of a domain's table of promotion decisions."""
    return TableContract(
        domain=domain,
        name=name,
        meaning="One row per challenger: whether it became champion, and on what evidence.",
        columns=(
            Column("challenger_version", "int64", "Version that wanted to become champion.", minimum=1),
            Column("champion_version", "int64", "Champion at the time; empty if there was none.", nullable=True, minimum=1),
            Column("decision", "string", "What was decided.", allowed=_DECISIONS),
            Column("reason", "string", "Why, in words."),
            Column("metric", "string", "Metric compared; smaller is better."),
            Column("row_count", "int64", "Test rows on which both were compared.", minimum=0),
            Column("challenger_value", "float64", "The challenger's metric.", nullable=True),
            Column("champion_value", "float64", "The champion's metric on the same rows.", nullable=True),
            Column("improvement", "float64", "Champion's metric less the challenger's.", nullable=True),
            Column("improvement_low", "float64", "Lower end of its bootstrap confidence interval.", nullable=True),
            Column("improvement_high", "float64", "Upper end of its bootstrap confidence interval.", nullable=True),
        ),
        key=("challenger_version",),
    )


def promotion_record(decision: PromotionDecision, challenger_version: int, champion_version: int | None) -> pd.DataFrame:
    """Return a decision as the one row that `promotion_contract` describes."""
    import pandas as pd

    champion_value = getattr(decision.champion, decision.metric) if decision.champion else None
    row = {
        "challenger_version": challenger_version,
        "champion_version": champion_version,
        "decision": decision.decision,
        "reason": decision.reason,
        "metric": decision.metric,
        "row_count": decision.challenger.row_count,
        "challenger_value": getattr(decision.challenger, decision.metric),
        "champion_value": champion_value,
        "improvement": decision.difference,
        "improvement_low": decision.interval_low,
        "improvement_high": decision.interval_high,
    }
    numbers = ("challenger_value", "champion_value", "improvement", "improvement_low", "improvement_high")
    return pd.DataFrame([row]).astype({"champion_version": "Int64", **dict.fromkeys(numbers, "float64")})
