"""This domain as the platform takes it in: contracts, assets, checks, automation, and the source that the settings choose."""

from pathlib import Path

import dagster as dg

from mlops_assets.orchestration.asset_specs import STORES
from mlops_assets.orchestration.domain import Domain
from mlops_assets.song_preference import DOMAIN
from mlops_assets.song_preference.assets import ASSETS
from mlops_assets.song_preference.assets.automation import JOBS, build_sensors
from mlops_assets.song_preference.assets.bootstrap import build_bootstrap
from mlops_assets.song_preference.assets.checks import CHECKS
from mlops_assets.song_preference.contracts import DATA_CONTRACTS
from mlops_assets.song_preference.demo import build_demo
from mlops_assets.song_preference.model_contracts import MODEL_CONTRACTS
from mlops_assets.song_preference.settings import SongPreferenceSettings
from mlops_assets.song_preference.sources.base import PlaylistSource
from mlops_assets.stores.registry import Stores

CONTRACTS = (*DATA_CONTRACTS, *MODEL_CONTRACTS)


def build_domain(settings: SongPreferenceSettings, *, cache: Path, automation_enabled: bool) -> Domain:
    """Return the domain.

    Args:
        settings: which source to read, and whose songs the model learns from.
        cache: not needed: this domain keeps nothing beside the stores.
        automation_enabled: whether sensors start with the daemon.
    """
    bootstrap = build_bootstrap(settings.describe_source(), settings.listeners)
    return Domain(
        name=DOMAIN,
        contracts=CONTRACTS,
        assets=ASSETS,
        checks=CHECKS,
        jobs=JOBS,
        sensors=build_sensors(bootstrap, automation_enabled=automation_enabled),
        # A function, so that the source is opened when a run needs it and not when definitions are loaded.
        resources={
            "playlist_source": dg.ResourceDefinition(
                lambda context: open_source(settings, context.resources.stores), required_resource_keys={STORES}
            ),
            "listeners": settings.listeners,
        },
        bootstrap=bootstrap,
        demo=build_demo(lambda stores: open_source(settings, stores)),
    )


def open_source(settings: SongPreferenceSettings, stores: Stores) -> PlaylistSource:
    """Return the source that the settings choose; the inbox is in the lake."""
    if settings.source == "inbox":
        from mlops_assets.song_preference.sources.inbox import InboxPlaylistSource
        from mlops_assets.stores.objects import open_object_storage

        return InboxPlaylistSource(open_object_storage(stores.url("lake", DOMAIN)))
    if settings.source == "export":
        from mlops_assets.song_preference.sources.export import ExportPlaylistSource

        assert settings.export_path is not None
        return ExportPlaylistSource(settings.export_path)
    from mlops_assets.song_preference.sources.sample import SamplePlaylistSource

    return SamplePlaylistSource(settings.sample_seed)
