"""A service that crashes must not leave on the disk what it was reading."""

from __future__ import annotations

import ctypes
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def keep_from_dumps() -> list[str]:
    """Keep this process' memory out of core dumps, and from other processes of its user; returns what the system did
    not allow.
    """
    refused = []
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        refused.append("no core dumps")
    if not sys.platform.startswith("linux") or ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        refused.append("not dumpable")
    return refused
