"""A data and ML platform as one Dagster asset graph."""
