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
    assert minority.probability < majority.probability


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


LISTED, ALSO, INNOCENT = "12가3456", "12가3457", "12가3458"


def pass_of(*reads: str, listed: tuple[str, ...] = (LISTED, ALSO)) -> dict[str, float]:
    found = pw.Matcher(pw.Hotlist.from_plates(listed), max_edits=2).match_pass(reads)
    return {match.plate: match.probability for match in found}


def test_two_listed_vehicles_in_a_row_are_two_though_their_plates_are_alike() -> None:
    both = pass_of(LISTED, LISTED, LISTED, ALSO)
    assert both[LISTED] > 0.97
    assert both[ALSO] > 0.5
    far = pass_of(LISTED, LISTED, LISTED, "12가7890", listed=(LISTED, "12가7890"))
    assert min(far.values()) > 0.97


def test_a_misread_frame_takes_nothing_from_the_others() -> None:
    alone = pass_of(LISTED)[LISTED]
    assert pass_of(LISTED, LISTED, LISTED, INNOCENT)[LISTED] > alone
    assert pass_of(LISTED, LISTED, "12가345")[LISTED] > alone


@pytest.mark.parametrize("others", [(INNOCENT,) * 4, ("34나5678",) * 4, ("3456", "1", "?"), ("?",) * 4, ("Z",) * 200])
def test_other_frames_take_no_more_from_an_exact_read_than_the_prior_of_two_vehicles_allows(
    others: tuple[str, ...],
) -> None:
    """The prior is 0.01, and another 0.03 that the others show no plate."""
    assert pass_of(*others, LISTED, listed=(LISTED,))[LISTED] > 0.009 * pass_of(LISTED, listed=(LISTED,))[LISTED]


def test_a_frame_that_shows_no_plate_takes_little_from_an_exact_read() -> None:
    assert pass_of(LISTED, "?", listed=(LISTED,))[LISTED] > 0.5


def test_an_innocent_vehicle_read_once_as_a_listed_plate_is_hardly_that_one() -> None:
    assert pass_of(INNOCENT, INNOCENT, INNOCENT, LISTED, listed=(LISTED,))[LISTED] < 0.2


def test_the_order_of_the_reads_of_two_vehicles_does_not_matter() -> None:
    orders = ([LISTED, ALSO, LISTED, ALSO], [ALSO, ALSO, LISTED, LISTED], [LISTED, LISTED, ALSO, ALSO])
    first, *others = (pass_of(*order) for order in orders)
    for other in others:
        assert other == pytest.approx(first, rel=1e-9)


def test_a_plate_lacks_the_mark_that_was_read_only_if_there_are_plates_like_that() -> None:
    """No vehicle has three digits behind a mark; an old one has two."""
    read = "서울58수2446"
    never, older = (pw.Matcher([plate], max_edits=2).match(read)[0].probability for plate in ("589수2446", "58수2446"))
    assert never < 0.1
    assert older > 0.9
    assert pass_of(read, read, listed=("589수2446",))["589수2446"] < 0.1
