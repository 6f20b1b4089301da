"""What must hold of this domain's assets, beyond their contracts, before anyone builds on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_assets.orchestration.check_outcomes import CheckOutcome
from mlops_assets.orchestration.table_checks import TableCheck
from mlops_assets.song_popularity.contracts import REJECTED_EVENTS
from mlops_assets.song_popularity.model_contracts import POPULARITY_EVALUATION, TEST_SPLIT

if TYPE_CHECKING:
    import pandas as pd

_GREATEST_SHARE = 0.05


def check_dead_letters(rejects: pd.DataFrame, event_count: int) -> CheckOutcome:
    """Fail if more than one in twenty of a day's messages is a dead letter; what was delivered again is none."""
    is_dead = rejects["reason_code"] != "duplicate"
    dead, reasons = int(is_dead.sum()), rejects.loc[is_dead, "reason_code"].value_counts()
    messages = event_count + len(rejects)
    return CheckOutcome(
        passed=dead <= _GREATEST_SHARE * messages,
        description=f"{messages:,} messages: {event_count:,} events, {len(rejects) - dead:,} delivered again, {dead:,} dead letters"
        + (f" ({', '.join(f'{code} {count:,}' for code, count in reasons.items())})" if dead else ""),
        metadata={"message_count": messages, "dead_letter_count": dead},
    )


def check_overlap(train: pd.DataFrame, test: pd.DataFrame) -> CheckOutcome:
    """Fail if a track is in both splits."""
    both = sorted(set(train["track_id"]) & set(test["track_id"]))
    return CheckOutcome(not both, f"{len(both)} tracks are in both splits", {"overlap_count": len(both)})


def check_order(train: pd.DataFrame, test: pd.DataFrame) -> CheckOutcome:
    """Fail if a test track's event happened before that of a train track."""
    latest, earliest = train["event_at"].max(), test["event_at"].min()
    is_later = bool(latest <= earliest) if latest == latest and earliest == earliest else True
    return CheckOutcome(is_later, metadata={"last_train_at": str(latest), "first_test_at": str(earliest)})


def check_gate(failures: Sequence[str]) -> CheckOutcome:
    """Fail with the limits of the quality gate that the evaluated version breaks."""
    return CheckOutcome(not failures, " ".join(failures) or "All limits are kept.")


HAS_FEW_DEAD_LETTERS = TableCheck(
    REJECTED_EVENTS,
    "has_few_dead_letters",
    f"At most {_GREATEST_SHARE:.0%} of the day's messages are dead letters; every message is an event or a reject.",
    is_blocking=False,
)

DOES_NOT_OVERLAP_TRAIN = TableCheck(TEST_SPLIT, "does_not_overlap_train", "No track is in both the train and the test split.")

IS_LATER_THAN_TRAIN = TableCheck(
    TEST_SPLIT, "is_later_than_train", "Every test track's event is later than those of the train split.", is_blocking=False
)

PASSES_QUALITY_GATE = TableCheck(
    POPULARITY_EVALUATION,
    "passes_quality_gate",
    "The day's model reaches the accuracy and the macro-F1 that the settings ask for, and beats the commonest class.",
    is_blocking=True,
)
