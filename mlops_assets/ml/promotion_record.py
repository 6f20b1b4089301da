"""The table that keeps every promotion decision with its evidence; the same for every domain."""

from __future__ import annotations

from mlops_assets.contracts import Column, TableContract

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
