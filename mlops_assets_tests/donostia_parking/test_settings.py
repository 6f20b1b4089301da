"""Settings of the parking domain."""

from pathlib import Path

import pytest

from mlops_assets.donostia_parking.cities import CITIES
from mlops_assets.donostia_parking.contracts import CITY_CODES
from mlops_assets.donostia_parking.settings import DonostiaParkingSettings
from mlops_assets.errors import SettingsError

PREFIX = "MLOPS_DONOSTIA_PARKING_"


def test_default_needs_nothing() -> None:
    """A laptop without network simulates Donostia."""
    settings = DonostiaParkingSettings()
    assert (settings.source, settings.city, settings.sample_as_of) == ("sample", "donostia", None)


def test_cities_of_settings_and_contracts_are_those_there_are() -> None:
    """A city is named the same way everywhere."""
    assert tuple(CITIES) == CITY_CODES
    assert [CITIES[code].code for code in CITY_CODES] == list(CITY_CODES)


def test_second_city_is_a_recording(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Birmingham has no feed and no simulation."""
    monkeypatch.setenv(f"{PREFIX}CITY", "birmingham")
    with pytest.raises(SettingsError, match="it needs MLOPS_DONOSTIA_PARKING_SOURCE=export"):
        DonostiaParkingSettings()
    monkeypatch.setenv(f"{PREFIX}SOURCE", "export")
    with pytest.raises(SettingsError, match="needs MLOPS_DONOSTIA_PARKING_EXPORT_PATH"):
        DonostiaParkingSettings()
    monkeypatch.setenv(f"{PREFIX}EXPORT_PATH", str(tmp_path))
    assert DonostiaParkingSettings().export_path == tmp_path


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SOURCE", "files", "'sample', 'export' or 'live'"),
        ("CITY", "bilbao", "'donostia' or 'birmingham'"),
        ("SAMPLE_SEED", "-1", "greater than or equal to 0"),
        ("SAMPLE_AS_OF", "2024-06-30T00:00:00", "needs a time zone"),
    ],
)
def test_wrong_value_names_the_legal_ones(monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    """A wrong setting fails at start."""
    monkeypatch.setenv(f"{PREFIX}{name}", value)
    with pytest.raises(SettingsError, match=message):
        DonostiaParkingSettings()


def test_store_urls_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """They may hold a password."""
    monkeypatch.setenv(f"{PREFIX}WAREHOUSE_URL", "mysql://u:secret@h/d")
    assert "secret" not in repr(DonostiaParkingSettings())
