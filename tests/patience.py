"""How long tests wait."""

from __future__ import annotations

from typing import Final

PATIENCE: Final = 120.0
"""Seconds after which what has not happened never will, however slow the machine is."""
