"""The service while its lists change: real files, real HTTP, notifications at the far end."""

from __future__ import annotations

import json
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from platewatch.notify.simulator import WassSimulator
from tests.patience import PATIENCE
from tests.service import SECRET, WANTED, Service, prepare, running

TOKEN = "a token of sixteen characters"
PUSHED = f'[feeds.seoul]\nkind = "push"\ntoken = "{TOKEN}"\nagency = "서울경찰"\n'
APPROVED = '[feeds.x]\nkind = "push"\ntoken = "0123456789abcdef"\nneeds_approval = true\n'
LATE = "77다7777"


def wait_for(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return found


def read(text: str) -> dict[str, Any]:
    return {"text": text, "camera_id": "GJ-0001", "time": datetime.now(UTC).isoformat()}


def feed(service: Service, name: str = "hotlist") -> dict[str, Any]:
    (state,) = [state for state in service.get("/v1/status")[1]["feeds"] if state["feed"] == name]
    return dict(state)


def alarms(service: Service) -> list[tuple[str, str]]:
    return [(alarm["alarm"], alarm["about"]) for alarm in service.get("/v1/status")[1]["alarms"]]


def push(service: Service, body: object, method: str = "POST", token: str = TOKEN) -> tuple[int, Any]:
    path = "/v1/feeds/seoul/deltas" if method == "POST" else "/v1/feeds/seoul"
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return service.post(path, data, method=method, Authorization=f"Bearer {token}")


def replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}")
    beside.write_text(text, "utf-8")
    beside.rename(path)


@pytest.fixture
def pushed(tmp_path: Path, wass: WassSimulator) -> Iterator[Service]:
    with running(prepare(tmp_path, wass=wass.url, secret=SECRET, more=PUSHED)) as service:
        yield service


def test_an_entry_that_is_added_to_the_file_is_told(tmp_path: Path, config: Path, wass: WassSimulator) -> None:
    with running(config) as service:
        assert service.send(read(LATE))[1]["hits"] == 0
        replace(tmp_path / "wanted.csv", f"{WANTED}A3,{LATE},stolen,1,광주경찰\n")
        wait_for(lambda: feed(service)["entries"] == 3)
        assert service.send(read(LATE))[1]["hits"] == 1
        service.wait_until_delivered()
        (event,) = wass.received.values()
        assert (event.data.entry_id, event.data.feed) == ("A3", None)
        replace(tmp_path / "wanted.csv", WANTED)
        wait_for(lambda: feed(service)["entries"] == 2)
        assert service.send(read(LATE))[1]["hits"] == 0


def test_what_a_removed_entry_has_made_is_taken_back(tmp_path: Path, config: Path, wass: WassSimulator) -> None:
    with running(config) as service:
        assert service.send(read("12가3456"))[1]["hits"] == 1
        service.wait_until_delivered()
        replace(tmp_path / "wanted.csv", WANTED.replace("A1,12가3456,stolen,2,광주경찰\n", ""))
        wait_for(lambda: len(wass.withdrawn) == 1)
        (taken_back,) = wass.withdrawn.values()
        assert (taken_back.data.entry_id, taken_back.data.why) == ("A1", "entry_removed")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("id,plate\n", "no usable entry"),
        ("", "no usable entry"),
        ("id,plate\nA1,12가3456\nA2,--\n", "1 of 2 rows are bad"),
        ("<html>", "it looks like HTML"),
    ],
)
def test_a_bad_list_does_not_take_over(tmp_path: Path, config: Path, text: str, why: str) -> None:
    with running(config) as service:
        replace(tmp_path / "wanted.csv", text)
        wait_for(lambda: alarms(service) == [("list_refused", "hotlist")])
        assert (why in feed(service)["refused"], feed(service)["entries"]) == (True, 2)
        assert service.send(read("12가3456"))[1]["hits"] == 1
        (told,) = [line for line in service.log() if line["event"] == "alarm"]
        assert (told["about"], why in told["reason"]) == ("hotlist", True)
        replace(tmp_path / "wanted.csv", WANTED + "A3,98하7654,stolen,1,x\n")
        wait_for(lambda: not alarms(service))
        assert feed(service)["entries"] == 3


