from __future__ import annotations

from pathlib import Path

import pytest

import platewatch as pw
from platewatch.lists.feeds.file import FileFeedSettings
from platewatch.notify.senders import HttpsSettings
from platewatch.service.config import load
from platewatch.service.policy import CategoryPolicy, Policy

MINIMAL = 'hotlist = "wanted.csv"\n[wass]\nurl = "http://127.0.0.1:9/events"\nsecrets = ["s"]\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "platewatch.toml"
    path.write_text(MINIMAL, "utf-8")
    return path


def test_paths_are_relative_to_the_file(config: Path) -> None:
    settings = load(config, {})
    assert settings.hotlist == config.parent / "wanted.csv"
    assert settings.outbox.path == config.parent / "outbox.db"
    assert (settings.http.port, settings.max_edits, settings.cameras, settings.model) == (8080, 2, None, None)
    assert settings.policy == Policy(notify=0.5, check=0.05)
    assert settings.passes.window == 2.0
    assert (settings.learning.enabled, settings.learning.file) == (True, config.parent / "learnt.json")


def test_policy_and_model(config: Path) -> None:
    text = 'model = "channel.json"\n' + MINIMAL + "[policy]\ncheck = 0.1\n[policy.categories.stolen]\nnotify = 0.9\n"
    config.write_text(text, "utf-8")
    settings = load(config, {"PLATEWATCH_POLICY__NOTIFY": "0.7", "PLATEWATCH_MODEL_ERROR_RATE": "0.03"})
    assert settings.model_error_rate == 0.03
    assert settings.model == config.parent / "channel.json"
    assert settings.policy == Policy(notify=0.7, check=0.1, categories={"stolen": CategoryPolicy(notify=0.9)})
    settings = load(config, {"PLATEWATCH_POLICY__CATEGORIES": "{'suicide risk' = {notify = 0.2}}"})
    assert settings.policy.categories == {"suicide risk": CategoryPolicy(notify=0.2)}


