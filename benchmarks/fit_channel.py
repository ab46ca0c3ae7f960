"""Fit the channel model that is shipped, on the project's reads of real recognisers.

python benchmarks/fit_channel.py            # writes src/platewatch/probability/models/channel.json
"""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec

from platewatch.matching.reads import Read, decode
from platewatch.probability.channel_model import ChannelModel

READS = Path(__file__).parent / "data" / "ocr_reads.jsonl.gz"
MODEL = Path(__file__).parents[1] / "src" / "platewatch" / "probability" / "models" / "channel.json"


class _Truth(msgspec.Struct):
    truth: str
    image: str


def load_reads(path: Path = READS) -> list[tuple[Read, str]]:
    """The bundled reads, each with its true plate; the reads of one image are one pass."""
    pairs = []
    with gzip.open(path) as lines:
        for row, line in enumerate(lines, 1):
            known = msgspec.json.decode(line, type=_Truth)
            pairs.append((msgspec.structs.replace(decode(line, row), pass_id=known.image), known.truth))
    return pairs


def main() -> None:
    pairs = load_reads()
    model = ChannelModel.fit(pairs)
    model.save(MODEL)
    print(f"{MODEL}: fitted on {len(pairs)} reads of {len(model.engines)} engines")
    print(f"one of several frames counts {model.frame_weight}")


if __name__ == "__main__":
    main()
