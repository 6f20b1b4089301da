"""Who may ask by REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.serving.access import KEY_HEADER, ClientCheck, KeyCheck
from mlops_assets.serving.errors import ForbiddenError, UnauthorizedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request
    from starlette.types import Scope

    from mlops_assets.serving.settings import ServingSettings

OPEN_PATHS = frozenset({"/", "/health", "/ready"})
"""What load balancers and people who look around may see without a key; it says nothing about models."""

_KEY, _AUTHORIZATION = KEY_HEADER.encode(), b"authorization"


class Access:
    """Decides about requests by the keys of the settings."""

    def __init__(self, settings: ServingSettings, open_paths: Iterable[str] = ()) -> None:
        """Let clients in by `settings`; to some paths beside `OPEN_PATHS`, everybody."""
        self._open_paths = OPEN_PATHS.union(open_paths)
        self._clients = ClientCheck(settings)
        self._admins = KeyCheck([settings.admin_key]) if settings.admin_key else None

    def require_at_path(self, scope: Scope) -> None:
        """Refuse the request of a client that is not let in, unless its path is open to everybody.

        Raises:
            UnauthorizedError: as `require` does.
        """
        if scope["path"] not in self._open_paths:
            self.require(scope)

    def require(self, scope: Scope) -> None:
        """Refuse the request of a client that is not let in.

        Raises:
            UnauthorizedError: it has no valid key, or comes from another machine while there are no keys.
        """
        self._clients.require((scope.get("client") or ("",))[0], *_credentials(scope))

    def lets_in(self, scope: Scope) -> bool:
        """Tell whether `require` would let the request pass."""
        try:
            self.require(scope)
        except UnauthorizedError:
            return False
        return True

    def require_admin(self, scope: Scope) -> None:
        """Refuse a request that only whoever runs the service may make.

        Raises:
            UnauthorizedError: it has no key.
            ForbiddenError: its key is that of a client, or nobody may make it.
        """
        if self._admins is None:
            raise ForbiddenError("nobody may do this: MLOPS_SERVING_ADMIN_KEY is not set")
        key, authorization = _credentials(scope)
        if key is None and authorization is None:
            raise UnauthorizedError(f"the admin key is needed: send it as {KEY_HEADER}, or as authorization: Bearer <key>")
        try:
            self._admins.require(key, authorization)
        except UnauthorizedError:
            raise ForbiddenError("this needs the admin key") from None


def require_admin(request: Request) -> None:
    """Refuse a request without the admin key; a dependency for the routes of domains.

    Raises:
        UnauthorizedError, ForbiddenError: as `Access.require_admin` does.
    """
    access: Access = request.app.state.access
    access.require_admin(request.scope)


def _credentials(scope: Scope) -> tuple[str | None, str | None]:
    key = authorization = None
    for name, value in scope["headers"]:
        if name == _KEY:
            key = value.decode("latin-1")
        elif name == _AUTHORIZATION:
            authorization = value.decode("latin-1")
    return key, authorization
