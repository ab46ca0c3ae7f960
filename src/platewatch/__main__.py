"""The command line; see platewatch.cli."""

from __future__ import annotations

import sys


def main() -> None:
    """Run `platewatch`. The base install has no command line: the `cli` and `serve` extras bring it."""
    try:
        from platewatch.cli import app
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("platewatch"):
            raise
        sys.exit(f"platewatch's command line needs {error.name}: pip install 'platewatch[serve]'")
    app()


if __name__ == "__main__":
    main()
