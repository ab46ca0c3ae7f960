"""`python -m benchmarks`, in a checkout: every benchmark, and the record is kept. `make bench` calls it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from platewatch.errors import PlatewatchError

from . import record
from .figures import summary
from .run import run


def main() -> None:
    """Exits with 2 if a benchmark failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="directory for report.html, plots and record.json")
    parser.add_argument("--core", type=Path, help="the program core_benchmark, which tells the machine's floor")
    parser.add_argument("--fresh", action="store_true", help="do not go on where another run was interrupted")
    options = parser.parse_args()
    try:
        made, written = run(options.output, full=True, fresh=options.fresh, core=options.core)
    except PlatewatchError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    kept = record.KEPT / record.file_name(made)
    made.save(kept)
    print(*summary(made), written[1], kept, sep="\n")


if __name__ == "__main__":
    main()
