"""What came out of a run, and the machine that it ran on: one JSON file; on the way there, one for each benchmark."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

import platewatch as pw
from platewatch import _core
from platewatch.evaluation import Evaluation

from .measure import Spread, last_level_cache

HERE = Path(__file__).parent
KEPT = HERE / "record"
"""The records that are kept, by date; not in the wheel."""

_MEASURED = ("src", "cpp", "bindings", "benchmarks", "CMakeLists.txt", "pyproject.toml")
_LIBRARIES = ("numpy", "pytest", "pytest-benchmark", "rapidfuzz", "pyarrow", "msgspec", "uvicorn", "aiohttp")

Value = str | int | float | bool


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where it ran. `kernel` is the matcher's, one of `kernels`, and `system` the operating system's."""

    processor: str
    cores: int
    memory_gib: float
    cache_mib: float
    system: str
    libc: str
    compiler: str
    kernel: str
    kernels: list[str]
    python: str
    versions: dict[str, str]

    @property
    def slug(self) -> str:
        """For file names: amd-epyc-2-cores."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.processor} {self.cores} cores".lower()).strip("-")

    def title(self) -> str:
        """For people: AMD EPYC, 2 cores, 23 GiB."""
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        return f"{self.processor}, {cores}, {self.memory_gib:.0f} GiB"


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a benchmark. `value` is in `unit`; `count` is how many results each round had, and `checked` what
    that was held against. `ratios` are those of the value to lines of these names, by pairs of rounds. `quantiles` are
    those of a distribution, from 0 to 1."""

    question: str
    name: str
    unit: str
    value: Spread
    parameters: dict[str, Value] = {}
    count: int | None = None
    checked: str = ""
    ratios: dict[str, Spread] = {}
    quantiles: dict[str, float] = {}
    note: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of one benchmark: its results, or why it was left out; and how long it took."""

    benchmark: str
    seconds: float
    results: list[Result] = []
    left_out: str = ""
    accuracy: Evaluation | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A run. `code` is the commit, with a mark if the tree was changed, or the version where there is no tree."""

    made: datetime
    code: str
    full: bool
    machine: Machine
    outcomes: list[Outcome]

    def results(self, question: str, **parameters: Value) -> list[Result]:
        """Those of a question with these parameters, in the order of the run."""
        return [
            result
            for outcome in self.outcomes
            for result in outcome.results
            if result.question == question and all(result.parameters.get(k) == v for k, v in parameters.items())
        ]

    def accuracy(self) -> Evaluation | None:
        """That of the run, if it was measured."""
        return next((outcome.accuracy for outcome in self.outcomes if outcome.accuracy is not None), None)

    def save(self, path: Path) -> None:
        """Write it, one benchmark a line: a record is kept under version control. Raises OSError."""
        head = {name: getattr(self, name) for name in self.__struct_fields__ if name != "outcomes"}
        start = msgspec.json.format(msgspec.json.encode(_short(head)), indent=1).removesuffix(b"\n}")
        lines = b",\n".join(b"  " + msgspec.json.encode(_short(outcome)) for outcome in self.outcomes)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(start + b',\n "outcomes": [\n' + lines + b"\n ]\n}\n")


def load(path: Path) -> Record:
    """Raises OSError, and msgspec.DecodeError for what is no record."""
    return msgspec.json.decode(path.read_bytes(), type=Record)


def latest(folder: Path = KEPT, *, full: bool | None = None) -> Record | None:
    """The newest record that is kept in a folder."""
    records = [load(path) for path in sorted(folder.glob("20*.json"))]
    return max((r for r in records if full is None or r.full == full), key=lambda r: r.made, default=None)


def file_name(record: Record) -> str:
    """2026-11-25-amd-epyc-2-cores.json"""
    return f"{record.made:%Y-%m-%d}-{record.machine.slug}.json"


