"""Fit the channel model that is shipped, on the project's reads of real recognisers.

python benchmarks/fit_channel.py            # writes src/platewatch/probability/models/channel.json

Readers of any text, of which half are wrong, and networks trained on plates, of which one in seven is: so that the
model knows what cameras there are, and takes none of them for granted.
"""

from __future__ import annotations

from pathlib import Path

from platewatch.evaluation.models import example
from platewatch.evaluation.sample import load, unlabelled_passes
from platewatch.matching.reads import Read
from platewatch.probability.channel_model import ChannelModel

DATA = Path(__file__).parent / "data"
READS = (DATA / "ocr_reads.jsonl.gz", DATA / "plate_reads.jsonl.gz")
CLUTTER = DATA / "clutter_reads.jsonl.gz"
MODEL = Path(__file__).parents[1] / "src" / "platewatch" / "probability" / "models" / "channel.json"


def load_reads(*paths: Path) -> list[tuple[Read, str]]:
    """The bundled reads, each with its true plate; those of one image, or one pass, are one pass."""
    return [example(labelled) for path in paths or READS for labelled in load(path)[0]]


def load_clutter() -> list[tuple[Read, str]]:
    """What networks read on signs that are no plates, with no plate."""
    return [(read, "") for reads in unlabelled_passes(CLUTTER)[0] for read in reads]


def main() -> None:
    pairs = load_reads()
    clutter = load_clutter()
    model = ChannelModel.fit(pairs + clutter, from_scratch=True)
    model.save(MODEL)
    print(f"{MODEL}: fitted on {len(pairs)} reads of {len(model.engines)} engines")
    print(f"and {len(clutter)} reads of no plate")
    print(f"one of several frames counts {model.frame_weight}")


if __name__ == "__main__":
    main()
