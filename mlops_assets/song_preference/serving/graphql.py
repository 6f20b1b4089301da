"""The field `predict` of the original."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import strawberry

from mlops_assets.serving.graphql import QueryField, query_field
from mlops_assets.song_preference.serving.original import READER, ask

if TYPE_CHECKING:
    from mlops_assets.serving.service import PredictionService


@strawberry.type(description="Whether the listener will like a song.")
class ModelOutput:
    """The original's answer."""

    int_output: bool
    str_output: str = strawberry.field(description="Successful or Not Successful.")


def query_fields(service: PredictionService) -> list[QueryField]:
    """Return the field."""

    async def predict(
        info: strawberry.Info[Any, Any], speechiness: float, energy: float, danceability: float, acousticness: float
    ) -> ModelOutput:
        info.context["cost"].add(1)
        features = {
            "speechiness": speechiness,
            "energy": energy,
            "danceability": danceability,
            "acousticness": acousticness,
        }
        reply = await ask(service, features, "graphql")
        info.context["response"].headers.update(reply.headers())
        return ModelOutput(int_output=reply.is_liked, str_output=reply.text)

    description = "Whether the listener will like a song of which four shares are known, each between 0 and 1."
    return [query_field("predict", description, predict, READER.read)]
