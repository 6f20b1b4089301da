"""What this domain adds to serving."""

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.serving.extension import DomainServing

SERVING = DomainServing(DOMAIN, ("forecast_model",))
