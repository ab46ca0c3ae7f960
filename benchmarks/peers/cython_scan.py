"""A scan in Cython, cython_scan.pyx: what a good engineer writes in an afternoon. Compiled on first use."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from . import InMemory, PeerMissing, version_of

SOURCE = Path(__file__).with_suffix(".pyx")
FLAGS = ["-O3", "-march=native", "-shared", "-fPIC", "-w"]


def compiler() -> list[str]:
    return shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")


def run(*command: str) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise PeerMissing(f"there is no C compiler {command[0]}") from None
    except subprocess.CalledProcessError as error:
        raise PeerMissing(f"{shlex.join(command)} failed: {error.stderr.strip() or error.stdout.strip()}") from error


def load() -> ModuleType:
    """The compiled module, from the user's cache: the sources may lie where nobody can write."""
    about = (SOURCE.read_text(), str(FLAGS), version(), sys.version, platform.node())
    digest = hashlib.sha256("\n".join(about).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "platewatch" / "peers"
    library = cache / digest / f"cython_scan{sysconfig.get_config_var('EXT_SUFFIX')}"
    if not library.exists():
        library.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            c_file, built = Path(folder, "cython_scan.c"), Path(folder, library.name)
            run(sys.executable, "-m", "cython", "-3", "-o", str(c_file), str(SOURCE))
            run(*compiler(), *FLAGS, f"-I{sysconfig.get_path('include')}", str(c_file), "-o", str(built))
            built.replace(library)  # whole, or not at all
    spec = importlib.util.spec_from_file_location("cython_scan", library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def version() -> str:
    return f"{version_of('cython')}, {run(*compiler(), '--version').splitlines()[0]}"


class CythonScan:
    name = "Cython scan"
    settings = "banded distance of each plate of about the same length, on UCS-4 in one array a length, -march=native"
    least_edits, most_edits = 0, 3
    distance = "Levenshtein"
    largest = 1_000_000
    reads_a_second = 2_000.0

    def version(self) -> str:
        return version()

    def build(self, plates: Sequence[str], _: int, /) -> InMemory:
        return InMemory(load().Plates(plates).search)
