"""The JSON of a population: what it may be (docs/formats.md), and what the core takes.

A class, or a form of plates of no class, is then an object with all its fields, its positions as runs of symbols with
their shares; the names of sets are no longer there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from platewatch import _core
from platewatch.errors import ModelError, PlatewatchError
from platewatch.probability import model_files
from platewatch.probability.tables import MOST_SYMBOLS

FORMAT: Final = "platewatch population 1"
FORMS_FORMAT: Final = "platewatch forms 1"

_FIELDS = ("format", "clutter", "generic", "sets", "classes")
_OF_GENERIC = ("density", "symbols", "least", "most", "letters", "digits", "forms")
_OF_CLASSES = ("name", "vehicles", "blocks_in_use", "words", "words_may_be_lost", "positions")
_SHARES_MAY_MISS = 0.001
MOST_VEHICLES: Final = 1e12
_LEAST_BLOCKS = 1e-6
_MOST_POSITIONS = 14
_LONGEST = 16  # of plates
NOTHING: Final[Mapping[str, Any]] = {"density": 0.0, "symbols": "", "least": 1, "most": 0, "forms": []}
"""A generic class without plates."""
_LETTERS, _DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"


def read(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the core takes. Raises ModelError that names the class by its row, and the field."""
    _refuse_unknown(document, _FIELDS)
    classes = document.get("classes")
    if not isinstance(classes, list) or not classes:
        raise ModelError("is not a list of classes", field="classes")
    sets = _sets(document.get("sets", {}))
    clutter = _number(document.get("clutter", 0), 1, "clutter")
    if clutter == 1:
        raise ModelError("is not a share below 1", field="clutter")
    found = {
        "clutter": clutter,
        "generic": _generic(document.get("generic", {})),
        "classes": [_vehicle_class(item, row, sets) for row, item in enumerate(classes, 1)],
    }
    if len(symbols(found)) > MOST_SYMBOLS:
        raise ModelError(f"the plates of a population have more than {MOST_SYMBOLS} distinct symbols")
    return found


def symbols(document: Mapping[str, Any]) -> set[str]:
    """All that the plates of one, as the core takes it, may have."""
    generic = document["generic"]
    texts = [generic["symbols"]]
    for kind in (*document["classes"], *generic.get("forms", ())):
        texts += kind.get("words", ())
        texts += [text for position in kind["positions"] for text in position]
    return set("".join(texts))


def generic(has_letters: bool) -> dict[str, Any]:
    """What to assume of plates of no class: the world's fleets, or less if the classes have letters themselves."""
    return (
        _generic({"density": 0.0002, "symbols": _DIGITS + _LETTERS, "least": 4, "most": 8}) if has_letters else _world()
    )


