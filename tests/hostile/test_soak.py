"""The short form of `make soak`."""

from pathlib import Path

from tests.hostile.soak import DISK_FULL_EVERY, Soak


def test_killed_under_load_nothing_is_lost_invented_or_doubled(tmp_path: Path) -> None:
    report = Soak(tmp_path, kills=DISK_FULL_EVERY + 1).run()
    assert report.is_sound, str(report)
    assert report.due >= 1, str(report)
    assert report.lists >= 1, str(report)
    assert report.answers >= 1, str(report)
