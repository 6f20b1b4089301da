"""What every domain's models share: bundle and predictors, splitting, encoding, search, metrics, promotion, retraining, drift.

Functions and estimators over frames and arrays belong here. Nothing here knows a domain, an asset, a run or a registry:
no dagster, no mlflow, no column name that is not an argument. Time, seeds and limits come in as arguments, so that the
same input gives the same output.

`metrics`, `splitting`, `encoders` and `search` work on arrays and are imported where they are used. `metric_set`,
`promotion`, `retraining` and `drift` hold limits that a domain names; importing them loads no heavy library.
"""
