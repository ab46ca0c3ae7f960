"""Instructions of a fixed workload, counted by callgrind and held against those that are kept: CI's test of speed.

python -m benchmarks.instructions build/bench/instructions_benchmark [--write]

Time is noise on a shared machine, instructions are not. Valgrind knows no AVX-512, so it is the kernels `serial` and
`haswell` that are counted; what the memory takes is not. More than 5 % above what is kept fails, by kernel and
function; 25 % where the compiler is another one than that of the record. `--write` keeps the new counts.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

KEPT = Path(__file__).parent / "record" / "instructions.json"
KERNELS = ("serial", "haswell")

_ALLOWED, _ALLOWED_ACROSS_COMPILERS = 0.05, 0.25
_LINE = re.compile(r"^\s*([\d,]+)\s.*?:measured_(\w+)", re.MULTILINE)


class Counts(msgspec.Struct, frozen=True):
    """Instructions by kernel and function, each with what it calls; and what the program found, which must not
    change unnoticed."""

    compiler: str
    instructions: dict[str, dict[str, int]]
    found: dict[str, str]


class CountError(Exception):
    """Why there are no counts."""


def count(program: Path) -> Counts:
    """Run the program under callgrind, once for each kernel. Raises CountError."""
    for tool in ("valgrind", "callgrind_annotate"):
        if shutil.which(tool) is None:
            raise CountError(f"{tool} is not installed (Debian: valgrind)")
    if not program.exists():
        raise CountError(f"{program} is not there: make bench-core")
    compiler = ""
    instructions = {}
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for kernel in KERNELS:
            out = Path(folder) / kernel
            command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", str(program.absolute())]
            compiler, found[kernel] = _run(command, PLATEWATCH_KERNEL=kernel).splitlines()
            listing = _run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", str(out)])
            counts = {name: int(number.replace(",", "")) for number, name in _LINE.findall(listing)}
            instructions[kernel] = dict(sorted(counts.items()))
            if not instructions[kernel]:
                raise CountError("callgrind told of no measured function")
    return Counts(compiler, instructions, found)


def compare(now: Counts, kept: Counts) -> tuple[list[str], bool]:
    """What to print, and whether nothing has become dearer than it may, nor gone, nor finds anything else."""
    same_compiler = now.compiler == kept.compiler
    allowed = _ALLOWED if same_compiler else _ALLOWED_ACROSS_COMPILERS
    lines = []
    good = True
    if not same_compiler:
        lines.append(
            f"ANOTHER COMPILER: these are of {now.compiler}, those kept of {kept.compiler}; {allowed:.0%} are allowed"
        )
    for kernel, before in kept.instructions.items():
        for name, old in before.items():
            new = now.instructions.get(kernel, {}).get(name)
            if new is None:
                lines.append(f"{kernel:8} {name:12} is not counted any more: FAILED")
                good = False
                continue
            change = new / old - 1
            failed = change > allowed
            good &= not failed
            lines.append(f"{kernel:8} {name:12} {new:14,} {change:+8.2%}{'  FAILED' if failed else ''}")
        if now.found.get(kernel) != kept.found.get(kernel):
            lines.append(f"{kernel:8} found {now.found.get(kernel)}, kept is {kept.found.get(kernel)}: FAILED")
            good = False
    return lines, good


def _run(command: list[str], **environment: str) -> str:
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode != 0:
        raise CountError(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def main(arguments: list[str] | None = None) -> int:
    """0 if all is well, 1 if something has become dearer, 2 if nothing could be counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path, help="instructions_benchmark, as make bench-core builds it")
    parser.add_argument("--write", action="store_true", help="keep the counts instead of comparing them")
    parser.add_argument("--kept", type=Path, default=KEPT, help="the file to compare with, or to write")
    options = parser.parse_args(arguments)
    try:
        now = count(options.program)
    except CountError as error:
        print(error, file=sys.stderr)
        return 2
    if options.write:
        options.kept.parent.mkdir(parents=True, exist_ok=True)
        options.kept.write_bytes(msgspec.json.format(msgspec.json.encode(now), indent=1) + b"\n")
        return 0
    lines, good = compare(now, msgspec.json.decode(options.kept.read_bytes(), type=Counts))
    print(*lines, sep="\n")
    if not good:
        print("If this is meant, say so in the commit: make write-instructions", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
