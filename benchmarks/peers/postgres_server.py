"""A PostgreSQL server in a folder of its own, reached through a socket in it, that ends with whoever asked for it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from . import PeerMissing

HOW = "Debian: postgresql, or another one's server and contrib"
SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "shared_buffers": "512MB",
    "work_mem": "256MB",
    "maintenance_work_mem": "512MB",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "random_page_cost": "1.1",
}
# The standard input ends when it is closed, and also when this process is killed: so no server is left behind.
SCRIPT = """
set -eu
trap 'rm -rf "$1"' EXIT
initdb -D "$1/data" -U peer -A trust -E UTF8 --locale=C.UTF-8 --no-sync >&2
pg_ctl -D "$1/data" -l "$1/log" -o "-k $1 $2" -w start >&2 || { cat "$1/log" >&2; exit 1; }
echo ready
cat
pg_ctl -D "$1/data" -m fast -w stop >&2
"""


class Server:
    def __init__(self) -> None:
        programs = folder_of("pg_ctl")
        self.folder = Path(tempfile.mkdtemp(prefix="peer-postgres-"))
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = unprivileged()
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        settings = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        with tempfile.TemporaryFile("w+") as log:
            self._shell = subprocess.Popen(
                ["sh", "-c", SCRIPT, "sh", self.folder, settings],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
                start_new_session=True,  # or an interrupt from the keyboard would end the shell before the server
                **as_user,
            )
            assert self._shell.stdout is not None
            if not self._shell.stdout.readline():
                self.close()
                log.seek(0)
                raise PeerMissing(f"the PostgreSQL server does not start: {log.read().strip()}")

    def close(self) -> None:
        self._shell.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)


def folder_of(program: str) -> Path:
    """Where the server's programs are: Debian keeps them off the path."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    found = shutil.which(program, path=os.pathsep.join(map(str, reversed(versions)))) or shutil.which(program)
    if found is None:
        raise PeerMissing(f"there is no PostgreSQL server here ({HOW})")
    return Path(found).parent


def unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PeerMissing("PostgreSQL does not run as root, and there is no user postgres or nobody")
