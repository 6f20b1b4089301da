"""What the preference model learns from, how it is chosen, measured and promoted. Neither Dagster nor MLflow here."""
