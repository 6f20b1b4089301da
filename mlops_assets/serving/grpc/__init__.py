"""gRPC: the service `mlops_assets.v1.Predictions`, services of domains, health and reflection."""

from mlops_assets.serving.grpc.server import GrpcServer, build_grpc_server

__all__ = ["GrpcServer", "build_grpc_server"]
