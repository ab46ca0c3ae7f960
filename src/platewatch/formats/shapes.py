"""Where things stand in an item: of each field of a read the paths to look at, in this order.

`ANPR.licensePlate | ANPR.plate` are two; a number is the place in a list, and a path that begins with `/` begins at the
message and not at the item.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from platewatch.formats.confidences import Scale

Paths: TypeAlias = tuple[tuple[str, ...], ...]

_DEEPEST: Final = 16  # levels that are looked through


@dataclass(frozen=True, slots=True)
class Shape:
    """Where the fields of a read stand in an item. `candidates` are those of a list, with the names of a candidate's
    text and confidence in it.
    """

    plate: Paths = ()
    time: Paths = ()
    camera: Paths = ()
    confidence: Paths = ()
    candidates: Paths = ()
    candidate_plate: str = "plate"
    candidate_confidence: str = "score"
    pass_id: Paths = ()
    image_url: Paths = ()
    late: Paths = ()
    scale: Scale = None
    engine: str | None = None
    no_plate: frozenset[str] = frozenset()


def shape(
    plate: str,
    *,
    time: str = "",
    camera: str = "",
    confidence: str = "",
    candidates: str = "",
    candidate_plate: str = "plate",
    candidate_confidence: str = "score",
    pass_id: str = "",
    image_url: str = "",
    late: str = "",
    scale: Scale = None,
    engine: str | None = None,
) -> Shape:
    """A Shape of paths as text."""
    return Shape(
        plate=paths(plate),
        time=paths(time),
        camera=paths(camera),
        confidence=paths(confidence),
        candidates=paths(candidates),
        candidate_plate=candidate_plate,
        candidate_confidence=candidate_confidence,
        pass_id=paths(pass_id),
        image_url=paths(image_url),
        late=paths(late),
        scale=scale,
        engine=engine,
    )


def paths(text: str) -> Paths:
    """Those that stand between bars."""
    return compiled([path for path in text.split("|") if path.strip()])


def compiled(paths: list[str]) -> Paths:
    return tuple(_path(path.strip()) for path in paths)


def _path(path: str) -> tuple[str, ...]:
    return ("/", *path[1:].split(".")) if path.startswith("/") else tuple(path.split("."))


def at(record: Any, path: str) -> Any:
    """What stands there; None if nothing does."""
    return _at(record, tuple(path.split(".")))


def _at(record: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if isinstance(record, dict):
            if name in record:
                record = record[name]
            elif name != "0":  # a list of one may be just the one
                return None
        elif isinstance(record, list) and name.isdecimal() and len(name) < 6 and int(name) < len(record):
            record = record[int(name)]
        else:
            return None
    return record


def first(record: Any, paths: Paths, root: Any = None) -> tuple[Any, tuple[str, ...]]:
    """The first that is something, and its path; None if there is none."""
    for path in paths:
        value = _at(root, path[1:]) if path[0] == "/" else _at(record, path)
        if isinstance(value, dict) and "#text" in value:
            value = value["#text"]
        if value is not None and value != "" and not (isinstance(value, str) and value.isspace()):
            return value, path
    return None, ()


def spelling(names: str, *shapes: Shape) -> dict[str, str]:
    """How a format spells names, by what they are in lower case: these, and those in the paths of shapes."""
    found = names.split()
    for of in shapes:
        for paths in (of.plate, of.time, of.camera, of.confidence, of.pass_id, of.late):
            found += [name for path in paths for name in path]
    return {name.lower(): name for name in found}


def spelled(value: Any, names: dict[str, str], depth: int = 0) -> Any:
    """With the names of objects as the format spells them, where firmwares have them in another case."""
    if isinstance(value, list):
        return [spelled(item, names, depth + 1) for item in value] if depth < _DEEPEST else value
    if not isinstance(value, dict) or depth == _DEEPEST:
        return value
    found: dict[str, Any] = {}
    for key, inner in value.items():
        name = names.get(key.lower()) or key
        if name == key or name not in value:
            found[name] = spelled(inner, names, depth + 1)
    return found


def holders(tree: Any, name: str, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Each object in which something has this name, but for those within another."""
    if isinstance(tree, dict) and name in tree:
        yield tree
    elif isinstance(tree, dict | list) and depth < _DEEPEST:
        for inner in tree.values() if isinstance(tree, dict) else tree:
            yield from holders(inner, name, depth + 1)


def each(value: Any) -> list[Any]:
    """The items of a list; one that stands alone is one, as XML has it."""
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def named(path: tuple[str, ...]) -> str:
    """As an error tells it."""
    return ".".join(path[1:] if path[:1] == ("/",) else path)
