"""Pages as Streamlit runs them, without a browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mlops_assets.donostia_parking.contracts import READINGS
from mlops_assets.stores.lake import LakeAddress
from mlops_assets_tests.dashboard.small_platform import DAYS, fill_chicago

pytestmark = pytest.mark.usefixtures("_forgotten")


def songs() -> None:
    from mlops_assets.dashboard.views import songs

    songs.show()


def models() -> None:
    from mlops_assets.dashboard.views import models

    models.show()


def chicago() -> None:
    from mlops_assets.dashboard.views import chicago

    chicago.show()


def donostia() -> None:
    from mlops_assets.dashboard.views import donostia

    donostia.show()


def opened(page: Callable[[], None]) -> AppTest:
    """Open a page; it shows no traceback, and nothing that nobody expected."""
    found = AppTest.from_function(page, default_timeout=60).run()
    assert not found.exception
    assert not found.error
    return found


def metrics(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


@pytest.mark.parametrize("page", [songs, models, chicago, donostia])
def test_empty_platform_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: Callable[[], None]) -> None:
    """Every part that is empty has its command, and looking makes nothing."""
    monkeypatch.setenv("MLOPS_DATA_DIR", str(tmp_path / "data"))
    found = opened(page)
    assert found.info
    assert all(code.value.startswith(("mlops-assets ", "make ")) for code in found.code)
    assert len(found.code) == len(found.info)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("page", [songs, chicago, donostia])
def test_small_platform_is_shown(small_data: Path, monkeypatch: pytest.MonkeyPatch, page: Callable[[], None]) -> None:
    """Nothing is missing where everything is there."""
    monkeypatch.setenv("MLOPS_DATA_DIR", str(small_data))
    found = opened(page)
    assert not found.info
    assert not found.warning


def test_song_page_is_of_the_chosen_listener(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ana has 20 of the 40 songs."""
    monkeypatch.setenv("MLOPS_DATA_DIR", str(small_data))
    page = opened(songs)
    assert metrics(page) == {"Songs": "40", "Liked": "50%", "Listeners": "2"}
    page.selectbox[0].select("ana").run()
    assert metrics(page)["Songs"] == "20"


def test_map_is_of_the_chosen_month_and_areas(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of seven crimes led to an arrest, 4 times 0.5 and 3 times 0.1 were expected to."""
    monkeypatch.setenv("MLOPS_DATA_DIR", str(small_data))
    page = opened(chicago)
    page.selectbox[0].select("2024-01").run()
    page.selectbox[1].select("police district").run()
    assert metrics(page) == {"Crimes scored": "7", "Arrests recorded": "2", "Arrests predicted": "2"}
    assert page.dataframe[0].value["crime count"].tolist() == [4, 3]


def test_forecast_is_of_the_chosen_car_park(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last reading of the day is its last hour's."""
    monkeypatch.setenv("MLOPS_DATA_DIR", str(small_data))
    page = opened(donostia)
    page.selectbox[0].select_index(1).run()
    found = metrics(page)
    assert (found["Free, last reading"], found["Lowest forecast"], found["Rejected records"]) == ("123", "110", "1")
    assert found["Mean error"] == "5 spaces"


def test_models_of_all_domains_are_on_one_page(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two champions have their cards; models that were never trained have their commands, and do not hide them."""
    monkeypatch.setenv("MLOPS_DATA_DIR", str(small_data))
    page = opened(models)
    assert [metric.value for metric in page.metric if metric.label == "Champion"] == ["version 1", "version 1"]
    assert sorted(code.value for code in page.code) == [
        "mlops-assets bootstrap song_popularity",
        "mlops-assets bootstrap song_preference",
    ]


def test_domain_that_cannot_be_read_does_not_stop_the_others(
    small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One warehouse is no database; its part says so, and the others are shown."""
    (tmp_path / "broken.duckdb").write_text("not a database, but long enough to look like one" * 100)
    monkeypatch.setenv("MLOPS_DATA_DIR", str(small_data))
    monkeypatch.setenv("MLOPS_CHICAGO_CRIMES_WAREHOUSE_URL", f"duckdb:{tmp_path / 'broken.duckdb'}")
    page = opened(models)
    assert any("broken.duckdb" in warning.value for warning in page.warning)
    assert [metric.value for metric in page.metric if metric.label == "Champion"] == ["version 1"]


def test_part_that_lacks_its_table_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_data: Path
) -> None:
    """Readings without forecasts: the feed is shown, and the forecast has its command."""
    import shutil

    monkeypatch.setenv("MLOPS_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    shutil.copytree(small_data / "lake", tmp_path / "data" / "lake")
    page = opened(donostia)
    assert [code.value for code in page.code] == ["mlops-assets bootstrap donostia_parking"] * 2
    assert metrics(page)["Rejected records"] == "1"


def test_unexpected_error_is_a_sentence(
    small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The page says that something is wrong, and the log what: an object that is no Parquet file."""
    import shutil

    monkeypatch.setenv("MLOPS_DATA_DIR", str(tmp_path / "data"))
    shutil.copytree(small_data / "lake", tmp_path / "data" / "lake")
    folder = LakeAddress((READINGS.domain, READINGS.name)).folder
    (tmp_path / "data" / "lake" / folder / f"day={DAYS[-1]}" / "data.parquet").write_bytes(b"no parquet")
    page = AppTest.from_function(donostia, default_timeout=60).run()
    assert not page.exception
    assert [error.value for error in page.error] == [
        "This part cannot be shown: an unexpected error, which the dashboard's log tells."
    ]
    assert "a part of a page cannot be shown" in caplog.text


def test_reads_are_remembered_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second look at a page asks no store: what was read is still there after the warehouse has gone."""
    from mlops_assets.settings import Settings

    monkeypatch.setenv("MLOPS_DATA_DIR", str(tmp_path / "data"))
    fill_chicago(Settings(data_dir=tmp_path / "data", _env_file=None).build_stores())
    page = opened(chicago)
    (tmp_path / "data" / "warehouse.duckdb").unlink()
    page.run()
    assert metrics(page)["Crimes scored"] == "7"
