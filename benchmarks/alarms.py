"""What a policy means: right and false alarms in a million reads, on the project's reads of real recognisers.

python benchmarks/alarms.py [--notify 0.5 --check 0.05] [--severity 2] [--max-edits 2] [--entries 30000] [--lists 100]

Reads are judged by a model that was fitted on the reads of other plates. *False*: none of the lists' plates was shown,
as the lists are random plates of Korea's registered vehicles, and an alarm is counted for each entry. *Right*: the
plate that was shown is on a list. How many of a million reads show a listed plate is not measured but assumed: wanted
vehicles pass as often as others, so it is the list's share of all vehicles. Exact look-up is what there was before.
"""

from __future__ import annotations

import argparse
import gzip
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from platewatch import ChannelModel, Hotlist, Matcher, Read, normalize
from platewatch.matching.reads import decode
from platewatch.probability.population import Population
from platewatch.service.policy import Grade, Policy

READS = Path(__file__).parent / "data" / "ocr_reads.jsonl.gz"
MILLION = 1_000_000


class Truth(msgspec.Struct):
    """What the data know of a read: the plate, its country, and how bad the picture is, 0 to 4."""

    truth: str
    country: str
    severity: int


Example = tuple[Read, Truth]


def main() -> None:
    options = parse_options()
    policy = Policy(notify=options.notify, check=options.check)
    rng = random.Random(1)
    examples = load()
    shown = {truth.truth for _, truth in examples}
    false: Counter[Grade] = Counter()
    right: Counter[Grade] = Counter()
    exact = judged = 0
    for half in (0, 1):
        model = ChannelModel.fit((read, truth.truth) for read, truth in examples if half_of(truth) != half)
        asked = [
            (read, truth)
            for read, truth in examples
            if half_of(truth) == half and truth.country == "KR" and truth.severity <= options.severity
        ]
        reads = [read for read, _ in asked]
        judged += len(asked)
        exact += sum(normalize(read.text, read=True) == truth.truth for read, truth in asked)
        for _ in range(options.lists):
            plates = {plate for plate in random_plates(rng, options.entries) if plate not in shown}
            false += judge(plates, reads, model, policy, options.max_edits).by_grade()
        wanted = {truth.truth for _, truth in asked}
        plates = wanted | set(random_plates(rng, options.entries - len(wanted)))
        found = judge(plates, reads, model, policy, options.max_edits)
        right += Counter(grade for row, plate, grade in found.hits if asked[row][1].truth == plate)
    report(options, policy, false, right, exact, judged)


def report(
    options: argparse.Namespace,
    policy: Policy,
    false: Counter[Grade],
    right: Counter[Grade],
    exact: int,
    judged: int,
) -> None:
    """Everything in a million reads."""
    vehicles = sum(item["vehicles"] for item in Population.default().document["classes"])
    passes = MILLION * options.entries / vehicles
    print(
        f"{options.entries:,} entries, {judged:,} reads of severity 0 to {options.severity}, {exact / judged:.1%} of"
        f" them exact; max_edits {options.max_edits}, notify {policy.notify:g}, check {policy.check:g}.\n"
        f"Of a million reads {passes:,.0f} show a wanted vehicle, if those pass as often as others.\n"
    )
    print(f"{'':12}{'found':>8}{'right alarms':>15}{'false alarms':>15}{'right of all':>15}")
    print(f"{'exact only':12}{exact / judged:>8.1%}{passes * exact / judged:>15,.0f}")
    for grade in ("notify", "check"):
        share = right[grade] / judged
        a, b = passes * share, MILLION * false[grade] / (judged * options.lists)
        print(f"{grade:12}{share:>8.1%}{a:>15,.0f}{b:>15,.1f}{a / (a + b) if a + b else 0:>15.1%}")


class Found(msgspec.Struct):
    """(place of the read, plate, grade) of each hit."""

    hits: list[tuple[int, str, Grade]]

    def by_grade(self) -> Counter[Grade]:
        return Counter(grade for _, _, grade in self.hits)


def judge(plates: set[str], reads: Sequence[Read], model: ChannelModel, policy: Policy, max_edits: int) -> Found:
    """The hits of a list."""
    matcher = Matcher(Hotlist.from_plates(sorted(plates)), max_edits=max_edits, model=model)
    batch = matcher.match_batch(reads, errors="report")
    hits: list[tuple[int, str, Grade]] = []
    for row, entry, edits, probability in policy.candidates(batch):
        grade = policy.grade("", edits, probability, False)
        if grade is not None:
            hits.append((row, batch.entry_ids[entry], grade))
    return Found(hits)


def load() -> list[Example]:
    """The bundled reads that can be matched."""
    with gzip.open(READS) as lines:
        both = [(decode(line), msgspec.json.decode(line, type=Truth)) for line in lines]
    return [(read, msgspec.structs.replace(truth, truth=normalize(truth.truth))) for read, truth in both]


def half_of(truth: Truth) -> int:
    """The half that a plate is in, with all its reads."""
    return sum(map(ord, truth.truth)) % 2


def random_plates(rng: random.Random, count: int) -> list[str]:
    """Plates of registered vehicles, as the shipped population has them."""
    classes = Population.default().document["classes"]
    chosen = rng.choices(classes, [item["vehicles"] for item in classes], k=count)
    plates = []
    for item in chosen:
        word = rng.choice(item["words"]) if item["words"] else ""
        runs = [rng.choices([*shares], [*shares.values()])[0] for shares in item["positions"]]
        plates.append(word + "".join(map(rng.choice, runs)))
    return plates


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notify", type=float, default=Policy().notify)
    parser.add_argument("--check", type=float, default=Policy().check)
    parser.add_argument("--severity", type=int, default=4, help="of the pictures, 0 to 4: none worse is read")
    parser.add_argument("--max-edits", type=int, default=2)
    parser.add_argument("--entries", type=int, default=30_000)
    parser.add_argument("--lists", type=int, default=400, help="random lists for the false alarms")
    return parser.parse_args()


if __name__ == "__main__":
    main()
