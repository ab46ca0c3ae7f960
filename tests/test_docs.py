"""That what the pages on safety name is there, and that the guide in Korean says what holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from msgspec import NODEFAULT, structs

from platewatch.cli import app
from platewatch.service import cameras, delivery, feeds, silence
from platewatch.service.config import Settings, load
from platewatch.service.keys import Action, Key
from platewatch.tls import TlsSettings
from tests.service import SECRET

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("page", ["asvs.md", "threats.md"])
def test_every_test_that_is_named_exists(page: str) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    files = set(re.findall(r"`((?:\w+/)*test_\w+\.py)", text))
    assert len(files) >= 5
    for file in files:
        assert (ROOT / "tests" / file).is_file(), file
    named = set(re.findall(r"`((?:\w+/)*test_\w+\.py)::(\w+)`", text))
    assert len(named) == len(set(re.findall(r"::\w+`", text))), "each names its file"
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / file).read_text("utf-8"), f"{file}::{test}"
    for folder in re.findall(r"`tests/(\w+)/`", text):
        assert list((ROOT / "tests" / folder).glob("test_*.py")), folder


def test_the_checklist_has_every_chapter() -> None:
    """V1 to V17 of the standard."""
    text = (ROOT / "docs" / "asvs.md").read_text("utf-8")
    chapters = {int(number) for number in re.findall(r"\bV(\d+)\b", text)}
    assert chapters == set(range(1, 18))
    for line in text.splitlines():
        assert not line.startswith("|") or line.count("|") == 4, line


# ---------------------------------------------------------------------- the guide in Korean

GUIDE = (ROOT / "docs" / "operators.ko.md").read_text("utf-8")
ALARMS = {
    feeds.REFUSED, feeds.STALE, feeds.NOT_KEPT, cameras.REFUSED, silence.SILENT,
    delivery.DOWN, delivery.DEAD, delivery.NO_ROUTE,
}  # fmt: skip


def default(path: str) -> Any:
    """What a setting is unless it is set."""
    value: Any = Settings
    for name in path.split("."):
        (field,) = (one for one in structs.fields(value) if one.name == name)
        value = field.default if field.default is not NODEFAULT else field.default_factory()
    return value


def test_the_settings_of_the_guide_are_settings(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    config = tmp_path / "platewatch.toml"
    config.write_text(text, "utf-8")
    (tmp_path / "wass.secret").write_text(SECRET)
    settings = load(config, {})
    assert settings.hotlist == tmp_path / "수배.csv"
    assert settings.admin is not None
    named = re.findall(r"`((?:list|outbox|outcomes|look_back)\.[a-z_]+)(?:\.\w+)*`", GUIDE)
    assert {default(name) is not None for name in named if name != "outcomes.calibration"} == {True}
    assert len(named) >= 5


def test_the_figures_of_the_guide_are_those_of_the_code() -> None:
    for said, path, unit in [
        (r"기준\(기본 ([\d.]+)\)", "policy.notify", 1),
        (r"기본 ([\d.]+) 이상", "policy.check", 1),
        (r"(\d+)시간 동안, 또는 영구히", "retry.give_up_after", 1 / 3600),
        (r"기본 보관 기간은 (\d+)개월", "audit.kept_months", 1),
        (r"기본 (\d+)일 뒤", "outbox.retention_days", 1),
        (r"기본 (\d+)일 동안 남깁니다", "outbox.confirmed_days", 1),
        (r"보관 일수를 정합니다\(기본 (\d+):", "outcomes.labelled_days", 1),
    ]:
        (figure,) = re.findall(said, GUIDE)
        assert float(figure) == default(path) * unit, path
    assert default("look_back.minutes") == 0, "기본으로 꺼져 있습니다"


def test_the_guide_names_every_alarm_every_action_and_what_bounds_keys() -> None:
    for page in (GUIDE, (ROOT / "docs" / "watching.md").read_text("utf-8")):
        assert [alarm for alarm in ALARMS if f"`{alarm}`" not in page] == []
    bounds = {field.name for field in structs.fields(Key)} - {"hash", "may"}
    named = {*bounds, *Action, "clients", "revoked"}
    for page in (GUIDE, (ROOT / "docs" / "threats.md").read_text("utf-8")):
        assert [name for name in named if f"`{name}`" not in page] == []
    assert {"clients", "revoked"} <= {field.name for field in structs.fields(TlsSettings)}


@pytest.mark.parametrize(
    "name", ["README.md", "README.ko.md", "docs/operators.ko.md", "docs/watching.md", "docs/threats.md"]
)
def test_commands_that_a_page_names_are_there(name: str) -> None:
    groups: Any = typer.main.get_command(app)
    text = (ROOT / name).read_text("utf-8")
    blocks, rest = re.findall(r"(?s)```sh\n(.*?)```", text), re.sub(r"(?s)```.*?```", "", text)
    code = "\n".join([*blocks, *re.findall(r"`(platewatch [^`]+)`", rest)])
    named = set(re.findall(r"(?m)^platewatch ([a-z-]+)(?: ([a-z]+)(?= |$))?", code))
    assert len(named) >= 4
    for command, second in named:
        found = groups.commands.get(command)
        assert found is not None, command
        if second and hasattr(found, "commands"):
            assert second in found.commands, f"{command} {second}"
