"""The table that keeps every promotion decision with its evidence; the same for every domain."""

from __future__ import annotations

from mlops_assets.contracts import Column, TableContract

_DECISIONS = ("promote_first", "promote", "keep_champion", "rejected_by_gate")


def decision_columns(decisions: tuple[str, ...], outcome: str) -> tuple[Column, ...]:
    """Return the columns with which a table of promotion decisions begins.

    Args:
        decisions: what may be decided.
        outcome: what these mean, for people.
    """
    return (
        Column("challenger_version", "int64", "Registered model version that the row is about.", minimum=1),
        Column(
            "champion_version",
            "int64",
            "Version that was champion when the decision was made; empty for the first.",
            nullable=True,
            minimum=1,
        ),
        Column("decision", "string", outcome, allowed=decisions),
        Column("reason", "string", "Explanation of the decision in a sentence, with its figures."),
    )


def promotion_contract(domain: str, name: str) -> TableContract:
    """Return the contract of a domain's table of promotion decisions."""
    return TableContract(
        domain=domain,
        name=name,
        meaning="One row per evaluated model version: whether it was promoted to champion, and the comparison that decided it.",
        columns=(
            *decision_columns(
                _DECISIONS, "Outcome: promoted without or against a champion, champion kept, or stopped by the quality gate."
            ),
            Column("metric", "string", "Name of the metric that decides, for example log_loss; smaller is better."),
            Column("row_count", "int64", "Number of test rows on which challenger and champion were both scored.", minimum=0),
            Column("challenger_value", "float64", "Value of the metric for the challenger.", nullable=True),
            Column("champion_value", "float64", "Value of the metric for the champion on the same rows.", nullable=True),
            Column(
                "improvement",
                "float64",
                "Champion's value minus the challenger's: positive if the challenger is better.",
                nullable=True,
            ),
            Column(
                "improvement_low",
                "float64",
                "Lower bound of the paired-bootstrap confidence interval of the improvement; promotion requires it above 0.",
                nullable=True,
            ),
            Column(
                "improvement_high",
                "float64",
                "Upper bound of the paired-bootstrap confidence interval of the improvement.",
                nullable=True,
            ),
        ),
        key=("challenger_version",),
    )
