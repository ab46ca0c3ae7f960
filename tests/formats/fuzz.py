"""Looks for messages that break a format: `make fuzz-formats`.

First guided by coverage (atheris); then blindly, many times as fast, from what was found and the payloads. Values of
JSON are swapped for others, too. What breaks something is kept beside the corpus.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from inspect import getmembers, isclass, isfunction
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from tests.formats.inputs import check, of_bytes, seeds

_VALUES: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 1e308, 2**70, "", "-", "Unknown", "12가3456", "\ud800", "A" * 5000, "2026-11-23T09:00:03",
    "9" * 400, [], [[]], {}, {"#text": "12가3456"}, {"value": [1]}, [None, 5, "x"], {"@value": {}}, 1795424403847,
)  # fmt: skip
_BYTES: Final = (
    b"", b"\0", b"\r\n", b"--", b"\r\n\r\n", b"<", b">", b"&", b"{", b"[", b"\"", b"\\u", b"=", b",", b"\xff\xfe",
    b"\xb0\xa1", b"\xed\xa0\x80", b"]]>", b"<![CDATA[", b"<!DOCTYPE a [", b"#", b":", b"9" * 50, b"[" * 3000,
    b"<a>" * 100, b"NaN", b"Infinity", b"-",
)  # fmt: skip
_HEAD: Final = 5  # bytes in front of the body
_MOST: Final = 16384
_EACH: Final = 20_000  # inputs of a task
_TOLD: Final = 25  # tasks after which it is told how far it is


def mutate(atheris: ModuleType, data: bytes, most: int, seed: int) -> bytes:
    """A value of the JSON for another, or what libFuzzer does."""
    dice = random.Random(seed)
    if dice.random() < 0.3 and (swapped := _swapped(data, dice)) is not None:
        return swapped[:most]
    mutated: bytes = atheris.Mutate(data, most)
    return mutated


def guided(corpus: Path, runs: int) -> None:
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number:03}").write_bytes(seed)
    import atheris  # only here: blindly, nothing but the project is needed

    _instrument(atheris)
    options = [sys.argv[0], str(corpus), f"-runs={runs}", "-max_len=4096", f"-artifact_prefix={corpus.parent}/"]
    atheris.Setup(options, lambda data: check(of_bytes(data)), custom_mutator=partial(mutate, atheris))
    atheris.Fuzz()


def _instrument(atheris: ModuleType) -> None:
    """The functions of the formats, one by one: hooks of the import miss a package that is installed editable."""
    for name, module in list(sys.modules.items()):
        if name.startswith("platewatch.formats"):
            classes = [of for _, of in getmembers(module, isclass) if of.__module__ == name]
            for holder in (module, *classes):
                for _, function in getmembers(holder, isfunction):
                    if function.__module__ == name:
                        atheris.instrument_func(function)


def blind(corpus: Path, seed: int) -> int:
    """How many reads there were. Raises what a format raises, with the input kept."""
    dice = random.Random(seed)
    known = [*seeds(), *(path.read_bytes() for path in sorted(corpus.glob("*")))]
    reads = 0
    for _ in range(_EACH):
        data = dice.choice(known)
        if dice.random() < 0.3:
            data = _swapped(data, dice) or data
        for _ in range(dice.randrange(4)):
            data = _damaged(data, dice.choice(known), dice)[:_MOST]
        try:
            found = check(of_bytes(data))
        except BaseException as error:
            path = corpus.parent / f"crash-{seed}"
            path.write_bytes(data)
            raise AssertionError(f"{path}: {error!r}") from error
        reads += 0 if found is None else len(found.reads)
    return reads


def _damaged(data: bytes, other: bytes, dice: random.Random) -> bytes:
    begin, end = sorted((dice.randrange(len(data) + 1), dice.randrange(len(data) + 1)))
    kind = dice.randrange(5)
    if kind == 0:
        return data[:begin] + dice.choice(_BYTES) + data[begin:]
    if kind == 1:
        return data[:begin] + data[end:]
    if kind == 2:
        return data[:end] + data[begin:]
    if kind == 3 and len(other) > _HEAD:
        place = dice.randrange(_HEAD, len(other))
        return data[:begin] + other[place : place + dice.randrange(200)] + data[begin:]
    return data[:begin] + bytes((dice.randrange(256),)) + data[begin + 1 :]


def _swapped(data: bytes, dice: random.Random) -> bytes | None:
    try:
        tree = json.loads(data[_HEAD:])
    except (ValueError, RecursionError):
        return None
    if not isinstance(tree, dict | list) or not tree:
        return None
    _swap(tree, dice)
    return data[:_HEAD] + json.dumps(tree, ensure_ascii=dice.random() < 0.5).encode("utf-8", "ignore")


def _swap(tree: Any, dice: random.Random) -> None:
    key: Any = dice.choice(list(tree) if isinstance(tree, dict) else range(len(tree)))
    if isinstance(tree[key], dict | list) and tree[key] and dice.random() < 0.8:
        _swap(tree[key], dice)
    elif isinstance(tree, dict) and dice.random() < 0.1:
        del tree[key]
    else:
        tree[key] = dice.choice(_VALUES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--guided", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.guided:
        guided(given.corpus, given.inputs)
        return
    tasks = range(given.seed, given.seed + max(1, given.inputs // _EACH))
    reads = 0
    with ProcessPoolExecutor(given.jobs) as pool:
        for done, found in enumerate(pool.map(blind, [given.corpus] * len(tasks), tasks), 1):
            reads += found
            if done % _TOLD == 0 or done == len(tasks):
                print(f"{done * _EACH:,} inputs, {reads:,} reads, nothing broke", flush=True)


if __name__ == "__main__":
    main()