def test_a_list_that_lost_most_of_its_entries_waits_for_somebody_to_accept_it(tmp_path: Path, config: Path) -> None:
    rows = [f"B{number},{10 + number % 90}나{1000 + number},stolen,1,x\n" for number in range(200)]
    (tmp_path / "wanted.csv").write_text(WANTED + "".join(rows), "utf-8")
    with running(config, {"PLATEWATCH_LIST__MIN_SHARE": "0.9"}) as service:
        replace(tmp_path / "wanted.csv", WANTED + "".join(rows[:150]))
        wait_for(lambda: alarms(service))
        assert "it has 152 entries, less than 90 % of the 202 before" in feed(service)["refused"]
        assert service.post("/v1/feeds/hotlist/accept", b"")[0] == 200
        assert (feed(service)["entries"], alarms(service)) == (152, [])
        replace(tmp_path / "wanted.csv", WANTED)  # the next one is judged again
        wait_for(lambda: alarms(service))


def test_sighup_reloads_even_what_is_not_watched(tmp_path: Path, config: Path) -> None:
    with running(config, {"PLATEWATCH_LIST__WATCH": "false"}) as service:
        replace(tmp_path / "wanted.csv", WANTED + f"A3,{LATE},stolen,1,x\n")
        time.sleep(1)
        assert feed(service)["entries"] == 2
        service.process.send_signal(signal.SIGHUP)
        wait_for(lambda: feed(service)["entries"] == 3)


def test_a_restart_goes_on_with_what_was_kept(tmp_path: Path, config: Path) -> None:
    with running(config) as service:
        assert service.terminate() == 0
    (tmp_path / "wanted.csv").unlink()
    with running(config) as service:
        assert (feed(service)["entries"], alarms(service)) == (2, [("list_refused", "hotlist")])
        assert service.send(read("12가3456"))[1]["hits"] == 1
        replace(tmp_path / "wanted.csv", WANTED)
        wait_for(lambda: not alarms(service))


def test_a_changed_list_is_noticed_at_the_start(tmp_path: Path, config: Path) -> None:
    with running(config):
        pass
    replace(tmp_path / "wanted.csv", WANTED + f"A3,{LATE},stolen,1,x\n")
    with running(config) as service:
        assert feed(service)["entries"] == 3


def test_a_list_that_is_old_is_an_alarm(tmp_path: Path, config: Path) -> None:
    with running(config, {"PLATEWATCH_LIST__STALE_AFTER": "2.0"}) as service:
        wait_for(lambda: ("list_stale", "hotlist") in alarms(service))
        assert feed(service)["stale"]
        replace(tmp_path / "wanted.csv", WANTED + f"A3,{LATE},stolen,1,x\n")
        wait_for(lambda: any(line["event"] == "alarm over" for line in service.log()))


# ---------------------------------------------------------------------- pulled


class Lists(BaseHTTPRequestHandler):
    """An agency's server: a list under its ETag, or none."""

    text: ClassVar[str | None] = f"id,plate,category\nG1,{LATE},stolen\n"
    asked: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        Lists.asked.append(self.headers.get("If-None-Match"))
        tag = f'"{hash(self.text)}"'
        known = self.headers.get("If-None-Match") == tag
        self.send_response(503 if self.text is None else 304 if known else 200)
        self.send_header("ETag", tag)
        self.end_headers()
        if self.text is not None and not known:
            self.wfile.write(self.text.encode())

    def log_message(self, *_: object) -> None:
        pass


def test_a_list_is_pulled_and_stays_when_its_server_is_down(tmp_path: Path, wass: WassSimulator) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lists)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/list.csv"
        more = f'[feeds.gyeonggi]\nkind = "http"\nurl = "{url}"\ninterval = 0.1\n'
        config = prepare(tmp_path, wass=wass.url, secret=SECRET, more=more)
        with running(config) as service:
            assert service.send(read(LATE))[1]["hits"] == 1
            Lists.text = f"{Lists.text}G2,11가2222,stolen\n"
            wait_for(lambda: feed(service, "gyeonggi")["entries"] == 2)
            wait_for(lambda: len(Lists.asked) > 3 and Lists.asked[-1] is not None)
            Lists.text = None
            wait_for(lambda: alarms(service) == [("list_refused", "gyeonggi")])
            assert "answered 503" in feed(service, "gyeonggi")["refused"]
            assert service.send(read("11가2222"))[1]["hits"] == 1
        with running(config) as service:  # while it is down
            assert (feed(service, "gyeonggi")["entries"], alarms(service)) == (2, [("list_refused", "gyeonggi")])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# ---------------------------------------------------------------------- pushed


