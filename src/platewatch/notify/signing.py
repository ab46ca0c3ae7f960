"""Standard Webhooks signatures (https://www.standardwebhooks.com), symmetric: HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import hmac
import secrets as entropy
from collections.abc import Mapping, Sequence
from typing import Final

from platewatch.errors import ConfigError, PlatewatchError

_PREFIX: Final = "whsec_"
_KEY_BYTES: Final = range(24, 65)  # the lengths that the specification allows


class SignatureError(PlatewatchError):
    """A message that is not authentic, not intact or not fresh; `field` names the header at fault."""


def generate_secret() -> str:
    """A new random secret of 256 bits, to be shared with the far end."""
    return _PREFIX + base64.b64encode(entropy.token_bytes(32)).decode()


class Signer:
    """Signs with every secret it has: two while a secret is being replaced, one otherwise.

    Secrets are "whsec_" and base64 of 24 to 64 bytes; raises ConfigError for any other, and for none.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = _keys(secrets)

    def headers(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """The three headers of one attempt at `timestamp` (seconds since the epoch)."""
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(_sign(key, message_id, str(timestamp), body) for key in self._keys),
        }


class Verifier:
    """Accepts a message that any of the secrets signed, if its time is within `tolerance` seconds of now.

    Raises ConfigError as Signer does.
    """

    def __init__(self, secrets: Sequence[str], *, tolerance: float = 300.0) -> None:
        self._keys = _keys(secrets)
        self._tolerance = tolerance

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Raises SignatureError unless `body` is authentic and fresh at `now` (seconds since the epoch).

        Header names are looked up in lower case: give a mapping that ignores case, or lower-case names.
        """
        message_id = _header(headers, "webhook-id")
        timestamp = _header(headers, "webhook-timestamp")
        signatures = _header(headers, "webhook-signature").split(" ")
        if not timestamp.isdecimal():
            raise SignatureError("not a whole number of seconds", field="webhook-timestamp")
        if abs(float(timestamp) - now) > self._tolerance:
            raise SignatureError(f"more than {self._tolerance:g} s from now", field="webhook-timestamp")
        expected = [_sign(key, message_id, timestamp, body) for key in self._keys]
        if not any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in signatures):
            raise SignatureError("does not match", field="webhook-signature")


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise SignatureError("missing", field=name)
    if not value.isascii():
        raise SignatureError("not ASCII", field=name)
    return value


def _sign(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def _keys(secrets: Sequence[str]) -> list[bytes]:
    if not secrets:
        raise ConfigError("at least one secret is needed", field="secrets")
    return [_key(secret) for secret in secrets]


def _key(secret: str) -> bytes:
    # The reasons name no part of the secret, since they end up in logs.
    if not secret.startswith(_PREFIX):
        raise ConfigError(f"a secret starts with {_PREFIX}", field="secrets")
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        raise ConfigError(f"a secret is base64 after {_PREFIX}", field="secrets") from None
    if len(key) not in _KEY_BYTES:
        raise ConfigError(f"a secret has 24 to 64 bytes, not {len(key)}", field="secrets")
    return key
