"""Write the types of platewatch._core: python bindings/stubs.py FOLDER."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pybind11_stubgen

import platewatch.matching.match  # noqa: F401 - it makes matches of the core go as dataclasses


def main(folder: Path) -> None:
    pybind11_stubgen.main(["platewatch._core", "--exit-code", "-o", str(folder)])
    stub = folder / "platewatch" / "_core.pyi"
    # Type checkers take the names that a pattern may bind from the values.
    text = re.sub(r"(__match_args__): typing\.ClassVar\[tuple\]", r"\1", stub.read_text("utf-8"))
    stub.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
