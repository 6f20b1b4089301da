"""The dashboard as people see it: `mlops-assets dashboard` in a real browser, on a screen and on a telephone."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlops_assets_tests.browser import CHROMIUM_FLAGS, serving

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

_PAGES = {
    "": "Predict",
    "songs": "Songs",
    "models": "Models",
    "chicago": "Chicago crimes",
    "donostia": "Donostia parking",
}
_WIDTHS = (1280, 390)
_CHARTS = {"songs": 3, "models": 2, "chicago": 3, "donostia": 3}
"""How many charts a page has where everything is there; of the models, those of the domain that is shown first."""
_IS_BUSY = "[data-testid=stStatusWidget], [data-testid=stSkeleton], [data-testid=stSpinner], [data-stale=true]"
_NOBODY = "http://127.0.0.1:9"


def check_page(page: Page, url: str, path: str, charts: int, picture: Path) -> None:
    """Open a page; it is shown whole, without an error, and no wider than the screen. Without charts it says what to run."""
    from playwright.sync_api import expect

    page.goto(f"{url}/{path}")
    expect(page.get_by_role("heading", level=1)).to_have_text(_PAGES[path], timeout=60_000)
    expect(page.locator("[data-testid=stVegaLiteChart] svg")).to_have_count(charts, timeout=60_000)
    if not charts:
        expect(page.locator("code").first).to_have_text(re.compile("mlops-assets |make "), timeout=60_000)
    expect(page.locator(_IS_BUSY)).to_have_count(0, timeout=60_000)
    page.screenshot(path=picture, full_page=True)
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.locator("[data-testid=stAlertContentError]").count() == 0
    assert page.get_by_role("dialog").count() == 0
    wide = page.evaluate("[document.documentElement, document.querySelector('[data-testid=stMain]')].map(it => it.scrollWidth)")
    assert max(wide) <= page.evaluate("window.innerWidth")


@pytest.mark.parametrize("is_empty", [True, False], ids=["empty", "small"])
def test_every_page_opens(chromium: str, small_data: Path, tmp_path: Path, is_empty: bool) -> None:
    """On an empty platform pages say what to run, on a small one they show their charts; nothing sticks out of a narrow screen."""
    from playwright.sync_api import sync_playwright

    data = tmp_path / "data" if is_empty else small_data
    pictures = Path(os.environ.get("MLOPS_UI_SCREENSHOTS", tmp_path))
    with serving("dashboard", data, "_stcore/health", MLOPS_DASHBOARD_SERVING_URL=_NOBODY) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        for width in _WIDTHS:
            page = browser.new_page(viewport={"width": width, "height": 900})
            for path in _PAGES:
                charts = 0 if is_empty else _CHARTS.get(path, 0)
                name = f"dashboard-{path or 'predict'}-{width}-{'empty' if is_empty else 'small'}.png"
                check_page(page, url, path, charts, pictures / name)
            page.close()
        browser.close()
    assert data.exists() != is_empty
