"""gcp-storage-emulator with what it lacks of the service's documented behaviour: `python gcs_emulator.py PORT`.

Added are ranges that count from the end, the answer 416 to ranges outside of an object, and generations: a download says which
one it is of, and one that was replaced is no longer found. Everything is in memory, and one request is answered after the other.
Uploads are read faster.
"""

from __future__ import annotations

import json
import re
import sys
from http import HTTPStatus
from http.server import HTTPServer
from typing import Any

from gcp_storage_emulator import server  # type: ignore[import-untyped]
from gcp_storage_emulator.exceptions import NotFound  # type: ignore[import-untyped]
from gcp_storage_emulator.handlers import objects  # type: ignore[import-untyped]

_original_get, _original_read_data = objects.get, server._read_data


def download(request: Any, response: Any, storage: Any, *_: Any) -> None:
    """Answer a request for the bytes of an object, or some of them."""
    try:
        about = _wanted_generation(request, storage)
        data = storage.get_file(request.params["bucket_name"], request.params["object_id"])
    except NotFound:
        response.status = HTTPStatus.NOT_FOUND
        return
    response["X-Goog-Generation"] = about["generation"]
    span = _span(request.get_header("range", ""), len(data))
    if span is None:
        response["X-Goog-Hash"] = f"crc32c={about['crc32c']},md5={about['md5Hash']}"
    elif span.start >= span.stop:
        response.status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        return
    else:
        response.status = HTTPStatus.PARTIAL_CONTENT
        response["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{len(data)}"
        data = data[span.start : span.stop]
    response.write_file(data, content_type=about["contentType"])


def get(request: Any, response: Any, storage: Any, *_: Any) -> None:
    """Answer a request for what is known about an object, or for its bytes."""
    try:
        _wanted_generation(request, storage)
    except NotFound:
        response.status = HTTPStatus.NOT_FOUND
        return
    _original_get(request, response, storage)


def _wanted_generation(request: Any, storage: Any) -> Any:
    about = storage.get_file_obj(request.params["bucket_name"], request.params["object_id"])
    if request.query.get("generation", [about["generation"]])[0] != about["generation"]:
        raise NotFound
    return about


def _span(header: str, size: int) -> range | None:
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", header)
    if wanted is None:
        return None
    first, last = wanted.groups()
    if not first:
        return range(max(size - int(last), 0), size)
    return range(int(first), min(int(last) + 1, size) if last else size)


def read_data(handler: Any, query: Any) -> Any:
    """Return the body of a request; that of an upload is read as the mail it looks like, but without looking at each line of it."""
    kind = handler.headers.get("Content-Type") or ""
    if not kind.startswith("multipart/related"):
        return _original_read_data(handler, query)
    boundary = kind.partition("boundary=")[2].strip("\"'").encode()
    _, about, content, _ = server._read_raw_data(handler).split(b"--" + boundary)
    content_head, _, content_body = content.partition(b"\r\n\r\n")
    return {
        "meta": json.loads(about.partition(b"\r\n\r\n")[2]),
        "content": content_body.removesuffix(b"\r\n"),
        "content-type": content_head.partition(b":")[2].strip().decode(),
    }


def main() -> None:
    """Serve until the process is ended."""
    server._read_data = read_data
    improved = {objects.get: get, objects.download: download}
    for _, handlers in server.HANDLERS:
        for method, handler in handlers.items():
            handlers[method] = improved.get(handler, handler)
    # A request for an object's description may ask for its bytes after all.
    objects.download = download
    # Clients that read several partitions at once come in crowds, and one that is cut off must not block the others for good.
    HTTPServer.request_queue_size = 64
    server.RequestHandler.timeout = 10
    server.create_server("127.0.0.1", int(sys.argv[1]), in_memory=True).run()


if __name__ == "__main__":
    main()
