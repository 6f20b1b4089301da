"""Serving as a container of Vertex AI, whose contract is a set of environment variables `AIP_*`.

https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from mlops_assets.environment_settings import EnvironmentSettings
from mlops_assets.errors import SettingsError

if TYPE_CHECKING:
    from mlops_assets.serving.champions import ModelName

_ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - the contract asks for it
_NEEDED = ("AIP_HTTP_PORT", "AIP_PREDICT_ROUTE", "AIP_HEALTH_ROUTE")

_Route = Annotated[str, Field(pattern=r"^/[^?#{}\s]*$")]


class VertexContainer(EnvironmentSettings):
    """What Vertex AI tells a container, and where it will ask.

    Attributes:
        http_port: port to listen at, on all addresses.
        predict_route: path of predictions.
        health_route: path that answers 200 once predictions can be asked for.
        storage_uri: folder with the model's artifact, as `gs://bucket/folder`; empty if the model was uploaded without one.
    """

    model_config = SettingsConfigDict(env_prefix="AIP_", env_file=None)

    http_port: int = Field(ge=0, le=65_535)
    predict_route: _Route
    health_route: _Route
    storage_uri: str | None = None

    @property
    def address(self) -> dict[str, Any]:
        """Where to listen, as settings of serving have it."""
        return {"host": _ANY_ADDRESS, "port": self.http_port}

    @property
    def routes(self) -> frozenset[str]:
        """What Vertex AI may ask without a key; nobody else reaches the container."""
        return frozenset({self.predict_route, self.health_route})


def find_container() -> VertexContainer | None:
    """Return what Vertex AI tells this process; None outside of its containers.

    Raises:
        SettingsError: some of the variables are set and others are not, or one is not what Vertex AI sets.
    """
    missing = [name for name in _NEEDED if not os.environ.get(name)]
    if len(missing) == len(_NEEDED):
        return None
    if missing:
        raise SettingsError(
            f"a container of Vertex AI has {', '.join(_NEEDED)}, but {', '.join(missing)} is not set; set all of them or none"
        )
    return VertexContainer()


def answering_model(asked: Sequence[ModelName], known: Sequence[ModelName]) -> ModelName:
    """Return the model that answers Vertex AI, whose route names none: the one asked for, or the only one.

    Raises:
        SettingsError: there are several.
    """
    names = list(asked or known)
    if len(names) != 1:
        raise SettingsError(
            "Vertex AI asks one model: name it as MLOPS_SERVING_VERTEX_MODEL, such as song_popularity/popularity_model; "
            f"models: {', '.join(map(str, names)) or 'none'}"
        )
    return names[0]
