"""What this domain adds to serving."""

from mlops_assets.serving.extension import DomainServing
from mlops_assets.song_preference import DOMAIN

SERVING = DomainServing(DOMAIN, ("preference_model",))
