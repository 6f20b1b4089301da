"""The Dagster UI as a person sees it: `mlops-assets dev` in a real browser."""

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from mlops_assets_tests.browser import CHROMIUM_FLAGS, serving
from mlops_assets_tests.platforms import Platform

pytestmark = pytest.mark.browser

_SHOWN_ASSETS = {
    "chicago_crimes": ("raw_crimes", "enriched_crimes", "arrest_model", "arrest_champion"),
    "donostia_parking": ("snapshots", "hourly_free", "forecast_model", "forecasts"),
}


@pytest.fixture(scope="module")
def ui_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the UI on a folder into which a month has been read."""
    from mlops_assets.orchestration.instance import prepare_instance

    data = tmp_path_factory.mktemp("ui") / "data"
    with dg.DagsterInstance.from_config(str(prepare_instance(data))) as instance:
        Platform(data, instance).materialize("police_stations", "raw_crimes", "rejected_crimes", months=("2024-01", "2024-01"))
    with serving("dev", data, "server_info") as url:
        yield url


def test_ui_shows_the_graph_and_what_was_materialized(chromium: str, ui_url: str, tmp_path: Path) -> None:
    """The lineage shows the domains and their assets; an asset's page shows its description, columns and the materialized month."""
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.goto(f"{ui_url}/asset-groups")
        for domain in _SHOWN_ASSETS:
            expect(page.get_by_text(domain, exact=True).first).to_be_visible(timeout=60_000)
        for domain, assets in _SHOWN_ASSETS.items():
            page.goto(f"{ui_url}/locations/mlops_assets/asset-groups/{domain}/lineage")
            for asset in assets:
                expect(page.get_by_text(asset, exact=True).first).to_be_visible(timeout=60_000)
            page.screenshot(path=Path(os.environ.get("MLOPS_UI_SCREENSHOTS", tmp_path)) / f"{domain}.png")
        page.goto(f"{ui_url}/assets/chicago_crimes/raw_crimes?view=overview")
        expect(page.get_by_text("One row per reported crime of the month").first).to_be_visible(timeout=60_000)
        expect(page.get_by_text("occurred_at", exact=True).first).to_be_visible(timeout=60_000)
        expect(page.get_by_text("2024-01").first).to_be_visible(timeout=60_000)
        browser.close()
