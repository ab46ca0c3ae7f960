"""Who is told of which hit: the rules of a route, and the settings that say them."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from platewatch.errors import ConfigError
from platewatch.notify.senders.file import FileSettings
from platewatch.service.config import load
from platewatch.service.routes import NOBODY, Escalation, Route, Routes
from tests.feeds.test_service import alarms
from tests.notify.support import SECRET, hit_data
from tests.patience import until
from tests.service import running

TO = FileSettings(path=Path("events.jsonl"))


def route(**changes: Any) -> Route:
    return Route(to=TO, **changes)


@pytest.mark.parametrize(
    ("rules", "hit", "takes"),
    [
        ({}, {}, True),
        ({"categories": ("missing person",)}, {}, True),
        ({"categories": ("stolen",)}, {}, False),
        ({"agencies": ("Gwangju Metropolitan Police",)}, {}, True),
        ({"agencies": ()}, {}, False),
        ({"grades": ("notify",)}, {}, False),
        ({"grades": ("notify",)}, {"grade": "notify"}, True),
        ({"min_probability": 0.3}, {}, False),
        ({"min_probability": 0.3}, {"edits": 0}, True),
        ({"min_probability": 0.3}, {"edits": 0, "pattern": True}, False),
        ({}, {"covert": True}, False),
        ({"agency": "Gwangju Metropolitan Police"}, {"covert": True}, True),
        ({"agency": "another"}, {"covert": True}, False),
        ({"agency": "another"}, {}, True),
    ],
)
def test_a_route_takes_what_its_rules_say(rules: dict[str, Any], hit: dict[str, Any], takes: bool) -> None:
    assert route(**rules).takes(hit_data(**hit)) is takes


def test_a_hit_goes_to_every_route_that_takes_it_or_waits_for_somebody() -> None:
    routes = Routes({"a": route(), "b": route(grades=("notify",)), "c": route(categories=("missing person",))})
    assert routes.of(hit_data()) == ("a", "c")
    assert routes.of(hit_data(covert=True)) == (NOBODY,)


def test_it_is_said_of_which_entries_nobody_would_be_told() -> None:
    routes = Routes(
        {"a": route(categories=("stolen",)), "b": route(agencies=("X",), agency="X"), "c": route(grades=("check",))}
    )
    assert not routes.taken_by_nobody("stolen", "Y", covert=False)
    assert not routes.taken_by_nobody("missing", "X", covert=True)
    assert routes.taken_by_nobody("missing", "Y", covert=False), "a route that takes no notify is not enough"
    assert routes.taken_by_nobody("stolen", "Y", covert=True)


@pytest.mark.parametrize(
    ("routes", "field"),
    [
        ({}, "routes"),
        ({NOBODY: route()}, "routes"),
        ({" ": route()}, "routes"),
        ({"a": route(unseen=Escalation(to="b", after=1))}, "routes.a.unseen.to"),
        ({"a": route(unseen=Escalation(to="a", after=1))}, "routes.a.unseen.to"),
    ],
)
def test_routes_that_lead_nowhere_are_refused(routes: dict[str, Route], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Routes(routes)
    assert caught.value.field == field


def settings(place: Path, text: str) -> Path:
    path = place / "platewatch.toml"
    path.write_text('hotlist = "wanted.csv"\n' + text, "utf-8")
    return path


def test_wass_is_the_route_that_takes_everything_and_others_stand_beside_it(tmp_path: Path) -> None:
    text = f"""
        wass = {{url = "https://wass.example/events", secrets = ["{SECRET}"]}}
        [routes.fire]
        categories = ["suicide risk"]
        agency = "119"
        unseen = {{to = "wass", after = 5}}
        to = {{kind = "https", url = "https://119.example", secrets_file = "119.secret", token = "t"}}
        [routes.archive]
        to = {{kind = "file", path = "hits.jsonl"}}
        [routes.radio]
        to = {{kind = "mqtt", url = "mqtts://broker.example", topic = "hits/gwangju"}}
        [routes.pager]
        to = {{kind = "command", command = ["page", "--now"]}}
    """
    routes = load(settings(tmp_path, text), {}).routes
    assert list(routes) == ["wass", "fire", "archive", "radio", "pager"]
    assert routes["wass"].takes(hit_data())
    assert getattr(routes["fire"].to, "secrets_file") == tmp_path / "119.secret"  # noqa: B009 - a union
    assert routes["archive"].to == FileSettings(path=tmp_path / "hits.jsonl")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "routes: at least one is needed"),
        ('wass = {url = "ftp://x", secrets = ["s"]}', "wass.url: is not an http or https URL"),
        ('wass = {url = "https://x"}', "wass.secrets: secrets or secrets_file is needed"),
        ('routes.a.to = {kind = "fax"}', "routes.a.to.kind: Invalid value 'fax'"),
        ('routes.a.to = {kind = "https", url = "x", secrets = ["s"]}', "routes.a.to.url: is not an http or https URL"),
        (
            'routes.a.to = {kind = "https", url = "https://x", secrets = ["s"], key = "k"}',
            "routes.a.to.key: is of no use",
        ),
        ('routes.a.to = {kind = "mqtt", url = "mqtt://x", topic = "a/#"}', "routes.a.to.topic: has a wildcard"),
        ('routes.a.to = {kind = "mqtt", url = "mqtt://u:p@x", topic = "a"}', "routes.a.to.url: is not mqtt://host"),
        ('routes.a.to = {kind = "command", command = []}', "routes.a.to.command: Expected `array` of length >= 1"),
        (
            'routes.a = {to = {kind = "file", path = "x"}, grade = ["notify"]}',
            "routes.a: Object contains unknown field",
        ),
        ('routes.a = {to = {kind = "file", path = "x"}, grades = ["bad"]}', "routes.a.grades[0]: Invalid enum value"),
        (
            'wass = {url = "https://x", secrets = ["s"]}\nroutes.wass.to = {kind = "file", path = "x"}',
            "routes.wass: is the route of the table [wass]",
        ),
    ],
)
def test_a_bad_setting_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(settings(tmp_path, text), {})
    assert said in str(caught.value)


def test_the_service_says_of_which_entries_nobody_would_be_told(config: Path) -> None:
    covert = "id,plate,category,agency,covert\nA1,12가3456,stolen,X,no\nA2,34나5678,stolen,X,yes\n"
    config.with_name("wanted.csv").write_text(covert, "utf-8")
    with running(config) as service:
        told = [event for event in service.log() if event["event"] == "nobody would be told of such entries"]
        assert [(event["category"], event["agency"], event["covert"]) for event in told] == [("stolen", "X", True)]
        assert service.send({"text": "34나5678", "camera_id": "GJ-0001"})[1]["hits"] == 1
        waits = service.get("/v1/status")[1]["routes"]
        assert (waits["wass"]["pending"], waits[NOBODY]["pending"]) == (0, 1), "it is not dropped, and told to nobody"


def test_a_route_that_is_down_and_hits_that_no_route_takes_are_alarms(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = closed.getsockname()[1]
    text = config.read_text("utf-8").replace('wass.url = "', f'wass.url = "http://127.0.0.1:{nowhere}/')
    config.write_text(text.replace("wass.url", "routes.gone.to.url").replace("wass.", "routes.gone.to."), "utf-8")
    more = 'routes.gone.to.kind = "https"\nroutes.gone.categories = ["stolen"]\n'
    config.write_text(more + config.read_text("utf-8"), "utf-8")
    with running(config) as service:
        assert service.send({"text": "12가3456"}, {"text": "서울52바3108"})[1]["hits"] == 2
        until(lambda: sorted(alarms(service)) == [("no_route", "nobody"), ("route_down", "gone")])
        assert service.get("/v1/status")[1]["routes"]["gone"]["down"] is True