def test_a_pushed_entry_is_told_and_belongs_to_its_feed(pushed: Service, wass: WassSimulator) -> None:
    entry = {"id": "A1", "plate": LATE, "category": "stolen", "approved_by": "김 경감", "legal_basis": "형사소송법"}
    assert push(pushed, {"version": 1, "upserts": [entry]}) == (200, {"version": 1, "changed": True, "entries": 1})
    assert pushed.send(read(LATE), read("12가3456"))[1]["hits"] == 2
    pushed.wait_until_delivered()
    told = {event.data.wanted_plate: event.data for event in wass.received.values()}
    assert (told[LATE].entry_id, told[LATE].feed, told[LATE].agency) == ("A1", "seoul", "서울경찰")
    assert (told[LATE].approved_by, told[LATE].legal_basis) == ("김 경감", "형사소송법")
    assert (told["12가3456"].entry_id, told["12가3456"].feed) == ("A1", None)
    # Each feed owns its entries.
    assert push(pushed, {"version": 2, "removals": ["A1"]}) == (200, {"version": 2, "changed": True, "entries": 0})
    assert pushed.send(read("12가3456"))[1]["accepted"] == 1
    assert feed(pushed)["entries"] == 2


def test_what_operators_say_of_a_pushed_entry_is_of_that_entry(pushed: Service, wass: WassSimulator) -> None:
    entry = {"id": "A1", "plate": "88가3456", "category": "stolen"}  # the main list has an A1, too
    assert push(pushed, {"version": 1, "upserts": [entry]})[0] == 200
    assert pushed.send(read("88거3456"))[1]["hits"] == 1
    pushed.wait_until_delivered()
    (event,) = wass.received.values()
    outcome = json.dumps({"outcome": "misread", "by": "kim"}).encode()
    assert pushed.post(f"/v1/hits/{event.id.partition('.')[0]}/outcome", outcome)[1]["suppressed"]
    again = read("88거3456") | {"camera_id": "GJ-0002"}
    assert pushed.send(again)[1]["hits"] == 0
    assert push(pushed, {"version": 2, "removals": ["A1"]})[0] == 200
    wait_for(lambda: pushed.get("/v1/status")[1]["outcomes"]["suppressions"] == 0)


