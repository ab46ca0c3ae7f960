"""Dependencies point one way: no room imports from one above it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "platewatch"

# Floors from the ground up; rooms of one floor know nothing of each other.
PYTHON_FLOORS = (
    {"_core"},
    {"errors", "plural", "cores"},
    {"toml", "build", "broker", "networks", "tls"},
    {"matching", "probability"},
    {"lists", "notify", "formats"},
    {"sources"},
    {"service"},
    {"bundle", "evaluation"},
    {"benchmarks"},
    {"cli"},
)
MAY_KNOW = {"matching": {"probability"}}  # a matcher has a model
MAY_NOT_KNOW = {"sources": {"notify"}}

CORE_FLOORS = ({"base"}, {"text", "store"}, {"search"}, {"probability"}, {"hotlist"}, {"bundle"}, {"c_api"})


def python_imports() -> list[tuple[str, str, str]]:
    """(file, its room, the room that it imports from)."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        if len(inside.parts) == 1 and inside.stem.startswith("__"):
            continue
        room = inside.parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module == "platewatch":
                names = [f"platewatch.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            found += [(str(inside), room, name.split(".")[1]) for name in names if name.startswith("platewatch.")]
    return found


def core_includes() -> list[tuple[str, str, str]]:
    found = []
    for top in ("include/platewatch", "src"):
        for path in sorted((ROOT / "cpp" / top).rglob("*.[ch]pp")):
            inside = path.relative_to(ROOT / "cpp" / top)
            named = re.findall(r'#include "(?:platewatch/)?(\w+)/', path.read_text("utf-8"))
            found += [(str(inside), inside.parts[0], room) for room in named]
    return found


def wrong(imports: list[tuple[str, str, str]], floors: tuple[set[str], ...]) -> list[str]:
    floor_of = {room: floor for floor, rooms in enumerate(floors) for room in rooms}
    assert {room for _, *rooms in imports for room in rooms} <= floor_of.keys()
    return [
        f"{file} imports from {other}"
        for file, room, other in imports
        if room != other
        and (
            (floor_of[other] >= floor_of[room] and other not in MAY_KNOW.get(room, ()))
            or other in MAY_NOT_KNOW.get(room, ())
        )
    ]


def test_no_python_import_runs_back_up() -> None:
    imports = python_imports()
    assert len(imports) > 100
    assert not wrong(imports, PYTHON_FLOORS)


def test_formats_do_no_io() -> None:
    allowed = {
        "__future__", "codecs", "collections", "csv", "dataclasses", "datetime", "functools", "hashlib", "io",
        "itertools", "json", "math", "msgspec", "platewatch", "re", "statistics", "struct", "time", "typing", "urllib",
        "uuid", "xml", "zlib",
    }  # fmt: skip
    files = sorted((PACKAGE / "formats").glob("*.py"))
    assert len(files) > 25
    for path in files:
        text = path.read_text("utf-8")
        named = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(text))
            for name in (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else []
            )
        }
        assert named <= allowed, path.name
        assert not re.search(r"\bopen\(|urllib\.request|\bglobal\b|time\.sleep", text), path.name


def test_no_include_of_the_core_runs_back_up() -> None:
    includes = core_includes()
    assert len(includes) > 100
    assert not wrong(includes, CORE_FLOORS)


@pytest.mark.parametrize(("room", "other"), [("matching", "lists"), ("sources", "notify"), ("notify", "cli")])
def test_a_wrong_import_is_found(room: str, other: str) -> None:
    assert wrong([("x.py", room, other)], PYTHON_FLOORS) == [f"x.py imports from {other}"]
