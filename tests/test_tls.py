"""TLS of every listener: certificates that are renewed, clients that have to show one, and those that are revoked."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from platewatch.service.audit import lines
from tests.certificates import Authority
from tests.patience import PATIENCE, until
from tests.service import running

LISTENERS = """
[http]
port = 0
tls = {tls}

[admin]
port = 0
tls = {tls}

[sources.gate]
format = "platewatch"

[sources.gate.tcp]
listen = "127.0.0.1:0"
acknowledge = "OK\\n"
tls = {tls}
"""


def listening(config: Path, tls: str) -> Path:
    """The settings of a service whose three listeners, of reads, of operators and of a source, have TLS so."""
    text = config.read_text("utf-8").replace("http.port = 0\n", "")
    config.write_text(text + LISTENERS.format(tls=tls), "utf-8")
    return config


def ports(config: Path, log: Any) -> list[int]:
    """Of reads, of operators, of the source."""
    until(lambda: any(line["event"] == "listening for cameras" for line in log()))
    told = {line["event"]: line for line in log()}
    admin = json.loads(config.with_name("outbox.db.lock").read_text())["url"]
    return [
        int(told["listening"]["url"].rpartition(":")[2]),
        int(admin.rpartition(":")[2]),
        int(told["listening for cameras"]["port"]),
    ]


def trusting(authority: Path, client: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority)
    if client is not None:
        context.load_cert_chain(client)
    return context


def asked(port: int, context: ssl.SSLContext, sent: bytes) -> tuple[str, bytes]:
    """The common name of the listener's certificate, and the first of what it answers. Raises OSError."""
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(sent)
        answer = connection.recv(12)
        if not answer:
            raise ConnectionResetError("closed")
        certificate: Any = connection.getpeercert()
    return str(dict(pair for (pair,) in certificate["subject"])["commonName"]), answer


HEALTH = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
READ = b'{"text": "99\xeb\x8b\xa49999", "camera_id": "c", "time": "2026-11-23T09:00:00Z"}\n'


def answers(found: list[int], context: ssl.SSLContext) -> list[str]:
    """The names of those who answer as they should, or "refused"."""
    names = []
    for port, (sent, answer) in zip(found, [(HEALTH, b"HTTP/1.1 200")] * 2 + [(READ, b"OK\n")], strict=True):
        try:
            name, given = asked(port, context, sent)
        except OSError:
            names.append("refused")
        else:
            assert given == answer
            names.append(name)
    return names


def test_a_certificate_is_renewed_on_every_listener(config: Path, tmp_path: Path) -> None:
    authority = Authority()
    trusted = trusting(authority.write(tmp_path / "ca.pem"))
    certificate = authority.issue(tmp_path / "service.pem", "one")
    with running(listening(config, '{certificate = "service.pem"}')) as service:
        found = ports(config, service.log)
        assert service.url.startswith("https://")
        assert answers(found, trusted) == ["one"] * 3
        assert answers(found, ssl.create_default_context()) == ["refused"] * 3
        certificate.write_bytes(b"half a cert")
        until(lambda: sum("not renewed" in line["event"] for line in service.log()) == 3)
        assert answers(found, trusted) == ["one"] * 3, "the old one holds"
        authority.issue(tmp_path / "next.pem", "two").replace(certificate)
        until(lambda: answers(found, trusted) == ["two"] * 3)


def test_clients_have_to_show_a_certificate_to_every_listener(config: Path, tmp_path: Path) -> None:
    ours, others = Authority("ours"), Authority("others")
    ca = ours.write(tmp_path / "ca.pem")
    ours.issue(tmp_path / "service.pem", "service")
    client = ours.issue(tmp_path / "client.pem", "client")
    stranger = others.issue(tmp_path / "stranger.pem", "stranger")
    with running(listening(config, '{certificate = "service.pem", clients = "ca.pem"}')) as service:
        found = ports(config, service.log)
        assert answers(found, trusting(ca, client)) == ["service"] * 3
        assert answers(found, trusting(ca)) == ["refused"] * 3
        assert answers(found, trusting(ca, stranger)) == ["refused"] * 3


