"""A Kafka cluster in a process: librdkafka's mock cluster, driven through the C API of the library that confluent-kafka brings.

    python -m mlops_assets_tests.services.kafka_mock CONTROL_PORT

It speaks Kafka over TCP, in memory, and keeps about 5 MB per partition. It cannot make topics by the admin protocol, keeps no
transactions apart and knows no users. What it can do besides, it does for lines sent to the control port, which it answers by `ok`
or by what went wrong:

    bootstrap                   answers with host:port
    topic NAME PARTITIONS       makes a topic
    errors API COUNT CODE       lets the next COUNT requests with this API key fail with this error code
    topic_error NAME CODE       lets the cluster give this error for a topic; 0 ends it
    down, up                    stops the broker, which breaks its connections, and starts it again
    delay MILLISECONDS          answers later
"""

from __future__ import annotations

import ctypes
import socketserver
import sys
from pathlib import Path
from typing import Any

_POINTER = ctypes.c_void_p
_PRODUCER = 0
_BROKER = 1


def library_path() -> Path | None:
    """Return librdkafka as confluent-kafka brings it; None where it is built into another file."""
    import confluent_kafka

    package = Path(confluent_kafka.__file__).parent
    folders = [package.with_name("confluent_kafka.libs"), package / ".dylibs"]
    return next((path for folder in folders for path in folder.glob("librdkafka[.-]*")), None)


class MockCluster:
    """One broker."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        complaint = ctypes.create_string_buffer(512)
        options = self._call("conf_new", restype=_POINTER)
        self._call("conf_set", _POINTER(options), b"log_level", b"0", complaint, ctypes.c_size_t(512))
        client = self._call("new", _PRODUCER, _POINTER(options), complaint, ctypes.c_size_t(512), restype=_POINTER)
        if not client:
            raise RuntimeError(complaint.value.decode())
        self._cluster = _POINTER(self._call("mock_cluster_new", _POINTER(client), 1, restype=_POINTER))

    def bootstrap(self) -> str:
        hosts: bytes = self._call("mock_cluster_bootstraps", self._cluster, restype=ctypes.c_char_p)
        return hosts.decode()

    def topic(self, name: str, partitions: str) -> str:
        return self._done("mock_topic_create", self._cluster, name.encode(), int(partitions), 1)

    def errors(self, api: str, count: str, code: str) -> str:
        codes = (ctypes.c_int * int(count))(*[int(code)] * int(count))
        size = ctypes.c_size_t(int(count))
        self._call("mock_push_request_errors_array", self._cluster, ctypes.c_int16(int(api)), size, codes, restype=None)
        return "ok"

    def topic_error(self, name: str, code: str) -> str:
        self._call("mock_topic_set_error", self._cluster, name.encode(), int(code), restype=None)
        return "ok"

    def down(self) -> str:
        return self._done("mock_broker_set_down", self._cluster, _BROKER)

    def up(self) -> str:
        return self._done("mock_broker_set_up", self._cluster, _BROKER)

    def delay(self, milliseconds: str) -> str:
        return self._done("mock_broker_set_rtt", self._cluster, _BROKER, int(milliseconds))

    def _done(self, function: str, *arguments: object) -> str:
        code: int = self._call(function, *arguments)
        return "ok" if code == 0 else f"librdkafka says {code}"

    def _call(self, function: str, *arguments: object, restype: object = ctypes.c_int) -> Any:
        c_function = getattr(self._library, f"rd_kafka_{function}")
        c_function.restype = restype
        return c_function(*arguments)


def serve(port: int) -> None:
    """Run the cluster and answer control lines until the process is killed."""
    library = library_path()
    assert library is not None
    cluster = MockCluster(library)

    class Control(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                command, *arguments = line.decode().split()
                self.wfile.write(f"{getattr(cluster, command)(*arguments)}\n".encode())

    with socketserver.TCPServer(("127.0.0.1", port), Control) as server:
        server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
