"""TOML files as checked structs."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

import msgspec

from platewatch.errors import ConfigError, at_fault

_UNKNOWN: Final = re.compile("Object contains unknown field `(.*)`")

_Converted = TypeVar("_Converted", bound=msgspec.Struct)


def read(path: Path) -> dict[str, Any]:
    """The file's tables. Raises ConfigError."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None


def convert(values: dict[str, Any], kind: type[_Converted]) -> _Converted:
    """Raises ConfigError that names the setting."""
    try:
        return msgspec.convert(values, kind, dec_hook=_path)
    except msgspec.ValidationError as error:
        reason, place = at_fault(error)
        reason += _suggestion(reason, kind, place)
        table, names_none, rest = (place or "").partition("[...]")
        if names_none:
            place = f"{table}.{_key_at_fault(values, kind, table.split('.'))}{rest}"
        raise ConfigError(reason, field=place) from None


def _suggestion(reason: str, kind: type[msgspec.Struct], place: str | None) -> str:
    """Of a setting that there is none of: which one may be meant."""
    unknown = _UNKNOWN.fullmatch(reason)
    if unknown is None:
        return ""
    kinds: list[Any] = [kind]
    for part in re.findall(r"[^.\[\]]+|\.\.\.", place or ""):
        kinds = [inner for outer in kinds for inner in _inside(outer, part)]
    names = [field.encode_name for one in kinds if _is_struct(one) for field in msgspec.structs.fields(one)]
    near = difflib.get_close_matches(unknown[1], names, 1)
    return f": did you mean `{near[0]}`?" if near else ""


def _inside(kind: Any, part: str) -> list[Any]:
    """What may stand in a struct's field, or under any key of a table."""
    if not _is_struct(kind):
        return _alternatives(get_args(kind)[-1]) if get_args(kind) else []
    return [
        one for field in msgspec.structs.fields(kind) if field.encode_name == part for one in _alternatives(field.type)
    ]


def _alternatives(kind: Any) -> list[Any]:
    if get_origin(kind) is Annotated:
        return _alternatives(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return [one for part in get_args(kind) for one in _alternatives(part)]
    return [kind]


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _key_at_fault(values: dict[str, Any], kind: type[msgspec.Struct], table: list[str]) -> str:
    """Of a table whose keys are names, which msgspec does not tell: the first that cannot be converted alone."""
    holder = values
    for name in table[:-1]:
        holder = holder[name]
    named = holder[table[-1]]
    for key in named:
        try:
            msgspec.convert(_with_value(values, table, {key: named[key]}), kind, dec_hook=_path)
        except msgspec.ValidationError:
            return str(key)
        except ConfigError:
            continue  # of another kind, and not the one to be told
    raise AssertionError("no key is at fault")


def _with_value(values: dict[str, Any], names: list[str], value: object) -> dict[str, Any]:
    """A copy, but for what stands under these names."""
    name, *rest = names
    return values | {name: _with_value(values[name], rest, value) if rest else value}


def _path(kind: type, value: object) -> Path:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError("expected the path of a file")
