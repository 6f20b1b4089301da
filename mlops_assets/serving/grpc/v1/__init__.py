"""Messages and stubs of `mlops_assets.v1`, as `make protos` writes them from `predictions.proto`."""