def written(document: Mapping[str, Any], about: str) -> str:
    """The JSON of one, as the core takes it: a class a line, what stands in several places by a name."""
    often = Counter(run for kind in document["classes"] for place in kind["positions"] for run in place)
    names = {_DIGITS: "digit", _LETTERS: "letter"}
    for run, times in often.items():
        if times > 1 and len(run) > 1 and run not in names:
            names[run] = f"set {len(names) - 1}"
    sets: dict[str, Any] = {names[run]: run for run in often if run in names}
    words: dict[str, list[str]] = {}
    for kind in document["classes"]:
        if kind["words"] and kind["words"] not in words.values():
            words[f"words {len(words) + 1}"] = kind["words"]
    name_of_words = {"".join(members): name for name, members in words.items()}

    def place(shares: Mapping[str, float]) -> Any:
        named = {names.get(run, run): share for run, share in shares.items()}
        return next(iter(named)) if list(named.values()) == [1.0] else named

    classes = []
    for kind in document["classes"]:
        row = {"name": kind["name"], "vehicles": kind["vehicles"]}
        if kind["blocks_in_use"] != 1:
            row["blocks_in_use"] = kind["blocks_in_use"]
        if kind["words"]:
            row |= {"words": name_of_words["".join(kind["words"])], "words_may_be_lost": kind["words_may_be_lost"]}
        classes.append(row | {"positions": [place(shares) for shares in kind["positions"]]})
    fields = {
        "format": FORMAT,
        "about": about,
        "clutter": document["clutter"],
        "generic": _generic_written(document["generic"]),
    }
    lines = [f"  {_json(name)}: {_json(value)}" for name, value in fields.items() if value]
    for name, rows in (("sets", [f"{_json(key)}: {_json(value)}" for key, value in (sets | words).items()]),):
        lines.append(f'  "{name}": {{\n    ' + ",\n    ".join(rows) + "\n  }")
    lines.append('  "classes": [\n    ' + ",\n    ".join(map(_json, classes)) + "\n  ]")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _generic_written(generic: Mapping[str, Any]) -> Any:
    if generic == _world():
        return "world"
    fields = {name: generic[name] for name in ("density", "symbols", "least", "most")} if generic["density"] else {}
    forms = generic.get("forms", ())
    if not forms:
        return fields
    stands: dict[str, str] = {}
    for form in forms:
        for symbol, place in zip(form["name"], form["positions"], strict=True):
            stands[symbol] = next(iter(place))
    letters, digits = stands.get("A", _LETTERS), stands.get("0", _DIGITS)
    return fields | {
        "letters": letters,
        "digits": digits,
        "forms": {form["name"]: form["vehicles"] for form in forms},
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _sets(value: object) -> dict[str, Any]:
    """Of symbols and of words, by name."""
    sets = _object(value, "sets")
    for name, members in sets.items():
        if all(map(_is_canonical, name)):  # then nobody could tell a misspelt one from symbols
            raise ModelError(f"the name {name!r} could be taken for symbols", field="sets")
        check = _symbols if isinstance(members, str) else _words
        check(members, f"sets.{name}")
    return sets


def _generic(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        if value != "world":
            raise ModelError('is neither an object nor "world"', field="generic")
        return _world()
    fields = _object(value, "generic")
    _refuse_unknown(fields, _OF_GENERIC, "generic.")
    density = _number(fields.get("density", 0), 1, "generic.density")
    alike = _symbols(fields["symbols"], "generic.symbols") if "symbols" in fields else ""
    least, most = _length(fields.get("least", 1), "generic.least"), _length(fields.get("most", 0), "generic.most")
    if density > 0 and not alike:
        raise ModelError("is missing", field="generic.symbols")
    if density > 0 and most < max(least, 1):
        raise ModelError("is less than `least`, or than 1", field="generic.most")
    return {"density": density, "symbols": alike, "least": least, "most": most, "forms": _forms(fields)}


@cache
def _world() -> dict[str, Any]:
    """The forms of the world's fleets."""
    fields = model_files.shipped("world.json", FORMS_FORMAT)
    return _generic({name: value for name, value in fields.items() if name != "format"})


def _forms(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each with its vehicles: `A` is a letter, `0` a digit, `?` either."""
    letters = _symbols(fields.get("letters", _LETTERS), "generic.letters")
    digits = _symbols(fields.get("digits", _DIGITS), "generic.digits")
    _refuse_twice(letters + digits, "generic.digits", None)
    found = []
    for form, vehicles in _object(fields.get("forms", {}), "generic.forms").items():
        if not 1 <= len(form) <= _LONGEST or not set(form) <= set("A0?"):
            raise ModelError(f"{form!r} is not a form: 1 to {_LONGEST} of A, 0 and ?", field="generic.forms")
        stands = {"A": {letters: 1.0}, "0": {digits: 1.0}, "?": {letters + digits: 1.0}}
        vehicles = _number(vehicles, MOST_VEHICLES, f"generic.forms.{form}")
        found.append({"name": form, "vehicles": vehicles, "positions": [stands[place] for place in form]})
    return found


def _vehicle_class(item: object, row: int, sets: Mapping[str, Any]) -> dict[str, Any]:
    fields = _object(item, "classes", row)
    _refuse_unknown(fields, _OF_CLASSES, row=row)
    name = fields.get("name", str(row))
    if not isinstance(name, str):
        raise ModelError("is not a text", row=row, field="name")
    blocks_in_use = _number(fields.get("blocks_in_use", 1), 1, "blocks_in_use", row)
    if blocks_in_use < _LEAST_BLOCKS:
        raise ModelError(f"is less than {_LEAST_BLOCKS:g}", row=row, field="blocks_in_use")
    words = fields.get("words", [])
    words_may_be_lost = fields.get("words_may_be_lost", False)
    if not isinstance(words_may_be_lost, bool):
        raise ModelError("is neither true nor false", row=row, field="words_may_be_lost")
    positions = fields.get("positions")
    if not isinstance(positions, list) or not 1 <= len(positions) <= _MOST_POSITIONS:
        raise ModelError(f"is not a list of 1 to {_MOST_POSITIONS} positions", row=row, field="positions")
    return {
        "name": name,
        "vehicles": _number(fields.get("vehicles"), MOST_VEHICLES, "vehicles", row),
        "blocks_in_use": blocks_in_use,
        "words": _words(sets.get(words) if isinstance(words, str) else words, "words", row),
        "words_may_be_lost": words_may_be_lost,
        "positions": [_position(position, row, sets) for position in positions],
    }


def _position(position: object, row: int, sets: Mapping[str, Any]) -> dict[str, float]:
    """The symbols that stand there, each run of them with its share; a text is the name of a set, or symbols."""
    shares = {position: 1.0} if isinstance(position, str) else _object(position, "positions", row)
    runs: list[str] = []
    for text in shares:
        members = sets.get(text)
        runs.append(members if isinstance(members, str) else _symbols(text, "positions", row))
    _refuse_twice("".join(runs), "positions", row)
    found = {run: _number(share, 1, "positions", row) for run, share in zip(runs, shares.values(), strict=True)}
    if abs(sum(found.values()) - 1) > _SHARES_MAY_MISS:
        raise ModelError("the shares of a position do not sum to 1", row=row, field="positions")
    return found


def _symbols(text: object, field: str, row: int | None = None) -> str:
    if not isinstance(text, str) or not text or not all(map(_is_canonical, text)):
        raise ModelError(f"{text!r} is not a set of canonical symbols", row=row, field=field)
    _refuse_twice(text, field, row)
    return text


def _words(words: object, field: str, row: int | None = None) -> list[str]:
    if not isinstance(words, list) or not all(map(_is_word, words)):
        raise ModelError("is not a list of canonical words of two symbols", row=row, field=field)
    _refuse_twice(words, field, row)
    return words


def _is_word(word: object) -> bool:
    return isinstance(word, str) and len(word) == 2 and _is_canonical(word)


def _is_canonical(text: str) -> bool:
    try:
        return _core.normalize(text) == text
    except PlatewatchError:
        return False


def _refuse_twice(items: Iterable[str], field: str, row: int | None) -> None:
    if (item := model_files.repeated(items)) is not None:
        raise ModelError(f"{item!r} is there more than once", row=row, field=field)


def _refuse_unknown(
    fields: Mapping[str, Any], known: tuple[str, ...], within: str = "", row: int | None = None
) -> None:
    for name in fields:
        if name not in (*known, "about"):
            raise ModelError("is unknown", row=row, field=within + name)


def _object(value: object, field: str, row: int | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ModelError("is not an object", row=row, field=field)
    return value


def _number(value: object, most: float, field: str, row: int | None = None) -> float:
    if not model_files.is_number(value) or not 0 <= value <= most:
        raise ModelError(f"is not a number from 0 to {most:g}", row=row, field=field)
    return float(value)


def _length(value: object, field: str) -> int:
    if not model_files.is_number(value) or not isinstance(value, int) or not 0 <= value <= _LONGEST:
        raise ModelError(f"is not a whole number from 0 to {_LONGEST}", field=field)
    return value
