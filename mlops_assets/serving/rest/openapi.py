"""The OpenAPI description: what is served now, with each model's own schema of a record from its input contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI

    from mlops_assets.contracts import Column
    from mlops_assets.serving.champions import ServedModel
    from mlops_assets.serving.service import PredictionService

_OBJECT: Mapping[str, Any] = {"type": "object"}
_TEXT: Mapping[str, Any] = {"type": "string"}
_JSON_TYPES = {
    "bool": "boolean",
    "int8": "integer",
    "int32": "integer",
    "int64": "integer",
    "float32": "number",
    "float64": "number",
}
_ERRORS = {
    "400": "The body cannot be read.",
    "401": "The key is missing or wrong.",
    "403": "The key does not allow this.",
    "404": "There is no such model.",
    "413": "The body or the batch is too large.",
    "422": "The record breaks the input contract, or the model cannot do what is asked.",
    "503": "No version is champion yet, or it could not be loaded.",
    "504": "The answer took too long.",
}


class Description:
    """Describes an application, and anew when another champion is served."""

    def __init__(self, app: FastAPI, service: PredictionService) -> None:
        """Describe `app`, whose champions `service` has."""
        self._app, self._service = app, service
        self._models: tuple[ServedModel, ...] | None = None
        self._description: dict[str, Any] = {}

    def __call__(self) -> dict[str, Any]:
        """Return the description; it takes the place of `FastAPI.openapi`."""
        served = tuple(status.served for status in self._service.champions.models.values() if status.served is not None)
        if served != self._models:
            self._description, self._models = self._describe(served), served
        return self._description

    def _describe(self, served: tuple[ServedModel, ...]) -> dict[str, Any]:
        app = self._app
        described = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        paths = described.setdefault("paths", {})
        for operation in (operation for path in paths.values() for operation in path.values()):
            # Routes of domains say all errors as the others do, and not as FastAPI has it.
            operation["responses"] |= _errors(*_ERRORS)
        paths |= _platform_paths()
        for model in served:
            if model.takes_records:
                paths |= _model_paths(model, self._service.settings.max_batch_rows)
        schemas = described.setdefault("components", {}).setdefault("schemas", {})
        for of_fastapi in ("HTTPValidationError", "ValidationError"):
            schemas.pop(of_fastapi, None)
        schemas |= {"Error": _error_schema(), "ModelVersion": _version_schema()}
        schemas |= {_record_name(model): model.reader.json_schema() for model in served if model.takes_records}
        described["components"]["securitySchemes"] = {
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            "bearer": {"type": "http", "scheme": "bearer"},
        }
        described["security"] = [{"key": []}, {"bearer": []}, {}]
        return described


def _platform_paths() -> dict[str, Any]:
    name = [{"name": each, "in": "path", "required": True, "schema": _TEXT} for each in ("domain", "model")]
    exposition = {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": _TEXT}}}
    return {
        "/": _get("Say what is here.", _OBJECT),
        "/health": _get("Tell whether the process lives.", _OBJECT),
        "/ready": {
            "get": {
                "summary": "Tell whether champions answer, with the reason for each that does not.",
                "responses": {"200": _json("Ready.", _OBJECT), "503": _json("Not ready.", _OBJECT)},
            }
        },
        "/metrics": {"get": {"summary": "Count.", "responses": {"200": exposition, **_errors("401")}}},
        "/v1/models": _get("List the models.", _OBJECT, "401"),
        "/v1/models/{domain}/{model}": {
            **_get("Describe a champion: contract, metrics, lineage.", _OBJECT, "401", "404", "503"),
            "parameters": name,
        },
        "/v1/models/reload": _reload(),
        "/v1/models/{domain}/{model}/reload": {**_reload("404", "503"), "parameters": name},
    }


def _model_paths(served: ServedModel, max_rows: int) -> dict[str, Any]:
    path = f"/v1/models/{served.name.domain}/{served.name.name}/predict"
    record = {"$ref": f"#/components/schemas/{_record_name(served)}"}
    answer = _answer_schema(served)
    row = {
        "anyOf": [
            answer,
            {"type": "object", "required": ["error"], "properties": {"error": _error_schema()["properties"]["error"]}},
        ]
    }
    # Each record of a batch answers for itself, so that a wrong one does not break the schema of the request.
    rows = {
        "type": "array",
        "description": f"At most {max_rows:,} records; one that breaks the schema is answered by an error of its own.",
        "items": {"anyOf": [record, {}]},
    }
    explain = {
        "name": "explain",
        "in": "query",
        "description": "Whether to say which inputs moved the score.",
        "schema": {"type": "boolean", "default": False},
    }
    return {
        path: {
            "post": {
                "summary": f"Ask {served.name} about one record.",
                "operationId": f"predict {served.name}",
                "parameters": [] if served.bundle.typical is None else [explain],
                "requestBody": _body({"record": record}),
                "responses": {"200": _json("The answer.", _with_request_id(answer)), **_errors(*_ERRORS)},
            }
        },
        f"{path}/batch": {
            "post": {
                "summary": f"Ask {served.name} about many records.",
                "operationId": f"predict batch {served.name}",
                "requestBody": _body({"records": rows}),
                "responses": {
                    "200": _json("An answer or an error for each record, in their order.", _batch_schema(row)),
                    **_errors(*_ERRORS),
                },
            }
        },
    }


def _answer_schema(served: ServedModel) -> dict[str, Any]:
    outputs = {column.name: column for column in served.bundle.predictor.outputs}
    value = outputs.get("is_predicted") or outputs["predicted_class"]
    probabilities = {"type": "object", "additionalProperties": {"type": "number"}}
    unknown = {"type": "array", "items": _TEXT, "description": "Inputs that were not given."}
    return {
        "type": "object",
        "required": ["model", "value", "probability", "unknown_inputs"],
        "properties": {
            "model": {"$ref": "#/components/schemas/ModelVersion"},
            "value": _output_schema(value),
            "probability": {"type": "number", "minimum": 0, "maximum": 1},
            "probabilities": probabilities,
            "unknown_inputs": unknown,
            "explanation": {"type": "array", "items": _OBJECT},
        },
    }


def _output_schema(column: Column) -> dict[str, Any]:
    schema = {"type": _JSON_TYPES.get(column.type, "string"), "description": column.description}
    return schema if column.allowed is None else {**schema, "enum": list(column.allowed)}


def _with_request_id(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        **schema,
        "required": ["request_id", *schema["required"]],
        "properties": {"request_id": _TEXT, **schema["properties"]},
    }


def _batch_schema(row: dict[str, Any]) -> dict[str, Any]:
    return _with_request_id({"type": "object", "required": ["answers"], "properties": {"answers": {"type": "array", "items": row}}})


def _version_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["domain", "name", "version", "run_id"],
        "properties": {
            "domain": _TEXT,
            "name": _TEXT,
            "version": {"type": ["integer", "null"], "description": "Null of a bundle from a folder."},
            "run_id": {"type": ["string", "null"], "description": "The MLflow run that trained it."},
        },
    }


def _error_schema() -> dict[str, Any]:
    fields = {"type": "object", "required": ["field", "message"], "properties": {"field": _TEXT, "message": _TEXT}}
    error = {
        "type": "object",
        "required": ["code", "message", "fields"],
        "properties": {"code": _TEXT, "message": _TEXT, "fields": {"type": "array", "items": fields}},
    }
    return {"type": "object", "required": ["request_id", "error"], "properties": {"request_id": _TEXT, "error": error}}


def _record_name(served: ServedModel) -> str:
    return f"{served.name.domain}.{served.name.name}.Record"


def _get(summary: str, schema: Mapping[str, Any], *errors: str) -> dict[str, Any]:
    return {"get": {"summary": summary, "responses": {"200": _json("Found.", schema), **_errors(*errors)}}}


def _reload(*errors: str) -> dict[str, Any]:
    responses = {"200": _json("Looked up.", _OBJECT), **_errors("401", "403", "504", *errors)}
    return {"post": {"summary": "Look up champions at once; needs the admin key.", "responses": responses}}


def _body(properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": False}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _errors(*statuses: str) -> dict[str, Any]:
    return {status: _json(_ERRORS[status], {"$ref": "#/components/schemas/Error"}) for status in statuses}


def _json(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
