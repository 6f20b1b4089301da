"""The Dagster UI as a person sees it: `mlops-assets dev` in a real browser."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import requests

from mlops_assets_tests.platforms import Platform

pytestmark = pytest.mark.browser

_CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
_START_SECONDS = 90
_SHOWN_ASSETS = {
    "chicago_crimes": ("raw_crimes", "enriched_crimes", "arrest_model", "arrest_champion"),
    "donostia_parking": ("snapshots", "hourly_free", "forecast_model", "forecasts"),
}


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if found is None:
        message = "no Chromium on this machine"
        if os.environ.get("MLOPS_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="module")
def ui_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the UI on a folder into which a month has been read."""
    from mlops_assets.orchestration.instance import prepare_instance

    data = tmp_path_factory.mktemp("ui") / "data"
    with dg.DagsterInstance.from_config(str(prepare_instance(data))) as instance:
        Platform(data, instance).materialize("police_stations", "raw_crimes", "rejected_crimes", months=("2024-01", "2024-01"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "MLOPS_DATA_DIR": str(data)}
    command = [sys.executable, "-m", "mlops_assets.cli", "dev", "--port", str(port)]
    log = (data / "dev.log").open("w")
    server = subprocess.Popen(command, env=environment, cwd=data, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, server, data / "dev.log")
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        log.close()


def _wait_for(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"the UI ended at once:\n{log.read_text()}")
        try:
            if requests.get(f"{url}/server_info", timeout=2).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.3)
    pytest.fail(f"the UI did not answer within {_START_SECONDS} s:\n{log.read_text()}")


def test_ui_shows_the_graph_and_what_was_materialized(chromium: str, ui_url: str, tmp_path: Path) -> None:
    """The lineage shows the domains and their assets; an asset's page shows its description, columns and the materialized month."""
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_CHROMIUM_FLAGS)
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
