"""What this domain adds to serving."""

from mlops_assets.chicago_crimes import DOMAIN
from mlops_assets.serving.extension import DomainServing

SERVING = DomainServing(DOMAIN, ("arrest_model",))
