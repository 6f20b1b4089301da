"""The `mlops-assets` command line. Commands are thin; what they do lies in the modules that they call."""

from mlops_assets.cli.main import app

__all__ = ["app"]
