"""Jobs and sensors of this domain: registering dropped playlists, reading them, training and scoring."""

import dagster as dg

from mlops_assets.orchestration.automation import domain_conditions_sensor, sensor_status
from mlops_assets.orchestration.bootstrap import Bootstrap, bootstrap_sensor
from mlops_assets.orchestration.failures import retrying_transient_errors
from mlops_assets.orchestration.promotion import jobs_by_hand
from mlops_assets.orchestration.served_predictions import served_job
from mlops_assets.song_preference import DOMAIN
from mlops_assets.song_preference.assets import model, monitoring, splits
from mlops_assets.song_preference.assets.songs import PLAYLISTS_NAME, dataset, playlists, songs
from mlops_assets.song_preference.model_contracts import PREFERENCE_CHAMPION
from mlops_assets.song_preference.partitions import PLAYLISTS
from mlops_assets.song_preference.sources.base import PlaylistSource
from mlops_assets.song_preference.sources.registration import SeenFiles, land_files
from mlops_assets.stores.registry import Stores

_LOOK_EVERY_S = 60
_MOST_FILES_PER_LOOK = 50
"""A tick has a minute; what is left is registered by the next one."""
_TAGS = {"domain": DOMAIN}

READ_PLAYLISTS = dg.define_asset_job(
    "read_playlists",
    selection=dg.AssetSelection.assets(playlists, songs),
    description="Type the songs of a playlist that has landed; what cannot be a song is kept as a reject.",
    tags=_TAGS,
)

MAKE_DATASET = dg.define_asset_job(
    "make_song_dataset",
    selection=dg.AssetSelection.assets(dataset),
    description="Put the labelled songs of all playlists together, each once, and describe them.",
    tags=_TAGS,
)


TRAIN_MODEL = dg.define_asset_job(
    "train_song_preference",
    selection=dg.AssetSelection.assets(*splits.ASSETS, *model.ASSETS),
    description="Split the dataset, train the preference model, evaluate it, and let it challenge the champion.",
    tags=_TAGS,
)

SCORE_PLAYLISTS = dg.define_asset_job(
    "score_playlists",
    selection=dg.AssetSelection.assets(monitoring.preference_predictions, monitoring.preference_drift),
    description="Score the songs of a playlist that nobody has labelled by the champion, and measure their drift.",
    tags=_TAGS,
)


@dg.op(name="register_dropped_playlists", description="Land every file of the source, and make a partition of each that is new.")
def register(
    context: dg.OpExecutionContext, stores: dg.ResourceParam[Stores], playlist_source: dg.ResourceParam[PlaylistSource]
) -> None:
    """Register all files that are there, without waiting whether somebody still writes them."""
    assert PLAYLISTS.name is not None
    with retrying_transient_errors():
        landing, known = stores.landing(DOMAIN, PLAYLISTS_NAME), context.instance.get_dynamic_partitions(PLAYLISTS.name)
        for landed in land_files(playlist_source, playlist_source.files(), landing, known):
            if landed.key is not None:
                context.instance.add_dynamic_partitions(PLAYLISTS.name, [landed.key])
            (context.log.warning if landed.problem else context.log.info)(str(landed))
    # A playlist that was registered by a run that was killed then is reported now.
    reported = context.instance.get_materialized_partitions(playlists.key)
    for key in context.instance.get_dynamic_partitions(PLAYLISTS.name):
        if key not in reported:
            description = "Landed and registered; its songs have not been read yet."
            context.log_event(dg.AssetMaterialization(playlists.key, description, partition=key))


@dg.job(
    name="register_playlists",
    description="Make a partition of every playlist of the source, as the sensor does as files are dropped.",
    tags=_TAGS,
)
def register_playlists() -> None:
    """Register dropped files by hand."""
    register()


def build_sensors(bootstrap: Bootstrap, *, automation_enabled: bool) -> list[dg.SensorDefinition]:
    """Return the sensors, started with the daemon if `automation_enabled`, else waiting for a person to switch them on."""
    jobs = [register_playlists, READ_PLAYLISTS, MAKE_DATASET, TRAIN_MODEL, SCORE_PLAYLISTS]
    return [
        bootstrap_sensor(bootstrap, jobs, automation_enabled=automation_enabled),
        _new_playlists_sensor(automation_enabled=automation_enabled),
        domain_conditions_sensor(DOMAIN, automation_enabled=automation_enabled),
    ]


def _new_playlists_sensor(*, automation_enabled: bool) -> dg.SensorDefinition:
    @dg.sensor(
        name="song_preference_new_playlists",
        job=READ_PLAYLISTS,
        minimum_interval_seconds=_LOOK_EVERY_S,
        default_status=sensor_status(automation_enabled),
        description="Registers dropped files: each becomes a partition once two looks, a minute apart, found it unchanged.",
    )
    def new_playlists(
        context: dg.SensorEvaluationContext,
        stores: dg.ResourceParam[Stores],
        playlist_source: dg.ResourceParam[PlaylistSource],
    ) -> dg.SensorResult:
        seen, found = SeenFiles.load(context.cursor), list(playlist_source.files())
        complete = seen.complete_files(found)[:_MOST_FILES_PER_LOOK]
        known = PLAYLISTS.get_partition_keys(dynamic_partitions_store=context.instance)
        landed = list(land_files(playlist_source, complete, stores.landing(DOMAIN, PLAYLISTS_NAME), known))
        keys = [each.key for each in landed if each.key is not None]
        problems = [each.problem for each in landed if each.problem is not None]
        for problem in problems:
            context.log.warning(problem)
        return dg.SensorResult(
            dynamic_partitions_requests=[PLAYLISTS.build_add_request(keys)] if keys else [],
            run_requests=[dg.RunRequest(run_key=key, partition_key=key) for key in keys],
            cursor=seen.after(found, [each.file for each in landed if each.problem is None]).dump(),
            skip_reason=None if keys else "; ".join(problems) or f"{len(found)} files, none that is new and complete.",
        )

    return new_playlists


JOBS = [
    register_playlists,
    READ_PLAYLISTS,
    MAKE_DATASET,
    TRAIN_MODEL,
    SCORE_PLAYLISTS,
    served_job(monitoring.SERVED_MODEL),
    *jobs_by_hand(model.preference_model.key, PREFERENCE_CHAMPION),
]