def test_environment_overrides(config: Path) -> None:
    environment = {
        "PLATEWATCH_MAX_EDITS": "3",
        "PLATEWATCH_PASSES__WINDOW": "0",
        "PLATEWATCH_LEARNING__ENABLED": "false",
        "PLATEWATCH_HTTP__PORT": "0",
        "PLATEWATCH_HTTP__TOKEN": "not TOML",
        "PLATEWATCH_WASS__SECRETS": '["a", "b"]',
        "PLATEWATCH_CAMERAS": "/srv/cameras.csv",
        "PLATEWATCH_KERNEL": "serial",  # not a setting of the service
    }
    settings = load(config, environment)
    assert (settings.max_edits, settings.http.port, settings.http.token) == (3, 0, "not TOML")
    assert settings.passes.window == 0
    assert not settings.learning.enabled
    assert isinstance(settings.wass, HttpsSettings)
    assert settings.wass.secrets == ("a", "b")
    assert settings.cameras == Path("/srv/cameras.csv")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"PLATEWATCH_HTTP__PORT": "high"}, "http.port: Expected `int`, got `str`"),
        ({"PLATEWATCH_HTTP__PROT": "1"}, "http: Object contains unknown field `prot`"),
        ({"PLATEWATCH_RETRY__JITTER": "2.0"}, "retry.jitter: Expected `float` <= 1"),
        ({"PLATEWATCH_WASS__URL": "not a url"}, "wass.url: is not an http or https URL"),
        ({"PLATEWATCH_HTTP": "5", "PLATEWATCH_HTTP__PORT": "1"}, "http: is not a table of settings"),
        (
            {"PLATEWATCH_POLICY__CATEGORIES": "{a = {}, b = {check = 'x'}}"},
            "policy.categories.b.check: Expected `float",
        ),
        ({"PLATEWATCH_POLICY__CATEGORIES": "5"}, "policy.categories: Expected `object`, got `int`"),
        ({"PLATEWATCH_WASS__SECRETS": '["a", 5]'}, "wass.secrets[1]: Expected `str`, got `int`"),
        ({"PLATEWATCH_WASS__SECRETS": "5"}, "wass.secrets: Expected `array`, got `int`"),
        ({"PLATEWATCH_OUTBOX": "5"}, "outbox: Expected `object`, got `int`"),
        ({"PLATEWATCH_OUTBOX__RETENTION_DAYS": "0"}, "outbox.retention_days: Expected `float` > 0"),
        ({"PLATEWATCH_RETRY__CONCURRENCY": "1.5"}, "retry.concurrency: Expected `int`"),
        ({"PLATEWATCH_POLICY__CHECK": "0.6"}, "policy.check: is not above 0 and at most notify, which is 0.5"),
        ({"PLATEWATCH_POLICY__CHEK": "0.6"}, "policy: Object contains unknown field `chek`"),
        ({"PLATEWATCH_PASSES__WINDOW": "-1"}, "passes.window: Expected `float` >= 0"),
        ({"PLATEWATCH_PASSES__WINDOW": "nan"}, "passes.window: Expected `float` "),
        ({"PLATEWATCH_PASSES__WINDOWS": "2"}, "passes: Object contains unknown field `windows`"),
        ({"PLATEWATCH_LEARNING__SHARE": "0"}, "learning.share: Expected `float` > 0"),
        ({"PLATEWATCH_LEARNING__SHARE": "1.5"}, "learning.share: Expected `float` <= 1"),
        ({"PLATEWATCH_LEARNING__HALF_LIFE": "10"}, "learning.half_life: Expected `float` >= 1000"),
        ({"PLATEWATCH_LEARNING__ENABLED": "maybe"}, "learning.enabled: Expected `bool`, got `str`"),
        ({"PLATEWATCH_LEARNING__FILE": "5"}, "learning.file: expected the path of a file"),
        ({"PLATEWATCH_MODEL_ERROR_RATE": "0"}, "model_error_rate: Expected `float` > 0"),
        ({"PLATEWATCH_MODEL_ERROR_RATE": "1.0"}, "model_error_rate: Expected `float` < 1"),
        ({"PLATEWATCH_MODEL_ERROR_RATE": "low"}, "model_error_rate: Expected `float"),
        ({"PLATEWATCH_MODEL": "5"}, "model: expected the path of a file"),
        ({"PLATEWATCH_HOTLIST": "5"}, "hotlist: expected the path of a file"),
        ({"PLATEWATCH_LIST__MIN_SHARE": "2"}, "list.min_share: Expected `float` <= 1"),
        ({"PLATEWATCH_FEEDS": "{a = {kind = 'fiel', path = 'x'}}"}, "feeds.a.kind: Invalid value 'fiel'"),
        ({"PLATEWATCH_FEEDS": "{a = {path = 'x'}}"}, "feeds.a: Object missing required field `kind`"),
        (
            {"PLATEWATCH_FEEDS": "{a = {kind = 'push', token = 'short'}}"},
            "feeds.a.token: Expected `str`",
        ),
        ({"PLATEWATCH_FEEDS": "{a = {kind = 'http', url = 'ftp://x/'}}"}, "feeds.a.url: is not an http or https URL"),
        ({"PLATEWATCH_FEEDS": "{a = {kind = 'http', url = 'http://u:p@x/'}}"}, "feeds.a.url: has credentials in it"),
        ({"PLATEWATCH_FEEDS": "{'A/b' = {kind = 'file', path = 'x'}}"}, "feeds.A/b: has a name that is not of a-z"),
        ({"PLATEWATCH_FEEDS": "{hotlist = {kind = 'file', path = 'x'}}"}, "feeds.hotlist: is the feed of the setting"),
    ],
)
def test_a_bad_setting_is_named(config: Path, environment: dict[str, str], message: str) -> None:
    with pytest.raises(pw.ConfigError) as caught:
        load(config, environment)
    assert message in str(caught.value)


def test_feeds(config: Path) -> None:
    config.write_text('[wass]\nurl = "http://127.0.0.1:9/"\nsecrets = ["s"]\n', "utf-8")
    with pytest.raises(pw.ConfigError, match="hotlist: is missing, and there are no feeds"):
        load(config, {})
    feeds = load(config, {"PLATEWATCH_FEEDS": "{a = {kind = 'file', path = 'lists', strict = false}}"}).feeds
    assert feeds == {"a": FileFeedSettings(path=config.parent / "lists", strict=False)}
    environment = {"PLATEWATCH_HOTLIST": "w.csv", "PLATEWATCH_LIST__WATCH": "false", "PLATEWATCH_LIST__AGENCY": "x"}
    settings = load(config, environment)
    assert settings.feeds == {"hotlist": FileFeedSettings(path=config.parent / "w.csv", watch=False, agency="x")}
    assert settings.list.store == config.parent / "feeds.db"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(pw.ConfigError, match=r"nowhere\.toml: No such file"):
        load(tmp_path / "nowhere.toml")
