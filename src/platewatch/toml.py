"""TOML files as checked structs."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from platewatch.errors import ConfigError, at_fault

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
        table, names_none, rest = (place or "").partition("[...]")
        if names_none:
            place = f"{table}.{_key_at_fault(values, kind, table.split('.'))}{rest}"
        raise ConfigError(reason, field=place) from None


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
