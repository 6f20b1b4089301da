"""This domain as the platform takes it in: contracts, assets, checks, automation, and the topic that the settings choose."""

from pathlib import Path

import dagster as dg

from mlops_assets.orchestration.asset_specs import STORES
from mlops_assets.orchestration.domain import Domain
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.assets import ASSETS
from mlops_assets.song_popularity.assets.automation import JOBS, build_schedules, build_sensors
from mlops_assets.song_popularity.assets.bootstrap import TopicHistory, build_bootstrap
from mlops_assets.song_popularity.assets.events import ACCOUNT, TOPIC_KEY
from mlops_assets.song_popularity.assets.model import SETTINGS_KEY
from mlops_assets.song_popularity.contracts import DATA_CONTRACTS
from mlops_assets.song_popularity.demo import build_demo
from mlops_assets.song_popularity.model_contracts import MODEL_CONTRACTS
from mlops_assets.song_popularity.settings import SongPopularitySettings

CONTRACTS = (*DATA_CONTRACTS, *MODEL_CONTRACTS)


def build_domain(settings: SongPopularitySettings, *, cache: Path, automation_enabled: bool) -> Domain:
    """Return the domain.

    Args:
        settings: which topic to read, and the limits of the gate.
        cache: not needed: this domain keeps nothing beside the stores.
        automation_enabled: whether schedules and sensors start with the daemon.
    """
    bootstrap = build_bootstrap(f"topic {settings.topic}")
    return Domain(
        name=DOMAIN,
        contracts=CONTRACTS,
        assets=ASSETS,
        checks=[ACCOUNT],
        jobs=JOBS,
        schedules=build_schedules(automation_enabled=automation_enabled),
        sensors=build_sensors(bootstrap, automation_enabled=automation_enabled),
        resources={
            TOPIC_KEY: settings.topic,
            SETTINGS_KEY: settings,
            # A function, so that the log is opened when a run needs it and not when definitions are loaded.
            "topic_history": dg.ResourceDefinition(
                lambda context: TopicHistory(context.resources.stores.events(DOMAIN), settings.topic),
                required_resource_keys={STORES},
            ),
        },
        bootstrap=bootstrap,
        demo=build_demo(settings),
    )
