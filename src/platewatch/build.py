"""What this build is, for a report of a fault."""

from __future__ import annotations

import platform
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from platewatch import _core

_INSTALLED = Path(_core.__file__).parent


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """`kernel` is the one in use of `kernels`, those that this machine can run."""

    version: str
    compiler: str
    kernel: str
    kernels: tuple[str, ...]
    machine: str
    python: str
    free_threaded: bool


def build_info() -> BuildInfo:
    """Version and compiler of the core, the kernels that this machine can run, and the Python that runs it."""
    features = _core.cpu_features()
    return BuildInfo(
        version=_core.__version__,
        compiler=_core.compiler(),
        kernel=str(features["kernel"]),
        kernels=tuple(features["usable"]),
        machine=platform.machine(),
        python=f"{platform.python_implementation()} {platform.python_version()}, {sysconfig.get_platform()}",
        free_threaded=not getattr(sys, "_is_gil_enabled", lambda: True)(),
    )


def get_include() -> str:
    """The folder of platewatch.h and, for C++, platewatch/..., as an absolute path: what a compiler's -I takes."""
    return str(_INSTALLED / "include")


def get_cmake_dir() -> str:
    """The folder of the CMake package, as an absolute path: what platewatch_DIR takes.

    find_package(platewatch) has the static libraries platewatch::core, for C++, and platewatch::c then, and but for
    Windows the shared platewatch::c_shared, which is ../../libplatewatch.so. For pkg-config, ../../pkgconfig is its
    neighbour, with the static ones.
    """
    return str(_INSTALLED / "lib" / "cmake" / "platewatch")
