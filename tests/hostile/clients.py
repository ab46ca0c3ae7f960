"""Clients that do not behave, on plain sockets."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tests.patience import PATIENCE

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def connect(url: str) -> socket.socket:
    """A connection to the service; what is waited for on it comes, or fails the test."""
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    return socket.create_connection((address.hostname, address.port), timeout=PATIENCE)


def post(body: bytes, path: str = "/v1/reads", **headers: str) -> bytes:
    """The bytes of a POST."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer(client: socket.socket) -> tuple[int, Any]:
    """(status, JSON) of the next answer."""
    status, headers = _head(client)
    body = b""
    while missing := int(headers["content-length"]) - len(body):
        body += _some(client, missing)
    return status, json.loads(body)


def last_answer(client: socket.socket) -> tuple[int, Mapping[str, str], Any]:
    """(status, headers, JSON) of an answer after which the service closes the connection."""
    status, headers = _head(client)
    body = b""
    while more := client.recv(65536):
        body += more
    assert len(body) == int(headers["content-length"])
    return status, headers, json.loads(body)


def is_closed(client: socket.socket) -> bool:
    """Whether the service has closed the connection, after whatever it has said; waits for it."""
    try:
        while client.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def fill(client: socket.socket, data: bytes, most: int, seconds: float = 2.0) -> int:
    """Send this over and over until nobody takes it for some seconds, or `most` bytes are sent; returns how many."""
    client.setblocking(False)
    sent = 0
    while sent < most:
        if not select.select([], [client], [], seconds)[1]:
            break
        try:
            sent += client.send(data[sent % len(data) :])
        except ConnectionError:
            break
    client.settimeout(PATIENCE)
    return sent


def _head(client: socket.socket) -> tuple[int, dict[str, str]]:
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += _some(client, 1)  # and nothing of the next answer
    first, *lines = data.decode().rstrip().split("\r\n")
    return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines)


def _some(client: socket.socket, most: int) -> bytes:
    data = client.recv(most)
    assert data, "the connection was closed"
    return data