def test_a_client_whose_certificate_is_revoked_is_refused_without_a_restart(config: Path, tmp_path: Path) -> None:
    authority = Authority()
    ca = authority.write(tmp_path / "ca.pem")
    authority.issue(tmp_path / "service.pem", "service")
    good, stolen = (authority.issue(tmp_path / f"{name}.pem", name) for name in ("good", "stolen"))
    revoked = authority.revoke(tmp_path / "revoked.pem", minutes_ago=20)
    tls = '{certificate = "service.pem", clients = "ca.pem", revoked = "revoked.pem"}'
    with running(listening(config, tls)) as service:
        found = ports(config, service.log)
        resuming = trusting(ca, stolen)
        assert answers(found, trusting(ca, good)) == answers(found, resuming) == ["service"] * 3
        authority.revoke(tmp_path / "next.pem", stolen, minutes_ago=5).replace(revoked)
        until(lambda: answers(found, resuming) == ["refused"] * 3)
        assert answers(found, trusting(ca, good)) == ["service"] * 3
        resuming.maximum_version = ssl.TLSVersion.TLSv1_2
        assert answers(found, resuming) == ["refused"] * 3, "of TLS 1.2 a session may be resumed"


def test_who_shows_a_certificate_needs_no_token_and_is_known_by_it(config: Path, tmp_path: Path) -> None:
    """From elsewhere, too; and the command that asks the service can do both."""
    authority = Authority()
    ca = authority.write(tmp_path / "ca.pem")
    authority.issue(tmp_path / "service.pem", "service")
    client = authority.issue(tmp_path / "client.pem", "room 3")
    listening(config, '{certificate = "service.pem", clients = "ca.pem"}')
    config.write_text(config.read_text("utf-8").replace("port = 0\n", 'host = "0.0.0.0"\nport = 0\n'), "utf-8")
    with running(config) as service:
        _, admin, _ = ports(config, service.log)
        retry = b"POST /v1/outbox/retry HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"
        assert asked(admin, trusting(ca, client), retry)[1] == b"HTTP/1.1 200"
        outbox = str(tmp_path / "outbox.db")
        url = f"https://127.0.0.1:{admin}"
        lock = config.with_name("outbox.db.lock")
        lock.write_text(lock.read_text().replace("https://0.0.0.0:", "https://127.0.0.1:"))
        command = [sys.executable, "-m", "platewatch", "outbox", "retry", outbox]
        for more, said in [
            (["--ca", str(ca), "--certificate", str(client)], "0 dead letters queued again"),
            (["--ca", str(ca)], f"the service at {url} cannot be asked"),
            ([], f"the service at {url} cannot be asked"),
        ]:
            done = subprocess.run([*command, *more], capture_output=True, text=True, check=False, timeout=PATIENCE)
            assert said in done.stdout + done.stderr
    noted = [(line.who, line.action) for _, line in lines(config.with_name("access"))]
    assert noted == [("room 3", "POST /v1/outbox/retry")] * 2


@pytest.mark.parametrize(
    ("section", "tls", "said"),
    [
        ("http", 'certificate = "missing.pem"', "certificate: cannot use"),
        ("admin", 'certificate = "wanted.csv"', "not a certificate with its key, as PEM"),
        ("sources.gate.tcp", 'certificate = "wanted.csv"', "not a certificate with its key, as PEM"),
        ("http", 'certificate = "service.pem", clients = "wanted.csv"', "no certificate of an authority, as PEM"),
        ("http", 'certificate = "service.pem", clients = "missing.pem"', "clients: cannot use"),
        ("http", 'certificate = "service.pem", clients = "crl.pem"', "no certificate of an authority, as PEM"),
        ("admin", 'certificate = "service.pem", revoked = "crl.pem"', "revoked: is of no use without clients"),
        ("admin", 'certificate = "service.pem", clients = "ca.pem", revoked = "ca.pem"', "no list of revoked"),
    ],
)
def test_a_file_of_no_use_is_named(config: Path, tmp_path: Path, section: str, tls: str, said: str) -> None:
    authority = Authority()
    authority.write(tmp_path / "ca.pem")
    authority.issue(tmp_path / "service.pem", "service")
    authority.revoke(tmp_path / "crl.pem")
    tables = {
        "http": "http.tls = {%s}",
        "admin": "admin = {port = 0, tls = {%s}}",
        "sources.gate.tcp": 'sources.gate = {format = "platewatch", tcp = {listen = "127.0.0.1:0", tls = {%s}}}',
    }
    config.write_text(tables[section] % tls + "\n" + config.read_text("utf-8"), "utf-8")
    command = [sys.executable, "-m", "platewatch", "serve", "--config", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert ended.returncode != 0
    assert f"{section}.tls." in ended.stderr
    assert said in ended.stderr
