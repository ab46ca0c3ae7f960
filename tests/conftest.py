"""What tests of several rooms need."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from platewatch.notify.simulator import WassSimulator
from tests.patience import PATIENCE
from tests.service import SECRET, prepare
from tests.simulator import simulating

# No deadline for an example, nor for making one: machines are noisy, and speed is for benchmarks.
settings.register_profile("platewatch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("platewatch")


@pytest.fixture
def wass() -> Iterator[WassSimulator]:
    """What the service notifies."""
    with simulating(SECRET) as simulator:
        yield simulator


@pytest.fixture
def config(tmp_path: Path, wass: WassSimulator) -> Path:
    """The settings of a service that notifies it."""
    return prepare(tmp_path, wass=wass.url, secret=SECRET)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """The port of a mosquitto that asks for a password."""
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("needs mosquitto")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), "city", "secret"], check=True)
    passwords.chmod(0o644)
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nuser root\n")
    process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                assert process.poll() is None, "mosquitto ended"
                time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)
