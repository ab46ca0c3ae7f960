"""What others build against an installed platewatch: by its CMake package, by pkg-config, and by its headers alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import platewatch as pw
from platewatch.bundle.make import make
from platewatch.service.policy import Policy

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "edge"
TOOLS = Path(sys.executable).parent  # where pip puts cmake and ninja
READS = "12가3456\n99하9999\n"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "wanted.bundle"
    matcher = pw.Matcher(["12가3456", "34나5678"], model=pw.ChannelModel.default().of_engine("ctc"))
    make(matcher, version=1, agency="police", group="gates", issued=0, expires=1, policy=Policy()).save(path)
    return path


def run(*command: object, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        input=READS,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}", **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_cmake_project_finds_the_package(tmp_path: Path, bundle: Path) -> None:
    run(
        *("cmake", "-S", ROOT / "tests" / "edge" / "consumer", "-B", tmp_path / "build", "-G", "Ninja"),
        *(f"-Dplatewatch_DIR={pw.get_cmake_dir()}", f"-DEXAMPLES={EXAMPLES}"),
    )
    run("cmake", "--build", tmp_path / "build")
    for program in ("match_c", "match_c_shared", "match_core"):
        (hit,) = run(tmp_path / "build" / program, bundle).splitlines()
        assert "12가3456" in hit


@pytest.mark.skipif(shutil.which("pkg-config") is None, reason="no pkg-config")
def test_pkg_config_knows_it(tmp_path: Path, bundle: Path) -> None:
    folder = Path(pw.get_cmake_dir()).parents[1] / "pkgconfig"
    flags = run("pkg-config", "--cflags", "--libs", "platewatch", PKG_CONFIG_PATH=str(folder)).split()
    run("cc", EXAMPLES / "match.c", "-o", tmp_path / "match", *flags)
    assert "12가3456" in run(tmp_path / "match", bundle)


def test_the_shared_library_needs_the_c_library_only(tmp_path: Path, bundle: Path) -> None:
    folder = Path(pw.get_cmake_dir()).parents[1]
    run("cc", EXAMPLES / "match.c", "-o", tmp_path / "match", f"-I{pw.get_include()}", f"-L{folder}", "-lplatewatch")
    assert "12가3456" in run(tmp_path / "match", bundle, LD_LIBRARY_PATH=str(folder))
    needed = [line for line in run("ldd", folder / "libplatewatch.so").splitlines() if "=>" in line]
    assert {Path(line.split()[0]).name.partition(".")[0] for line in needed} <= {"libc", "libm"}


def test_the_header_is_c99_and_stands_alone(tmp_path: Path) -> None:
    source = tmp_path / "alone.c"
    source.write_text("#include <platewatch.h>\nint abi(void) { return (int)pw_abi_version(); }\n")
    run(
        *("cc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", pw.get_include()),
        *("-c", source, "-o", tmp_path / "alone.o"),
    )
