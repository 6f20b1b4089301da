"""What the launcher of the Flex template runs: `mlops-assets stream`, with every parameter as an option."""

from __future__ import annotations

import argparse
import sys

from mlops_assets.cli import app

if __name__ == "__main__":
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--domain", default="song_popularity")
    known, options = parser.parse_known_args()
    sys.argv = ["mlops-assets", "stream", known.domain, *options]
    app()
