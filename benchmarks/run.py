"""Runs the suites and writes what came out: the command `platewatch bench`."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from platewatch.errors import PlatewatchError

from . import record
from .record import HERE, Record

_NEEDED = {"pytest": "pytest", "pytest_benchmark": "pytest-benchmark", "rapidfuzz": "rapidfuzz", "matplotlib": ""}
_NOTHING_TO_DO = 5  # pytest's status where all was done before


def require() -> None:
    """Raises PlatewatchError, which says how to install it, if something is missing that every benchmark needs."""
    missing = [name or module for module, name in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise PlatewatchError(f'benchmarks need {", ".join(missing)}: pip install "platewatch[bench]"')


def run(
    output: Path, *, full: bool = False, only: str = "", fresh: bool = False, core: Path | None = None
) -> tuple[Record, list[Path]]:
    """Run the suites, keep their outcomes in `output`/partial as they come, and write record.json, report.html and its
    plots to `output`; returns the record and what was written.

    `only` chooses benchmarks by name, as pytest's -k does. A run that was interrupted is gone on with, unless `fresh`.
    Raises PlatewatchError if a benchmark failed, and OSError.
    """
    require()
    partial = (output / "partial").absolute()
    partial.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", str(HERE), "-c", str(HERE / "pytest.ini"), "-q", "--no-header"]
    command += ["-o", "console_output_style=classic", "--partial", str(partial)]
    command += [f"--benchmark-storage=file://{partial}"]
    command += [*(["--full"] if full else []), *(["--fresh"] if fresh else []), *(["-k", only] if only else [])]
    command += ["--core", str(core.absolute())] if core is not None else []
    status = subprocess.run(command, check=False, cwd=output).returncode
    if status not in (0, _NOTHING_TO_DO):
        raise PlatewatchError("benchmarks failed or were interrupted: run it again for those that are left")
    made = record.Partial(partial).record()
    if not made.outcomes:
        raise PlatewatchError(f"no benchmark is named like {only!r}")
    made.save(output / "record.json")
    from .report import write

    return made, [output / "record.json", *write(made, output)]
