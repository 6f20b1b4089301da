"""Serving: every domain's champion behind REST, GraphQL and gRPC, from the bundle that batch scoring uses. No Dagster here.

The way of a request, whatever its protocol: `records` reads what was sent by the model's input contract, `service` asks the
champion of `champions`, and `prediction_log` notes the answer as an event. What a domain adds to it is its `serving.py`.
"""
