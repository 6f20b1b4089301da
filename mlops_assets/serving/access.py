"""Who may ask: the same rule for REST, GraphQL and gRPC."""

from __future__ import annotations

import hmac
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from mlops_assets.serving.errors import UnauthorizedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import SecretStr

    from mlops_assets.serving.settings import ServingSettings

KEY_HEADER = "x-api-key"
_SCHEME = "bearer"


class ClientCheck:
    """Lets clients in by the settings: those with a key, or, where there are no keys, those of this machine."""

    def __init__(self, settings: ServingSettings) -> None:
        """Let clients in by the keys of `settings`; the admin key opens everything."""
        admin_keys = [settings.admin_key] if settings.admin_key else []
        self._keys = KeyCheck([*settings.api_keys, *admin_keys]) if settings.api_keys else None

    def require(self, host: str, key: str | None, authorization: str | None) -> None:
        """Refuse a client that is not let in.

        Args:
            host: its address.
            key: as in `KeyCheck.require`.
            authorization: as in `KeyCheck.require`.

        Raises:
            UnauthorizedError: it has no valid key, or comes from another machine while there are no keys.
        """
        if self._keys is not None:
            self._keys.require(key, authorization)
        elif not is_loopback(host):
            raise UnauthorizedError("this service has no keys, so that it answers clients of its own machine only")


class KeyCheck:
    """Lets those in who have one of some keys."""

    def __init__(self, keys: Iterable[SecretStr]) -> None:
        """Let those in who have one of `keys`."""
        self._keys = tuple(key.get_secret_value().encode() for key in keys)

    def require(self, key: str | None, authorization: str | None = None) -> None:
        """Refuse whoever has no valid key.

        Args:
            key: the value of the header or metadata `x-api-key`.
            authorization: that of `authorization`, as `Bearer <key>`; it is read if there is no `x-api-key`.

        Raises:
            UnauthorizedError: there is no key, or a wrong one.
        """
        given = key if key is not None else _bearer(authorization)
        if given is None:
            raise UnauthorizedError(f"a key is needed: send it as {KEY_HEADER}, or as authorization: Bearer <key>")
        # All keys are compared, so that the time does not tell which of them was nearly right.
        matches = [hmac.compare_digest(given.encode(errors="replace"), known) for known in self._keys]
        if not any(matches):
            raise UnauthorizedError("the key is wrong")


def _bearer(authorization: str | None) -> str | None:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == _SCHEME and token.strip() else None


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Tell whether an address is one of this machine to itself."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
