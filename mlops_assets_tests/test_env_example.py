"""`.env.example` is the list of all settings."""

import re
from pathlib import Path

from mlops_assets.settings import load_settings, variables_by_setting

REPOSITORY = Path(__file__).resolve().parents[1]


def examples() -> dict[str, str]:
    """Return the example value of every variable in the file."""
    text = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^# ([A-Z0-9_]+)=(.+)$", text, re.MULTILINE))


def test_every_setting_has_a_commented_example() -> None:
    """No setting is left out, and none is listed that nothing reads; Kafka's credentials are no settings and stand there, too."""
    preferred = [variables[0] for variables in variables_by_setting()]
    assert sorted(examples()) == sorted([*preferred, "MLOPS_KAFKA_USERNAME", "MLOPS_KAFKA_PASSWORD"])


def test_example_values_are_legal(project: Path) -> None:
    """Whoever removes the # of all lines gets settings that load, and that are the defaults where the file says so."""
    text = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    (project / ".env").write_text(re.sub(r"^# ([A-Z_]+=)", r"\1", text, flags=re.MULTILINE))
    settings = load_settings()
    assert vars(settings.domains["chicago_crimes"])["sample_crimes_per_year"] == 260_000
    (project / ".env").write_text("")
    default = load_settings()
    for name in ("data_dir", "lake_url", "warehouse_url", "documents_url", "events_url", "mlflow_tracking_uri", "mlflow_ui_url"):
        assert getattr(settings, name) == getattr(default, name), name