def test_what_is_pushed_twice_or_out_of_order(pushed: Service) -> None:
    one = {"version": 1, "upserts": [{"id": "B1", "plate": LATE}]}
    assert push(pushed, one)[1]["changed"]
    assert push(pushed, one) == (200, {"version": 1, "changed": False, "entries": 1})
    status, answer = push(pushed, {"version": 3, "removals": ["B1"]})
    assert (status, answer) == (
        409,
        {"reason": "version 3 does not follow 1", "field": "version", "version": 1},
    )
    assert feed(pushed, "seoul")["entries"] == 1
    whole = {"version": 7, "entries": [{"id": "B2", "plate": "11가1111"}, {"id": "B3", "plate": "22가2222"}]}
    assert push(pushed, whole, "PUT") == (200, {"version": 7, "changed": True, "entries": 2})
    request = urllib.request.Request(f"{pushed.url}/v1/feeds/seoul", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answered:
        assert json.load(answered) == {"version": 7, "entries": 2}


def test_a_bad_push_changes_nothing_in_part(pushed: Service) -> None:
    body = {"version": 1, "upserts": [{"id": "B1", "plate": LATE}, {"id": "B2", "plate": "--"}]}
    status, answer = push(pushed, body)
    assert (status, answer["errors"]) == (422, [{"row": 1, "field": "plate", "reason": "no letter or digit"}])
    plates = ["".join(chr(0xAC00 + 4 * n + i) for i in range(4)) for n in range(80)]
    symbols = {"version": 1, "upserts": [{"id": str(n), "plate": plate} for n, plate in enumerate(plates)]}
    status, answer = push(pushed, symbols)
    assert (status, answer["field"], "distinct symbols" in answer["reason"]) == (422, "plate", True)
    assert push(pushed, b"{", "PUT")[0] == 422
    assert push(pushed, {"version": 1, "upserts": [{"id": "a\x1fb", "plate": LATE}]})[0] == 422
    assert feed(pushed, "seoul") | {"as_of": None} == {
        "feed": "seoul", "kind": "push", "version": 0, "entries": 0, "as_of": None, "stale": False, "refused": None,
    }  # fmt: skip
    assert push(pushed, {"version": 1, "upserts": [{"id": "B1", "plate": LATE}]})[0] == 200


def test_an_entry_that_nobody_has_approved_is_refused_where_that_is_needed(tmp_path: Path, wass: WassSimulator) -> None:
    with running(prepare(tmp_path, wass=wass.url, secret=SECRET, more=APPROVED)) as service:
        body = json.dumps({"version": 1, "upserts": [{"id": "B1", "plate": LATE}]}).encode()
        status, answer = service.post("/v1/feeds/x/deltas", body, Authorization="Bearer 0123456789abcdef")
        assert (status, answer["errors"]) == (422, [{"row": 0, "field": "approved_by", "reason": "missing"}])


def test_only_its_own_token_opens_a_feed(tmp_path: Path, wass: WassSimulator) -> None:
    more = PUSHED + '[http]\ntoken = "of those who read"\n'
    config = prepare(tmp_path, wass=wass.url, secret=SECRET, more="")
    text = config.read_text("utf-8").replace("http.port = 0\n", "")
    config.write_text(text + more + "port = 0\n", "utf-8")
    with running(config) as service:
        one = {"version": 1, "upserts": [{"id": "B1", "plate": LATE}]}
        assert push(service, one, token="of those who read")[0] == 401
        assert service.post("/v1/feeds/seoul/deltas", json.dumps(one).encode())[0] == 401
        assert service.post("/v1/reads", b"{}", Authorization=f"Bearer {TOKEN}")[0] == 401
        assert service.post("/v1/feeds/hotlist/accept", b"", Authorization=f"Bearer {TOKEN}")[0] == 401
        assert push(service, one)[0] == 200


def test_what_was_pushed_and_acknowledged_survives_kill_9(tmp_path: Path, wass: WassSimulator) -> None:
    config = prepare(tmp_path, wass=wass.url, secret=SECRET, more=PUSHED)
    with running(config) as service:
        for version in range(1, 6):
            entry = {"id": f"B{version}", "plate": f"{10 + version}다7777"}
            assert push(service, {"version": version, "upserts": [entry]})[0] == 200
        service.kill()
    with running(config) as service:
        assert (feed(service, "seoul")["version"], feed(service, "seoul")["entries"]) == (5, 5)
        assert service.send(read("13다7777"))[1]["hits"] == 1
        assert push(service, {"version": 6, "removals": ["B3"]})[1]["entries"] == 4
    # A feed that is no longer set has no entries any more.
    prepare(tmp_path, wass=wass.url, secret=SECRET)
    with running(config) as service:
        assert [state["feed"] for state in service.get("/v1/status")[1]["feeds"]] == ["hotlist"]
        assert service.send(read("12다7777"))[1]["hits"] == 0


def test_a_pushed_list_that_lost_most_entries_is_refused_until_it_is_accepted(pushed: Service) -> None:
    entries = [{"id": f"B{n}", "plate": f"{10 + n % 90}다{1000 + n}"} for n in range(2000)]
    assert push(pushed, {"version": 1, "entries": entries}, "PUT")[1]["entries"] == 2000  # more than one step
    small = {"version": 2, "entries": entries[:100]}
    status, answer = push(pushed, small, "PUT")
    assert (status, "less than 50 % of the 2,000 before" in answer["reason"]) == (422, True)
    assert feed(pushed, "seoul")["entries"] == 2000
    assert pushed.post("/v1/feeds/seoul/accept", b"")[0] == 200
    assert push(pushed, small, "PUT")[1]["entries"] == 100
    assert pushed.send(read("10다1000"), read("10다1900"))[1]["hits"] == 1
