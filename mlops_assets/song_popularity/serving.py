"""What this domain adds to serving: its model, by the platform's own routes."""

from __future__ import annotations

from mlops_assets.serving.extension import DomainServing
from mlops_assets.song_popularity import DOMAIN

SERVING = DomainServing(DOMAIN, ("popularity_model",))
