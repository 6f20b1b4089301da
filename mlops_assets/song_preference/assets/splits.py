"""Assets: training and test songs."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd
from pydantic import Field

from mlops_assets.orchestration.asset_specs import lake_table
from mlops_assets.orchestration.failures import error_context
from mlops_assets.orchestration.run_config import Seed, Share, StepConfig
from mlops_assets.orchestration.table_assets import check_specs, validated
from mlops_assets.song_preference import DOMAIN, defaults
from mlops_assets.song_preference.assets.checks import DOES_NOT_OVERLAP_TRAIN, IS_STRATIFIED, check_label_share, check_overlap
from mlops_assets.song_preference.assets.policies import TRAIN_ON_NEW_SONGS
from mlops_assets.song_preference.contracts import DATASET
from mlops_assets.song_preference.model_contracts import TEST_SPLIT, TRAIN_SPLIT


class SplitConfig(StepConfig):
    """How the dataset is split."""

    test_share: Share = defaults.TEST_SHARE
    minimum_songs: int = Field(default=defaults.MINIMUM_SONGS, ge=1)
    seed: Seed = defaults.SEED


@dg.multi_asset(
    # Steps of all domains share their names.
    name=f"{DOMAIN}__splits",
    outs={
        "train_split": dg.AssetOut(**lake_table(TRAIN_SPLIT), automation_condition=TRAIN_ON_NEW_SONGS),
        "test_split": dg.AssetOut(**lake_table(TEST_SPLIT), automation_condition=TRAIN_ON_NEW_SONGS),
    },
    check_specs=check_specs(TRAIN_SPLIT, TEST_SPLIT, checks=(DOES_NOT_OVERLAP_TRAIN, IS_STRATIFIED)),
)
@validated(TRAIN_SPLIT, TEST_SPLIT)
def splits(config: SplitConfig, dataset: pd.DataFrame) -> Iterator[dg.Output[pd.DataFrame] | dg.AssetCheckResult]:
    """Split the dataset."""
    from mlops_assets.song_preference.modelling.splitting import require_enough, split_songs

    with error_context(DATASET.label):
        require_enough(dataset, config.minimum_songs)
    train, test = split_songs(dataset, config.test_share, config.seed)
    for name, songs in (("train_split", train), ("test_split", test)):
        yield dg.Output(songs, name, metadata={"liked_share": float(songs["is_liked"].mean())})
    yield DOES_NOT_OVERLAP_TRAIN.report(check_overlap(train, test))
    yield IS_STRATIFIED.report(check_label_share(train, test))


ASSETS = [splits]
