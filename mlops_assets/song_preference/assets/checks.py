"""What must hold of this domain's assets, beyond their contracts, before anyone builds on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.errors import NotEnoughDataError
from mlops_assets.orchestration.check_outcomes import CheckOutcome
from mlops_assets.orchestration.checks import rejects_checks
from mlops_assets.orchestration.table_checks import TableCheck
from mlops_assets.song_preference import defaults
from mlops_assets.song_preference.contracts import DATASET, REJECTED_SONGS, SONGS
from mlops_assets.song_preference.model_contracts import PREFERENCE_EVALUATION, TEST_SPLIT
from mlops_assets.song_preference.modelling.promotion import failures_at_gate
from mlops_assets.song_preference.modelling.splitting import require_enough
from mlops_assets.song_preference.partitions import PLAYLISTS

if TYPE_CHECKING:
    import pandas as pd

_GREATEST_REJECT_SHARE = 0.2
_HARMLESS_REASONS = frozenset({"duplicate"})
_LABEL_SHARE_TOLERANCE = 0.05


def check_size(dataset: pd.DataFrame, _key: str) -> CheckOutcome:
    """Fail if there is too little to learn from."""
    try:
        require_enough(dataset, defaults.MINIMUM_SONGS)
    except NotEnoughDataError as error:
        return CheckOutcome(False, str(error))
    return CheckOutcome(True, f"{len(dataset):,} labelled songs")


def check_overlap(train: pd.DataFrame, test: pd.DataFrame) -> CheckOutcome:
    """Fail if a song, or a near-duplicate of it, is in both parts."""
    shared = test["song_key"].isin(train["song_key"]) | test["group_key"].isin(train["group_key"])
    return CheckOutcome(not shared.any(), f"{int(shared.sum())} test songs are in train, too", {"shared_songs": int(shared.sum())})


def check_label_share(train: pd.DataFrame, test: pd.DataFrame) -> CheckOutcome:
    """Fail if the share of liked songs differs, which a stratified split prevents unless groups are large."""
    shares = {name: float(rows["is_liked"].mean()) for name, rows in (("train", train), ("test", test))}
    passed = abs(shares["train"] - shares["test"]) <= _LABEL_SHARE_TOLERANCE
    return CheckOutcome(passed, f"{shares['train']:.1%} of train and {shares['test']:.1%} of test are liked", shares)


def check_gate(evaluation: pd.DataFrame, _key: str) -> CheckOutcome:
    """Fail with the limits of the quality gate that the evaluated version breaks."""
    failures = failures_at_gate(evaluation, int(evaluation["model_version"].iloc[0]))
    return CheckOutcome(not failures, " ".join(failures) or "All limits are kept.")


def check_file(rejects: pd.DataFrame, _key: str) -> CheckOutcome:
    """Fail if a file as a whole could not be read."""
    reasons = rejects.loc[rejects["reason_code"] == "unreadable_file", "reason"]
    return CheckOutcome(reasons.empty, None if reasons.empty else reasons.iloc[0])


FILE_IS_READ = TableCheck(
    REJECTED_SONGS,
    "file_is_read",
    "The file is a playlist, whatever its layout.",
    check_file,
    # Files are read in one run, and one that is broken stops no other.
    is_blocking=False,
)

HAS_ENOUGH_SONGS = TableCheck(
    DATASET,
    "has_enough_songs",
    "There are enough liked and disliked songs to learn from; until then, no training starts by itself.",
    check_size,
    fails_run=False,
)

DOES_NOT_OVERLAP_TRAIN = TableCheck(
    TEST_SPLIT, "does_not_overlap_train", "No song is in both splits, nor a near-duplicate such as another release of it."
)

IS_STRATIFIED = TableCheck(
    TEST_SPLIT,
    "is_stratified",
    f"The shares of liked songs in the two splits differ by at most {_LABEL_SHARE_TOLERANCE:.0%} of the songs.",
    is_blocking=False,
)

PASSES_QUALITY_GATE = TableCheck(
    PREFERENCE_EVALUATION,
    "passes_quality_gate",
    "The model passes the quality gate on its test songs and beats the share of liked songs as an answer.",
    check_gate,
)

CHECKS = [
    rejects_checks(
        SONGS,
        REJECTED_SONGS,
        PLAYLISTS,
        entity="playlist_key",
        name="playlist_key",
        entity_word="playlist",
        greatest_share=_GREATEST_REJECT_SHARE,
        harmless_reasons=_HARMLESS_REASONS,
        is_blocking=False,
    ),
]
"""Checks that are steps of their own, because they look at other assets."""
