"""Who gets in: by the one token of the settings, or by a key of its own for each who asks."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, Final

from platewatch.service.asgi import Scope, header
from platewatch.service.keys import ANYBODY, Action, Keys, Principal

PRINCIPAL: Final = "platewatch.principal"
"""Where a request's scope says who asks."""

CERTIFICATE: Final = "platewatch.certificate"
"""Where a request's scope has the name in the client's certificate, if it has shown one."""


class Denied(Exception):  # noqa: N818 - an answer, not a mistake
    """Nobody that is known asks (401), somebody who may not (403), or too often (429): then there are seconds after
    which to ask again. The reason is for the client.
    """

    def __init__(self, status: int, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class Gate:
    """Lets in who shows the `token`, which may do everything, or one of the `keys`, and without both everybody."""

    def __init__(self, token: str | None, keys: Keys | None) -> None:
        self._token = None if token is None else token.encode()
        self._keys = keys

    def admit(self, scope: Scope, action: Action) -> Principal:
        """Who asks, if they may. Raises Denied."""
        if self._token is None and self._keys is None:
            return _by_certificate(scope)
        scheme, _, given = header(scope, b"authorization").partition(" ")
        given = given.strip()
        if scheme.lower() != "bearer" or not given:
            raise Denied(401, "needs the header Authorization: Bearer <token>")
        if self._token is not None and hmac.compare_digest(given.encode("latin-1"), self._token):
            return _by_certificate(scope)
        principal = None if self._keys is None else self._keys.principal(given, address_of(scope))
        if principal is None:
            raise Denied(401, "no such key, or not now, or not from here: Authorization: Bearer <token>")
        if action not in principal.may:
            raise Denied(403, f"this key may not do this: it needs {action.value!r}")
        return principal


def _by_certificate(scope: Scope) -> Principal:
    """Who may do everything: by name, if a certificate says it."""
    name = scope.get(CERTIFICATE)
    return ANYBODY if name is None else Principal(name=name, may=frozenset(Action))


def principal_of(scope: Scope) -> Principal:
    """Who was let in with a request."""
    found = scope[PRINCIPAL]
    assert isinstance(found, Principal)  # noqa: S101 - the gate has put it there
    return found


def with_principal(scope: Scope, principal: Principal) -> Mapping[str, Any]:
    """The request, with who asks."""
    return {**scope, PRINCIPAL: principal}


def address_of(scope: Scope) -> str:
    """The client's address, empty if it is unknown."""
    client = scope.get("client")
    return str(client[0]) if client else ""
