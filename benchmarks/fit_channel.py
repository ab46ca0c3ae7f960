"""Fit the channel model that is shipped, on the project's reads of real recognisers.

python benchmarks/fit_channel.py            # writes src/platewatch/probability/models/channel.json

Readers of any text, of which half are wrong, and networks trained on plates, of which one in seven is: so that the
model knows what cameras there are, and takes none of them for granted.
"""

from __future__ import annotations

from pathlib import Path

from platewatch.evaluation.run import example
from platewatch.evaluation.sample import load
from platewatch.matching.reads import Read
from platewatch.probability.channel_model import ChannelModel

DATA = Path(__file__).parent / "data"
READS = (DATA / "ocr_reads.jsonl.gz", DATA / "plate_reads.jsonl.gz")
MODEL = Path(__file__).parents[1] / "src" / "platewatch" / "probability" / "models" / "channel.json"


def load_reads(*paths: Path) -> list[tuple[Read, str]]:
    """The bundled reads, each with its true plate; those of one image, or one pass, are one pass."""
    return [example(labelled) for path in paths or READS for labelled in load(path)[0]]


def main() -> None:
    pairs = load_reads()
    model = ChannelModel.fit(pairs, from_scratch=True)
    model.save(MODEL)
    print(f"{MODEL}: fitted on {len(pairs)} reads of {len(model.engines)} engines")
    print(f"one of several frames counts {model.frame_weight}")


if __name__ == "__main__":
    main()
