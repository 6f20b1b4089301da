"""The table that keeps every promotion decision with its evidence; the same for every domain."""

from __future__ import annotations

from typing import get_args

from mlops_assets.contracts import Column, TableContract
from mlops_assets.ml.promotion.rule import Decision


def decision_columns(decisions: tuple[str, ...], description: str) -> tuple[Column, ...]:
    """Return the columns with which a table of promotion decisions begins.

    Args:
        decisions: what may be decided.
        description: what these mean, for people.
    """
    champion = "Version that was champion when the decision was made; empty for the first."
    return (
        Column("challenger_version", "int64", "Registered model version that the row is about.", minimum=1),
        Column("champion_version", "int64", champion, nullable=True, minimum=1),
        Column("decision", "string", description, allowed=decisions),
        Column("reason", "string", "Explanation of the decision in a sentence, with its figures."),
    )


def promotion_contract(domain: str, name: str) -> TableContract:
    """Return the contract of a domain's table of promotion decisions by `decide_promotion`."""
    outcomes = "Outcome: promoted without or against a champion, champion kept, or stopped by the quality gate."
    low = "Lower bound of the paired-bootstrap confidence interval of the improvement; promotion requires it above 0."
    return TableContract(
        domain,
        name,
        "One row per evaluated model version: whether it was promoted to champion, and the comparison that decided it.",
        columns=(
            *decision_columns(get_args(Decision), outcomes),
            Column("metric", "string", "Name of the metric that decides, for example log_loss, of which less is better."),
            Column("row_count", "int64", "Number of test rows on which challenger and champion were both scored.", minimum=0),
            Column("challenger_value", "float64", "Value of the metric for the challenger.", nullable=True),
            Column("champion_value", "float64", "Value of the metric for the champion on the same rows.", nullable=True),
            Column(
                "improvement",
                "float64",
                "By how much the challenger's value is better than the champion's; negative if it is worse.",
                nullable=True,
            ),
            Column("improvement_low", "float64", low, nullable=True),
            Column(
                "improvement_high",
                "float64",
                "Upper bound of the paired-bootstrap confidence interval of the improvement.",
                nullable=True,
            ),
        ),
        key=("challenger_version",),
    )
