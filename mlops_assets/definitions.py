"""The code location that Dagster loads."""

from mlops_assets.build import build_definitions
from mlops_assets.settings import Settings

defs = build_definitions(Settings())
