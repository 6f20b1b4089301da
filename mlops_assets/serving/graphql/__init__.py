"""GraphQL: models and predictions at `/graphql`, with an input type per served model, by its input contract."""

from mlops_assets.serving.graphql.fields import QueryField, query_field
from mlops_assets.serving.graphql.router import build_graphql_router

__all__ = ["QueryField", "build_graphql_router", "query_field"]
