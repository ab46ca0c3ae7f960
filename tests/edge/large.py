"""A list as a city has it, for bounds.c: `python -m tests.edge.large FOLDER` writes 100,000 entries there.

Within 1 and within 2 edits: N.bundle has the model of one recogniser, N.snapshot none. all.bundle has the shipped
model, of all recognisers, and a thousand of the entries. reads.txt has a thousand reads, ten of which are of wanted
vehicles.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import platewatch as pw
from platewatch.bundle.make import make as made_of
from platewatch.service.policy import Policy

ENTRIES, READS = 100_000, 1_000
SYLLABLES = "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주"


def make(folder: Path) -> None:
    """Write them."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(20261128)

    def plate() -> str:
        return f"{rng.randrange(10, 1000)}{rng.choice(SYLLABLES)}{rng.randrange(1000, 10_000)}"

    plates = sorted({plate() for _ in range(ENTRIES + ENTRIES // 10)})
    rng.shuffle(plates)
    entries = [
        pw.Entry(id=f"{number:06}", plate=text, category=rng.choice(["stolen", "missing"]))
        for number, text in enumerate(plates[:ENTRIES])
    ]

    def save(name: str, matcher: pw.Matcher) -> None:
        bundle = made_of(matcher, version=1, agency="police", group="gates", issued=0, expires=1, policy=Policy())
        bundle.save(folder / f"{name}.bundle")

    model = pw.ChannelModel.default()
    hotlist = pw.Hotlist(entries)
    for edits in (1, 2):
        matcher = pw.Matcher(hotlist, max_edits=edits, model=model.of_engine("ctc"))
        matcher.save(folder / f"{edits}.snapshot")
        save(f"{edits}", matcher)
    save("all", pw.Matcher(pw.Hotlist(entries[:READS]), max_edits=1, model=model))
    reads = [plates[number] if number % 100 == 0 else plate() for number in range(READS)]
    (folder / "reads.txt").write_text("".join(f"{read}\n" for read in reads), encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
