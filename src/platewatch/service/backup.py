"""Backups: all that the service keeps, in one file, while it runs; and back in place of what is lost.

A backup holds personal data, and with the settings perhaps secrets: only its owner may read it.
"""

from __future__ import annotations

import json
import os
import tarfile
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import Final

from msgspec import structs

from platewatch._core import __version__
from platewatch.errors import PlatewatchError
from platewatch.lists.feeds.store import FeedStore
from platewatch.notify.outbox import Outbox
from platewatch.notify.outbox_file import open_to_read
from platewatch.notify.outbox_reader import entries_of, hit_key
from platewatch.service.audit import Access, Audit, key_of
from platewatch.service.config import Settings

_MANIFEST: Final = "manifest.json"
_SETTINGS: Final = "platewatch.toml"
_OUTBOX: Final = "outbox.db"
_STORE: Final = "feeds.db"


class BackupError(PlatewatchError):
    """A backup cannot be made or put back; nothing was overwritten."""


def _folders(settings: Settings) -> dict[str, Path]:
    """Those whose files are copied as they are, by their name in a backup."""
    return {"audit": settings.audit.folder, "positions": settings.positions}


def _files(settings: Settings) -> dict[str, Path]:
    """What is copied as it is, by its name in a backup."""
    files = {"learnt.json": settings.learning.file}
    if settings.http.keys is not None:
        files["keys.toml"] = settings.http.keys
    for name, folder in _folders(settings).items():
        if folder.is_dir():
            files |= {
                f"{name}/{file.name}": file for file in folder.iterdir() if file.suffix != ".new" and file.is_file()
            }
    return {name: file for name, file in files.items() if file.is_file()}


def _note(settings: Settings, access: Access) -> None:
    """Into the access log, with whose data the outbox has. Raises PlatewatchError, OSError."""
    outbox = settings.outbox.path
    audit = Audit(settings.audit.folder, key_of(hit_key(outbox)), kept_months=settings.audit.kept_months)
    entry_ids = entries_of(outbox)
    audit.write(structs.replace(access, subjects=tuple(map(audit.subject, entry_ids)), count=len(entry_ids)))


def back_up(settings: Settings, config: Path, to: Path, *, who: str, reason: str = "") -> list[str]:
    """Write a backup to a file that must not be there yet, when it is in the access log `who` makes it, and for what
    `reason`; returns what is in it. Raises PlatewatchError, OSError.
    """
    if not settings.outbox.path.exists():
        raise BackupError(f"{settings.outbox.path}: there is no outbox, so there is nothing to back up")
    if to.exists():
        raise BackupError(f"{to} is there already")
    _note(settings, Access(who=who, where="local", action="backup", reason=reason))
    with tempfile.TemporaryDirectory(prefix=".platewatch-", dir=to.resolve().parent) as folder:
        place = Path(folder)
        with open_to_read(settings.outbox.path) as connection:
            connection.execute("VACUUM INTO ?", (str(place / _OUTBOX),))
        files = {_OUTBOX: place / _OUTBOX, _SETTINGS: config, **_files(settings)}
        if settings.list.store.exists():
            FeedStore.copy(settings.list.store, place / _STORE)
            files[_STORE] = place / _STORE
        made = {
            "platewatch": __version__,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "files": [*files],
        }
        (place / _MANIFEST).write_text(json.dumps(made), "utf-8")
        written = place / "backup.tar"
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            with tarfile.open(fileobj=stream, mode="w") as archive:
                for name, file in {_MANIFEST: place / _MANIFEST, **files}.items():
                    archive.add(file, name, recursive=False)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(written, to)  # which overwrites nothing
        except FileExistsError:
            raise BackupError(f"{to} is there already") from None
    return [*files]


async def restore(settings: Settings, backup: Path, *, who: str) -> list[str]:
    """Put what a backup has where the settings say, and note `who` did it; returns what. Raises PlatewatchError,
    OSError.

    No file may be in its place, and no service may run. The settings themselves are left to their owner.
    """
    places = {
        "learnt.json": settings.learning.file,
        _STORE: settings.list.store,
        **({} if settings.http.keys is None else {"keys.toml": settings.http.keys}),
    }
    with tempfile.TemporaryDirectory(prefix=".platewatch-", dir=settings.outbox.path.parent) as folder:
        place = Path(folder)
        names = _unpacked(backup, place)
        found = {name: to for name, to in places.items() if name in names}
        folders = {PurePosixPath(name): to for name, to in _folders(settings).items()}
        found |= {
            name: folders[PurePosixPath(name).parent] / PurePosixPath(name).name
            for name in names
            if PurePosixPath(name).parent in folders
        }
        for to in [settings.outbox.path, *found.values()]:
            if to.exists() and to.stat().st_size:
                raise BackupError(f"{to} is there, and not empty: move it elsewhere first")
        async with await Outbox.open(settings.outbox.path, anew=True, copy=place / _OUTBOX):
            for name, to in found.items():
                to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                data = (place / name).read_bytes()
                with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
        _note(settings, Access(who=who, where="local", action="restore"))
    return [_OUTBOX, *found]


def _unpacked(backup: Path, place: Path) -> list[str]:
    """The names of its files, which are now in `place`. Raises BackupError."""
    try:
        with tarfile.open(backup, "r:") as archive:
            members = archive.getmembers()
            names = [member.name for member in members]
            if _MANIFEST not in names or _OUTBOX not in names:
                raise BackupError(f"{backup} is no backup of platewatch")
            archive.extractall(place, members, filter="data")
            return names
    except tarfile.TarError as error:
        raise BackupError(f"{backup} is no backup of platewatch, or a damaged one: {error}") from None
