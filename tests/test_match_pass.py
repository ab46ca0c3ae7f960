"""Several reads of one vehicle: what is found, what is left out, and what is not."""

from __future__ import annotations

import random

import pytest

import platewatch as pw
from platewatch.probability.population import Population

SYLLABLES = "가거고구나너노누"


def plate(rng: random.Random) -> str:
    return f"{rng.randint(100, 699)}{rng.choice(SYLLABLES)}{rng.randint(0, 9999):04d}"


def misread(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text))
    return text[:place] + rng.choice(["", rng.choice("0123456789"), rng.choice(SYLLABLES)]) + text[place + 1 :]


def passes() -> tuple[pw.Matcher, list[list[str]]]:
    rng = random.Random(8)
    wanted = [plate(rng) for _ in range(3000)]
    matcher = pw.Matcher(pw.Hotlist.from_plates([*wanted, "1?0가*"]), max_edits=2)
    vehicles = [rng.choice(wanted) if rng.random() < 0.5 else plate(rng) for _ in range(60)]
    return matcher, [[misread(vehicle, rng) for _ in range(rng.randint(2, 3))] for vehicle in vehicles] + [
        [vehicle, misread(vehicle, rng)] for vehicle in vehicles
    ]


def summary(matches: list[pw.Match]) -> list[tuple[str, int, float]]:
    return [(match.entry_id, match.edits, match.probability) for match in matches]


@pytest.mark.parametrize("keep_exact", [False, True])
@pytest.mark.parametrize("least", [0.0, 1e-4, 0.01, 0.3, 1.0])
def test_what_is_left_out_is_what_cannot_reach_the_least_probability(least: float, keep_exact: bool) -> None:
    matcher, all_passes = passes()
    kept = 0
    for reads in all_passes:
        every = summary(matcher.match_pass(reads))
        expected = [row for row in every if row[2] >= least or (keep_exact and row[1] == 0)]
        found = summary(matcher.match_pass(reads, min_probability=least, keep_exact=keep_exact))
        assert found == expected
        kept += len(found)
    assert kept > 20 or not (keep_exact or least < 1)


def test_a_batch_keeps_exact_matches_where_asked_to() -> None:
    matcher, all_passes = passes()
    reads = [read for reads in all_passes for read in reads]
    every = matcher.match_batch(reads)
    assert every.probability is not None
    for keep_exact in (False, True):
        kept = matcher.match_batch(reads, min_probability=0.9, keep_exact=keep_exact)
        chosen = (every.probability >= 0.9) | ((every.edits == 0) & keep_exact)
        assert kept.read.tolist() == every.read[chosen].tolist()
        assert kept.entry.tolist() == every.entry[chosen].tolist()
    assert len(kept) < len(every)


def test_a_pass_finds_what_any_of_its_reads_matches() -> None:
    matcher, all_passes = passes()
    for reads in all_passes:
        edits: dict[str, int] = {}
        for read in reads:
            for match in matcher.match(read):
                edits[match.entry_id] = min(match.edits, edits.get(match.entry_id, 9))
        assert {match.entry_id: match.edits for match in matcher.match_pass(reads)} == edits


def test_reads_that_agree_on_a_plate_make_it_more_probable_than_each_alone() -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates(["123가4567"]), max_edits=2)
    alone = [matcher.match(read)[0].probability for read in ("123거4567", "123가4561")]
    assert matcher.match_pass(["123거4567", "123가4561"])[0].probability > 2 * max(alone)


@pytest.mark.parametrize("times", [1, 2, 10, 200])
def test_the_more_reads_agree_the_likelier_their_plate(times: int) -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates(["123가4567"]), max_edits=1)
    (agreed,) = matcher.match_pass(["123가4567"] * 3 * times)
    (majority,) = matcher.match_pass(["123가4567", "123가4567", "123거4567"] * times)
    (minority,) = matcher.match_pass(["123가4567", "123거4567", "123거4567"] * times)
    assert agreed.probability > 0.99
    assert 0.95 < majority.probability < agreed.probability
    assert minority.probability < 0.2


def test_reads_that_are_hardly_plates_have_a_probability_too() -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates(["123가4567"]), max_edits=3)
    reads = ["123가4567", "9", "----8----8----8", "ZZZZZZZZZZZZZZZZ"]
    for match in matcher.match_pass(reads * 100, keep_exact=True):
        assert 0 <= match.probability <= 1


def test_a_class_that_nobody_has_changes_nothing() -> None:
    document = dict(Population.default().document)
    document["classes"] = [*document["classes"], document["classes"][0] | {"vehicles": 0.0, "positions": [{"12": 1.0}]}]
    hotlist = pw.Hotlist.from_plates(["123가4567"])
    among = pw.ChannelModel.default().with_population(Population(document))
    for reads in (["123가4567"] * 3, ["123거4567"] * 2):
        expected = pw.Matcher(hotlist).match_pass(reads)[0].probability
        assert pw.Matcher(hotlist, model=among).match_pass(reads)[0].probability == pytest.approx(expected, rel=1e-6)


def test_a_bad_read_is_named_by_its_place() -> None:
    matcher, _ = passes()
    with pytest.raises(pw.ReadError) as caught:
        matcher.match_pass(["123가4567", "--"])
    assert (caught.value.row, caught.value.field) == (1, "text")


def test_no_reads_match_nothing() -> None:
    matcher, _ = passes()
    assert matcher.match_pass([]) == []
