"""Where data is kept. A store is a URL; its scheme picks the implementation.

`lake` holds tables as Parquet over `objects` (one object per asset partition), `warehouse` holds the tables that people and
dashboards query, `models` holds experiments and the model registry. No module here knows a domain or Dagster.
"""
