"""`python -m mlops_assets.cli` is `mlops-assets`."""

from mlops_assets.cli import app

app()
