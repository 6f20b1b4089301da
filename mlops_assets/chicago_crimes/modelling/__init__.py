"""What the arrest model learns from, how it is chosen, measured, promoted and watched. Neither Dagster nor MLflow here."""