def this_machine() -> Machine:
    """Of this process."""
    features = pw.cpu_features()
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        cache_mib=round(last_level_cache() / 2**20, 1),
        system=f"{platform.system()} {platform.release()}",
        libc=" ".join(platform.libc_ver()),
        compiler=_core.compiler(),
        kernel=str(features["kernel"]),
        kernels=list(features["usable"]),
        python=platform.python_version(),
        versions={"platewatch": metadata.version("platewatch")} | _versions(),
    )


def code() -> str:
    """The commit that the benchmarks lie in, `+` and a digest behind it if what is measured was changed since; without
    a checkout the version."""
    if not (HERE.parent / "CMakeLists.txt").exists() or shutil.which("git") is None:
        return metadata.version("platewatch")
    commit = _git("rev-parse", "--short=10", "HEAD").decode().strip()
    if not commit:
        return metadata.version("platewatch")
    what = ("--", *_MEASURED, ":!benchmarks/record", ":!*.md")
    new = _git("ls-files", "--others", "--exclude-standard", *what).decode().splitlines()
    changed = b"".join([_git("diff", "HEAD", *what), *((HERE.parent / path).read_bytes() for path in new)])
    return f"{commit}+{hashlib.sha256(changed).hexdigest()[:6]}" if changed else commit


class Key(msgspec.Struct, frozen=True):
    """What the outcomes of one run have in common."""

    code: str
    full: bool
    machine: Machine


class Partial:
    """The outcomes of a run so far, a file each, for a run that goes on where another was interrupted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = folder / "key.json"

    def begin(self, *, full: bool, fresh: bool = False) -> None:
        """Go on with what is there, or forget it if it is of another code, machine or kind of run: figures of two runs
        do not mix. Raises OSError."""
        key = Key(code(), full, this_machine())
        if fresh or not self._key.exists() or self._key.read_bytes() != msgspec.json.encode(key):
            for path in self.folder.glob("*.json"):
                path.unlink()
            self.folder.mkdir(parents=True, exist_ok=True)
            self._key.write_bytes(msgspec.json.encode(key))

    def add(self, outcome: Outcome) -> None:
        """Keep one. It replaces the file as a whole, so that an interruption leaves none that is torn."""
        path = self._path(outcome.benchmark)
        scratch = path.with_suffix(".new")
        scratch.write_bytes(msgspec.json.encode(outcome))
        scratch.replace(path)

    def has(self, benchmark: str) -> bool:
        """Whether it is done, or was left out."""
        return self._path(benchmark).exists()

    def record(self) -> Record:
        """What is kept, as a record of now. Raises OSError if nothing was begun."""
        key = msgspec.json.decode(self._key.read_bytes(), type=Key)
        paths = [path for path in self.folder.glob("*.json") if path != self._key]
        outcomes = [msgspec.json.decode(path.read_bytes(), type=Outcome) for path in paths]
        return Record(
            made=datetime.now(UTC).replace(microsecond=0),
            code=key.code,
            full=key.full,
            machine=key.machine,
            outcomes=sorted(outcomes, key=lambda outcome: outcome.benchmark),
        )

    def _path(self, benchmark: str) -> Path:
        readable = re.sub(r"[^\w.-]+", "_", benchmark)[:80]
        return self.folder / f"{readable}-{hashlib.sha256(benchmark.encode()).hexdigest()[:8]}.json"


def _processor() -> str:
    """Its name, and of which family and model it is, as many machines of a cloud say no more than the maker's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    facts: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    named = re.sub(r"\((R|TM)\)", "", facts.get("model name") or facts.get("Model") or platform.machine())
    return f"{named} (family {facts['cpu family']}, model {facts['model']})" if "cpu family" in facts else named


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(HERE.parent), *arguments], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""


def _short(value: object) -> Any:
    """Numbers with four digits: more would be noise, and a record is kept."""
    plain = msgspec.to_builtins(value)

    def short(part: Any) -> Any:
        if isinstance(part, float):
            return float(f"{part:.4g}")
        if isinstance(part, dict):
            return {name: short(one) for name, one in part.items()}
        return [short(one) for one in part] if isinstance(part, list) else part

    return short(plain)
