"""Ports that are free, and what to write instead of one that is not."""

import errno
import socket
from contextlib import ExitStack

from mlops_assets.errors import SettingsError

_TRIED_PORTS = 100


def require_free_port(host: str, port: int, option: str = "--port") -> None:
    """Refuse a port at which another server listens already.

    Args:
        host: address of this machine.
        port: the port; 0 is always free.
        option: by which another port is chosen.

    Raises:
        SettingsError: it does, or the address is not one of this machine; the message says what to write instead.
    """
    error = _listening_error(host, port)
    if error is None:
        return
    if error.errno != errno.EADDRINUSE:
        raise SettingsError(f"cannot listen at {host}:{port}: {error.strerror or error}; choose others with --host and {option}")
    free = next((other for other in range(port + 1, port + _TRIED_PORTS) if _listening_error(host, other) is None), None)
    raise SettingsError(
        f"port {port} of {host} is in use, perhaps by another server of yours: http://{host}:{port}; end that one"
        + (f", or choose another port: {option} {free}" if free else "")
    )


def free_ports(count: int) -> list[int]:
    """Return ports of this machine at which nobody listens."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _listening_error(host: str, port: int) -> OSError | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            # As servers do; otherwise a port would count as used for a minute after its server has stopped.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
    except OSError as error:
        return error
    return None
