"""Polls: a camera that is asked for what is new, to the far end and back."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from platewatch.errors import ConfigError, FormatError
from platewatch.notify.simulator import WassSimulator
from platewatch.service.config import load
from platewatch.sources.poll import greatest
from platewatch.sources.positions import Position
from tests.far_end import far_end
from tests.patience import until
from tests.service import running
from tests.threads import in_a_thread


class Asked:
    """A server that answers each request by `answer`, and keeps what it was asked."""

    def __init__(self, answer: Callable[[web.Request, str], web.Response]) -> None:
        self.answer = answer
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.text()
        self.requests.append((request.path_qs, body, dict(request.headers)))
        return self.answer(request, body)


@asynccontextmanager
async def _serving(asked: Asked) -> AsyncIterator[None]:
    async with far_end(asked.handle) as asked.url:
        yield


@contextmanager
def asking(answer: Callable[[web.Request, str], web.Response]) -> Iterator[Asked]:
    asked = Asked(answer)
    with in_a_thread(_serving(asked)):
        yield asked


def follow(config: Path, of_source: str, poll: str) -> None:
    more = f"[sources.gate]\n{of_source}\n[sources.gate.poll]\ninterval = 0.05\n{poll}\n"
    config.write_text(config.read_text("utf-8") + more, "utf-8")


def kept(config: Path) -> str:
    return (config.parent / "positions" / "gate.json").read_text("utf-8")


# --- Hikvision's plates, with a cursor of a field


def plates(*names: int) -> str:
    """Out of order, as cameras send them."""
    each = "".join(
        f"<Plate><captureTime>20261123T18{name % 60:02}00+0900</captureTime><plateNumber>12가3456</plateNumber>"
        f"<picName>{name}</picName></Plate>"
        for name in sorted(names, key=lambda name: (name % 3, name))
    )
    return f'<?xml version="1.0"?><Plates version="2.0">{each}</Plates>'


def test_plates_are_asked_for_from_the_cursor_on_and_told_once_through_a_kill(
    config: Path, wass: WassSimulator
) -> None:
    there = list(range(202611231800000000, 202611231800000030))

    def answer(_request: web.Request, body: str) -> web.Response:
        since = int(body.partition("<picTime>")[2].partition("<")[0])
        newer = [name for name in there if name > since - 2][:6]  # with old ones, again
        return web.Response(text=plates(*newer), content_type="application/xml")

    with asking(answer) as camera:
        poll = (
            f'url = "{camera.url}/ISAPI/Traffic/channels/1/vehicleDetect/plates"\n'
            'body = "<AfterTime><picTime>{cursor}</picTime></AfterTime>"\n'
            'cursor = "Plates.Plate.picName"\nstart = "202001010101010000"\n'
        )
        follow(config, 'format = "hikvision"\ncamera = "GJ-0001"', poll)
        with running(config) as service:
            until(lambda: len(wass.received) >= 5)
            service.kill()
        with running(config) as service:
            until(lambda: len(wass.received) == 30)
            until(lambda: service.source("gate")["transport"]["cursor"] == str(there[-1]))
            service.wait_until_delivered()
            told = service.source("gate")
            assert (told["transport"]["connected"], list(told["cameras"])) == (True, ["GJ-0001"])
            assert told["reads"] < 30, "it went on from where it was"
            assert told["repeated"] > 0
    assert len(wass.received) == 30, "each is told under one id"
    assert json.loads(kept(config)) == {"cursor": str(there[-1])}
    assert all("202001010101010000" not in body for _, body, _ in camera.requests[1:])


# --- JSON, with the time for a cursor


def test_a_time_is_written_as_the_server_has_it_and_what_overlaps_is_read_once(
    config: Path, wass: WassSimulator
) -> None:
    reads: list[dict[str, str]] = []

    def answer(request: web.Request, _body: str) -> web.Response:
        since = datetime.strptime(request.query["since"], "%Y%m%d%H%M%S%z")
        assert since.utcoffset() == timedelta(hours=9)
        found = [one for one in reads if datetime.fromisoformat(one["time"]) >= since]
        return web.json_response([*found, {"text": 7}])

    with asking(answer) as camera:
        url = f'url = "{camera.url}/reads?since={{cursor}}"\ntime_format = "%Y%m%d%H%M%S%z"\noverlap = 60'
        follow(config, 'format = "platewatch"\nzone = "Asia/Seoul"', url)
        with running(config) as service:
            until(lambda: len(camera.requests) > 0)  # its own start is the cursor until then
            start = datetime.now(UTC)
            reads += [{"text": "12가3456", "camera_id": f"c{number}", "time": start.isoformat()} for number in range(5)]
            until(lambda: len(wass.received) == 5)
            an_earlier_one = (start - timedelta(seconds=19)).isoformat()
            reads.append({"text": "12가3456", "camera_id": "late", "time": an_earlier_one})
            until(lambda: len(wass.received) == 6)
            until(lambda: service.source("gate")["repeated"] >= 5)
            assert service.source("gate")["reads"] == 6
            seen, told = len(camera.requests), service.source("gate")
            until(lambda: len(camera.requests) > seen + 5)
            assert service.source("gate")["refused"] == told["refused"], "the same answer again is not looked at"
            assert "2026" in str(service.source("gate")["transport"]["cursor"])
    assert "가" not in kept(config)
    assert datetime.fromisoformat(json.loads(kept(config))["time"]) == start


def test_what_has_not_changed_is_not_sent_again(config: Path, wass: WassSimulator) -> None:
    read = {"text": "12가3456", "camera_id": "c", "time": "2026-11-23T09:00:00Z"}

    def answer(request: web.Request, _body: str) -> web.Response:
        assert request.headers["Authorization"] == "Bearer word"
        if request.headers.get("If-None-Match") == '"1"' and "If-Modified-Since" in request.headers:
            return web.Response(status=304)
        headers = {"ETag": '"1"', "Last-Modified": "Mon, 23 Nov 2026 09:00:00 GMT"}
        return web.json_response([read], headers=headers)

    with asking(answer) as camera:
        follow(config, 'format = "platewatch"', f'url = "{camera.url}/"\ntoken = "word"')
        with running(config) as service:
            until(lambda: len(camera.requests) > 5)
            assert service.source("gate")["messages"] == 1
            assert "word" not in json.dumps(service.log()) + json.dumps(service.source("gate"))
        until(lambda: len(wass.received) == 1)


def test_a_server_that_is_busy_is_left_alone_as_long_as_it_says(config: Path) -> None:
    def answer(_request: web.Request, _body: str) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "3600"})

    with asking(answer) as camera:
        follow(config, 'format = "platewatch"', f'url = "{camera.url}/"')
        with running(config) as service:
            until(lambda: service.source("gate")["transport"]["failure"] == "HTTP 503")
            assert [event["retry_in"] for event in service.log() if event["event"] == "poll failed"] == [3600.0]


def test_what_is_not_understood_is_asked_for_again_and_told_without_a_word_of_it(config: Path) -> None:
    def answer(_request: web.Request, _body: str) -> web.Response:
        return web.Response(text="<html>12가3456</html>")

    with asking(answer) as camera:
        follow(config, 'format = "hikvision"', f'url = "{camera.url}/"\nuser = "u"\npassword = "pass word"')
        with running(config) as service:
            until(lambda: service.source("gate")["transport"]["failure"] == "the answer is not understood")
            assert "3456" not in json.dumps(service.log()) + json.dumps(service.source("gate"))


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", bytes), ("deflate", zlib.compress)]
)
def test_an_answer_may_be_compressed_or_only_say_so(
    config: Path, wass: WassSimulator, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    body = compress(plates(202611231800000000).encode())

    def answer(_request: web.Request, _body: str) -> web.Response:
        return web.Response(body=body, headers={"Content-Encoding": encoding})

    with asking(answer) as camera:
        cursor = 'url = "%s/{cursor}"\ncursor = "Plates.Plate.picName"\nstart = "1"'
        follow(config, 'format = "hikvision"', cursor % camera.url)
        with running(config) as service:
            until(lambda: len(wass.received) == 1)
            until(lambda: service.source("gate")["transport"]["cursor"] == "202611231800000000")


def test_an_answer_that_is_too_large_is_not_read_on(config: Path) -> None:
    def answer(_request: web.Request, _body: str) -> web.Response:
        return web.Response(body=b" " * 5000)

    with asking(answer) as camera:
        follow(config, 'format = "hikvision"\nmax_body_bytes = 4000', f'url = "{camera.url}/"')
        with running(config) as service:
            until(lambda: service.source("gate")["transport"]["failure"] == "the answer is over 4000 bytes")


# --- cursors


@pytest.mark.parametrize(
    ("answer", "path", "found"),
    [
        (b'{"items": [{"id": 9}, {"id": 10}, {"id": 8}]}', "items.id", "10"),
        (b'[{"id": "9"}, {"id": null}, {}]', "id", "9"),
        (b'{"next": "2026-11-23T09:00:00+09:00"}', "next", "2026-11-23T09:00:00+09:00"),
        (b'{"next": "65a1f0c2b3d4e5f60718293a"}', "next", "65a1f0c2b3d4e5f60718293a"),
        (b"<a><b><c>1</c></b><b><c>3</c></b></a>", "a.b.c", "3"),
        (b'{"next": ""}', "next", None),
        (b'{"next": true}', "next", None),
        (b"[]", "next", None),
    ],
)
def test_the_greatest_is_found_wherever_it_stands(answer: bytes, path: str, found: str | None) -> None:
    assert greatest(answer, "", path) == found


@pytest.mark.parametrize("value", ["12가3456", "AB123CD", "1_AB123CD.jpg", "x" * 100])
def test_a_cursor_that_may_show_a_plate_is_none(value: str) -> None:
    with pytest.raises(FormatError, match="neither a number") as caught:
        greatest(json.dumps({"next": value}).encode(), "", "next")
    assert value not in str(caught.value)


def test_a_position_that_is_damaged_is_none(tmp_path: Path) -> None:
    position = Position(tmp_path / "new" / "folder", "gate")
    assert position.load() == {}
    position.save({"cursor": "1"})
    position.save({"cursor": "2"})
    assert position.load() == {"cursor": "2"}
    (tmp_path / "new" / "folder" / "gate.json").write_bytes(b"\0\0\0")
    assert position.load() == {}


@pytest.mark.parametrize(
    ("poll", "said"),
    [
        ('url = "ftp://x"', "sources.gate.poll.url: is not an http or https URL"),
        ('url = "http://a:b@x"', "sources.gate.poll.url"),
        ('url = "http://{cursor}/"', "sources.gate.poll.url: has {cursor} in its host"),
        ('url = "http://x/"\ncursor = "id"', "sources.gate.poll.cursor: is of no use"),
        ('url = "http://x/{cursor}"\ncursor = "id"', "sources.gate.poll.start: is missing"),
        ('url = "http://x/"\nuser = "a"\ntoken = "b"', "sources.gate.poll.token: is one way to log in"),
        ('url = "http://x/"\noverlap = -1', "sources.gate.poll.overlap"),
        ('url = "http://x/"\nca = "nowhere.pem"\n', None),
    ],
)
def test_a_bad_setting_is_named(config: Path, poll: str, said: str | None) -> None:
    follow(config, 'format = "hikvision"', poll)
    if said is None:
        settings = load(config, {}).sources["gate"].poll
        assert settings is not None
        assert settings.ca == config.parent / "nowhere.pem"
        return
    with pytest.raises(ConfigError) as caught:
        load(config, {})
    assert said in str(caught.value)


@pytest.mark.parametrize("saved", ['{"time": "soon"}', '{"time": "2026-11-23"}', '{"time": 7, "cursor": 7}', "[]"])
def test_a_position_that_is_of_no_use_is_begun_anew(config: Path, saved: str) -> None:
    def answer(request: web.Request, _body: str) -> web.Response:
        assert datetime.fromisoformat(request.query["since"]) > datetime.now(UTC) - timedelta(hours=1)
        return web.json_response([])

    (config.parent / "positions").mkdir()
    (config.parent / "positions" / "gate.json").write_text(saved, "utf-8")
    with asking(answer) as camera:
        follow(config, 'format = "platewatch"', f'url = "{camera.url}/?since={{cursor}}"')
        with running(config) as service:
            until(lambda: len(camera.requests) > 2)
            assert service.source("gate")["transport"]["failure"] is None


def test_urls_hold_the_cursor_as_urls_do(config: Path) -> None:
    def answer(request: web.Request, _body: str) -> web.Response:
        assert parse_qs(urlsplit(request.raw_path).query)["since"][0].endswith("+00:00")
        return web.json_response([])

    with asking(answer) as camera:
        follow(config, 'format = "platewatch"', f'url = "{camera.url}/?since={{cursor}}"')
        with running(config) as service:
            until(lambda: len(camera.requests) > 2)
            assert service.source("gate")["transport"]["failure"] is None
