"""The command line; see platewatch.cli."""

from __future__ import annotations

import io
import sys


def main() -> None:
    """Run `platewatch`. The base install has no command line: the `cli` and `serve` extras bring it."""
    try:
        from platewatch.cli import app
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("platewatch"):
            raise
        sys.exit(f"platewatch's command line needs {error.name}: pip install 'platewatch[serve]'")
    for stream in (sys.stdout, sys.stderr):  # what is written are formats of their own, whatever the locale
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    app()


if __name__ == "__main__":
    main()
