"""What every domain's models share: splitting, encoding, search, evaluation, quality gate, promotion, drift.

Functions and estimators over frames and arrays belong here. Nothing here knows a domain, an asset, a run or a registry:
no dagster, no mlflow, no column name that is not an argument. Time, seeds and limits come in as arguments, so that the
same input gives the same output.

`metrics`, `splitting`, `encoders` and `search` work on arrays and are imported where they are used. `gate`, `promotion`
and `drift` hold limits that settings may name; importing them loads no heavy library.
"""
