"""How pure functions become assets: IO managers over the stores, checks, partitions, automation, plots as metadata.

Everything here is shared by all domains and knows none of them. Logic about data or models belongs to a domain or to `ml`.
"""

import warnings

import dagster as dg

# Backfill policies, partitioned checks and mappings to months that do not exist are marked beta or preview. Nothing stable does
# their work, and the exact pin of dagster keeps them as they are.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
# A job of tables and models is backfilled partition by partition, which is what Dagster says it will do.
warnings.filterwarnings("ignore", message="Asset job .* materializes assets with varying BackfillPolicies", category=UserWarning)
