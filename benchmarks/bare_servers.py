"""Handlers of FastAPI and grpc.aio that return a constant: what serving is compared with."""

from __future__ import annotations

import sys
from typing import Any

import grpc
import uvicorn
import uvloop
from fastapi import FastAPI, Request

from mlops_assets.serving.grpc.v1 import predictions_pb2 as pb
from mlops_assets.serving.grpc.v1.predictions_pb2_grpc import PredictionsServicer, add_PredictionsServicer_to_server

app = FastAPI()


@app.get("/health")
async def health() -> dict[str, str]:
    """Say that it lives."""
    return {"status": "ok"}


@app.post("/constant")
async def constant(request: Request) -> dict[str, Any]:
    """Return a constant of the form of an answer, after reading the body."""
    await request.body()
    return {"request_id": "constant", "value": True, "probability": 0.5, "unknown_inputs": []}


class Constant(PredictionsServicer):
    """Returns a constant."""

    async def Predict(self, request: pb.PredictRequest, context: Any) -> pb.Answer:  # noqa: N802
        """Return a constant of the form of an answer."""
        return pb.Answer(is_predicted=True, probability=0.5)


async def serve(port: int, grpc_port: int) -> None:
    """Serve both until the process is stopped."""
    server = grpc.aio.server()
    add_PredictionsServicer_to_server(Constant(), server)
    server.add_insecure_port(f"127.0.0.1:{grpc_port}")
    await server.start()
    await uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", access_log=False, timeout_keep_alive=60)).serve()
    await server.stop(0)


if __name__ == "__main__":
    # The event loop of serving.
    uvloop.run(serve(*map(int, sys.argv[1:])))
