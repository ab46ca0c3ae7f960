"""What a message of a camera costs: CPU time, and memory beside its body. `python -m benchmarks.formats`

The messages are those of tests/formats, and larger ones with images made up here. Memory is what Python allocates.
"""

from __future__ import annotations

import json
import time
import timeit
import tracemalloc
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import NamedTuple

import platewatch as pw
from tests.formats.payloads import arguments, body, cases

_ROUNDS = 7
_SECONDS = 0.05
_ALERT = (
    "<EventNotificationAlert><macAddress>44:19:b6:00:11:22</macAddress><channelID>1</channelID>"
    "<dateTime>2026-11-23T09:00:03.847+09:00</dateTime><eventType>ANPR</eventType><UUID>6f0c-1</UUID><ANPR>"
    "<country>64</country><licensePlate>12가3456</licensePlate><confidenceLevel>92.5</confidenceLevel>"
    "<plateCharBelieve>99,98,97,96,95,94,93</plateCharBelieve><plateRect><X>1</X><Y>2</Y></plateRect></ANPR>"
    "</EventNotificationAlert>"
)


class Row(NamedTuple):
    """A message, and how to understand it."""

    about: str
    size: int
    parse: Callable[[], pw.formats.Parsed]


def rows() -> Iterator[Row]:
    seen = set()
    for name, case in cases():
        data = body(case)
        if name in seen or "error" in case or not case.get("reads"):
            continue
        seen.add(name)
        yield Row(f"{name}: {case['about']}", len(data), partial(pw.formats.parse, name, data, **arguments(case)))
    image = Random(1).randbytes(250_000)
    part = b'--boundary\r\nContent-Disposition: form-data; name="%s"\r\nContent-Type: %s\r\n\r\n%s\r\n'
    pictures = part % (b"licensePlatePicture.jpg", b"image/jpeg", image) * 2 + b"--boundary--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=boundary"}
    push = part % (b"anpr.xml", b"text/xml", _ALERT.encode()) + pictures
    yield Row("hikvision, with two pictures", len(push), partial(pw.formats.parse, "hikvision", push, headers))
    hook = {"data": {"camera_id": "c", "timestamp": "2026-11-23T00:00:03Z", "results": [{"plate": "12가3456"}]}}
    push = part % (b"json", b"text/plain", json.dumps(hook).encode()) + pictures
    yield Row("plate_recognizer, two pictures", len(push), partial(pw.formats.parse, "plate_recognizer", push, headers))
    group = {"data_type": "alpr_group", "best_plate_number": "12가3456", "vehicle_crop_jpeg": b64encode(image).decode()}
    data = json.dumps(group).encode()
    yield Row("openalpr, a picture in base64", len(data), partial(pw.formats.parse, "openalpr", data))


def main() -> None:
    print(f"{'bytes':>9} {'us':>7} {'memory/body':>11}  message")
    for row in rows():
        assert row.parse().reads
        timer = timeit.Timer(row.parse, timer=time.process_time)
        number = max(3, int(_SECONDS / max(timer.timeit(20) / 20, 1e-5)))
        micros = min(timer.repeat(_ROUNDS, number)) / number * 1e6
        tracemalloc.start()
        row.parse()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"{row.size:>9,} {micros:>7.1f} {peak / row.size:>11.2f}  {row.about}")


if __name__ == "__main__":
    main()
