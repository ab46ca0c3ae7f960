"""The command line; see platewatch.cli."""

from __future__ import annotations

import io
import sys
from typing import Final

from platewatch._core import __version__

_CLI: Final = "pip install 'platewatch[cli]', or 'platewatch[serve]' to run the service, too"
_SERVE: Final = "pip install 'platewatch[serve]'"
_INSTALLS: Final = {
    "typer": _CLI,
    "rich": _CLI,
    "cryptography": "pip install 'platewatch[bundle]'",
    "aiohttp": _SERVE,
    "httptools": _SERVE,
    "structlog": _SERVE,
    "uvicorn": _SERVE,
    "uvloop": _SERVE,
}
"""What brings a module that the base install lacks."""


def main() -> None:
    """Run `platewatch`. The base install only tells its version: the `cli` and `serve` extras bring the commands."""
    for stream in (sys.stdout, sys.stderr):  # what is written are formats of their own, whatever the locale
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    try:
        from platewatch.cli import app

        app()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _INSTALLS:
            raise
        if sys.argv[1:] == ["--version"]:
            print(__version__)
            return
        sys.exit(f"this command needs {missing}: {_INSTALLS[missing]}")


if __name__ == "__main__":
    main()
