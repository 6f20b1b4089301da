"""The code location that Dagster loads."""

from mlops_assets.build import build_definitions
from mlops_assets.settings import load_settings

defs = build_definitions(load_settings())
