"""What a policy means for a good, a fair and a bad camera: a day's alarms, how many are right, what is found.

python benchmarks/alarms.py [--notify 0.5 --check 0.05] [--max-edits 2] [--entries 30000] [--lists 100]

All by `platewatch evaluate`'s measure (docs/evaluation.md), on the project's reads of rendered plates, judged by models
that have not seen the plate. Good: networks trained on plates, at gates and on roads by day. Fair: the same networks at
night, far away, in winter, with old cameras. Bad: readers of any text. A day has a million reads, and wanted vehicles
drive as much as others.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable
from pathlib import Path

import msgspec

from platewatch.evaluation import Evaluation, LabelledRead, Models, Settings, cross_validated, evaluate, load
from platewatch.evaluation.figures import Interval
from platewatch.evaluation.results import alarmed_by

DATA = Path(__file__).parent / "data"
PLATES, OCR = DATA / "plate_reads.jsonl.gz", DATA / "ocr_reads.jsonl.gz"
GOOD = {"gate", "day"}


class Camera(msgspec.Struct):
    """What the reads of plate networks say of theirs."""

    camera_id: str
    camera_kind: str


def main() -> None:
    settings = parse_options()
    sample, models = fitted(PLATES, settings)
    kinds = kinds_of_cameras()
    report("good", sample, lambda one: kinds[one.read.camera_id or ""] in GOOD, models, settings)
    report("fair", sample, lambda one: kinds[one.read.camera_id or ""] not in GOOD, models, settings)
    sample, models = fitted(OCR, settings)
    report("bad", sample, lambda one: one.country == "KR", models, settings)


def fitted(path: Path, settings: Settings) -> tuple[list[LabelledRead], Models]:
    """The reads of a file, and models that have not seen the plates that they judge."""
    sample, errors = load(path)
    if errors:
        raise SystemExit(f"{path}: {errors[0]}")
    return sample, cross_validated(sample, settings)


def kinds_of_cameras() -> dict[str, str]:
    """The kind of each camera of the plate networks."""
    with gzip.open(PLATES) as lines:
        cameras = [msgspec.json.decode(line, type=Camera) for line in lines]
    return {camera.camera_id: camera.camera_kind for camera in cameras}


def report(
    name: str, sample: list[LabelledRead], of: Callable[[LabelledRead], bool], models: Models, settings: Settings
) -> None:
    """A table in Markdown of the reads that are of such a camera."""
    chosen = [one for one in sample if of(one)]
    never = [one.plate for one in sample]
    found = evaluate(chosen, models, settings, never_listed=never)
    print(table(name, found))


def table(name: str, found: Evaluation) -> str:
    """What each rule, grade and threshold comes to in a day."""
    (view,) = found.views
    (methods,) = alarmed_by(view)
    exact = next(rule for rule in view.rules if rule.name == "exact")
    head = (
        f"A {name} camera: {found.reads:,} reads of {found.plates:,} plates, {percent(exact.recall)} of them exact; "
        f"{found.settings.hotlist_size:,} entries, {found.settings.draws:,} lists, max_edits "
        f"{found.settings.max_edits}, notify {found.settings.notify:g}, check {found.settings.check:g}; of a day's "
        f"{found.settings.reads_per_day:,} reads {view.traffic.wanted:,.0f} are of wanted vehicles."
    )
    lines = [
        head,
        "",
        "| raised by | alarms a day | right | wrong | up to | share right | | found |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for what, alarms, recall in methods.points:
        counts = (count(part) for part in (alarms.total.value, alarms.right.value, alarms.wrong.value))
        ends = (alarms.precision.low, alarms.precision.high)
        interval = " to ".join("?" if end is None else f"{100 * end:.0f}" for end in ends)
        cells = (what, *counts, count(alarms.wrong.high), percent(alarms.precision), interval, percent(recall))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def count(number: float | None) -> str:
    return "–" if number is None else f"{number:,.0f}"


def percent(share: Interval) -> str:
    return "–" if share.value is None else f"{100 * share.value:.1f} %"


def parse_options() -> Settings:
    default = Settings()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notify", type=float, default=default.notify)
    parser.add_argument("--check", type=float, default=default.check)
    parser.add_argument("--max-edits", type=int, default=default.max_edits)
    parser.add_argument("--entries", type=int, default=default.hotlist_size)
    parser.add_argument("--lists", type=int, default=default.draws)
    options = parser.parse_args()
    return Settings(
        notify=options.notify,
        check=options.check,
        max_edits=options.max_edits,
        hotlist_size=options.entries,
        draws=options.lists,
    )


if __name__ == "__main__":
    main()
