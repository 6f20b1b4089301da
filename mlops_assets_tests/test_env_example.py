"""`.env.example` is the list of all settings."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from mlops_assets.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[1]


def variables_of(settings: type[BaseSettings]) -> Iterator[str]:
    """Yield the environment variable of every setting, those of the domains included."""
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings):
            yield from variables_of(field.annotation)
        elif isinstance(alias, AliasChoices):
            yield str(alias.choices[0])
        else:
            yield f"{settings.model_config['env_prefix']}{name}".upper()


def examples() -> dict[str, str]:
    """Return the example value of every variable in the file."""
    text = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^# ([A-Z_]+)=(.+)$", text, re.MULTILINE))


def test_every_setting_has_a_commented_example() -> None:
    """No setting is left out, and none is listed that nothing reads."""
    assert sorted(examples()) == sorted(variables_of(Settings))


def test_example_values_are_legal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever removes the # of any line gets settings that load."""
    monkeypatch.chdir(tmp_path)
    for name, value in examples().items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.chicago_crimes.sample_crimes_per_year == 260_000
    assert settings.data_dir == tmp_path / "data"
