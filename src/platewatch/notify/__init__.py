"""Telling the police: what a hit's notification says, how it is kept until it is delivered, and how it is delivered.

event → outbox → dispatcher → sender (which signs) → WASS, or its simulator. Nothing here knows how a hit was found.

The names below need no optional dependency; `sender`, `dispatcher` and `simulator` need the `serve` extra and are
imported from their own modules.
"""

from __future__ import annotations

from platewatch.notify.event import Camera, HitData, HitEvent, new_event
from platewatch.notify.outbox import Outbox, OutboxError, OutboxLockedError
from platewatch.notify.signing import SignatureError, Signer, Verifier, generate_secret

__all__ = [
    "Camera",
    "HitData",
    "HitEvent",
    "Outbox",
    "OutboxError",
    "OutboxLockedError",
    "SignatureError",
    "Signer",
    "Verifier",
    "generate_secret",
    "new_event",
]
