"""What the labels of few plates teach of an engine that the model does not know, and whether they ever do harm.

python benchmarks/few_labels.py            # some minutes

For each engine, a model of the others is refined on 10, 25 and 50 of its plates, three draws each, and judged on up to
300 reads of its other plates: the mean of -log P(true plate | read), in nats a read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from platewatch.evaluation.few_labels import surprise
from platewatch.evaluation.models import example
from platewatch.evaluation.sample import LabelledRead, load, why_missed
from platewatch.probability.channel_model import ChannelModel

DATA = Path(__file__).parent / "data"
READS = (DATA / "plate_reads.jsonl.gz", DATA / "ocr_reads.jsonl.gz")
PLATES = (10, 25, 50)
DRAWS = 3
_MOST_JUDGED = 300
_LEAST_PLATES = 200  # of an engine that is tried


class Trial(NamedTuple):
    """What one draw of so many plates did: nats a read before and after."""

    engine: str
    plates: int
    before: float
    after: float


def usable(country: str = "KR") -> list[LabelledRead]:
    """The bundled reads of which something can be learnt."""
    reads = [one for path in READS for one in load(path)[0]]
    return [one for one in reads if one.country == country and why_missed(one.read) is None]


def trials(reads: list[LabelledRead], engine: str, plates: tuple[int, ...], draws: int) -> Iterator[Trial]:
    """Of one engine, from a model of all others."""
    own = [one for one in reads if one.read.engine == engine]
    base = ChannelModel.fit([example(one) for one in reads if one.read.engine != engine], from_scratch=True)
    names = sorted({one.plate for one in own})
    for count in plates:
        for draw in range(draws):
            order = np.random.default_rng([draw, count]).permutation(len(names))
            few = {names[i] for i in order[:count].tolist()}
            model = ChannelModel.fit([example(one) for one in own if one.plate in few], base=base)
            others = [one for one in own if one.plate not in few]
            judged = [others[i] for i in np.random.default_rng(draw).permutation(len(others))[:_MOST_JUDGED].tolist()]
            before, after = (float(np.mean([surprise(m, one) for one in judged])) for m in (base, model))
            yield Trial(engine, count, before, after)


def main() -> None:
    reads = usable()
    engines = sorted({one.read.engine for one in reads if one.read.engine is not None})
    print("| engine | plates | nats a read, before → after | |\n|---|---|---|---|")
    for engine in engines:
        if len({one.plate for one in reads if one.read.engine == engine}) < _LEAST_PLATES:
            continue
        by_plates: dict[int, list[Trial]] = {}
        for trial in trials(reads, engine, PLATES, DRAWS):
            by_plates.setdefault(trial.plates, []).append(trial)
        for plates, drawn in by_plates.items():
            pairs = ", ".join(f"{trial.before:.3f} → {trial.after:.3f}" for trial in drawn)
            worse = sum(trial.after > trial.before for trial in drawn)
            print(f"| {engine} | {plates} | {pairs} | {worse} of {len(drawn)} worse |", flush=True)


if __name__ == "__main__":
    main()
