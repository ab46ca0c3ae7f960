"""The classes of a population, found in a list of plates or in reads that nobody has labelled.

Plates of one form (digits, letters and others by place, behind a word or not) may be a class. Of reads, most forms are
those of misread plates: so each has the share that the others do not explain, by EM over what the channel model makes
of the vehicles of each, and a class has to be worth its parameters. How often plates are misread is not known either:
of some error rates, the one that explains everything best counts. Texts of hardly any rare forms are a list of plates.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from platewatch import _core
from platewatch.errors import PlatewatchError
from platewatch.probability import population_file
from platewatch.probability.channel_model import ChannelModel
from platewatch.probability.evidence import ReadEvidence
from platewatch.probability.population import Population

Floats = npt.NDArray[np.float64]

_MOST_CLASSES: Final = 40
_MOST_FORMS: Final = 60  # that are looked at
_LEAST_PLATES: Final = 3  # of a form, and this share of all
_LEAST_SHARE: Final = 0.0003
_LEAST_SHARE_OF_READS: Final = 0.015  # what the model makes of misreads is not known any better
_EXAMPLES: Final = 30  # of a form, for the EM
_ROUNDS: Final = 300
_PLATES: Final = 0.003  # the error rate of what is a list of plates
_ERROR_RATES: Final = (0.03, 0.15, 0.4, None)  # of reads; None: that of the model
_RARE_OF_PLATES: Final = 0.005  # a list has hardly any that are of rare forms, and reads have many
_COST: Final = 10.0  # reads that explain the parameters of a class, not the class
_COST_SHARE: Final = 0.006  # of all reads, for what a model of other recognisers makes of misreads
_COST_OF_PLATES: Final = 1.0
_NO_PLATE: Final = np.log(0.1), np.log(40)  # a text of no class: of so many lengths, and symbols
_NONE: Final = 0.001  # of the texts are of no class
_CLUTTER: Final = 0.01
_ALPHABETS: Final = {"0": "0123456789", "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_LONGEST: Final = 14  # as a class may be, behind its word


_Text: TypeAlias = tuple[str, str | ReadEvidence]  # canonical, and with what the recogniser says of it


@dataclass(frozen=True, slots=True)
class _Form:
    """`places` tell of each symbol behind the word what it is: 0 a digit, A a letter, 가 a syllable, 字 any other."""

    word: str  # "", "mark" for a region mark, or "word"
    places: str

    def __str__(self) -> str:
        return {"": "", "mark": "a region mark, ", "word": "a word, "}[self.word] + self.places


@dataclass(frozen=True, slots=True)
class _Trust:
    """What is believed of the texts: those of plates all, those of reads what misreads do not come to."""

    least_share: float
    least_of_symbols: float  # of what stands at a place, if it is neither a digit nor a letter
    least_of_words: float
    alike: float  # how much symbols differ that are taken to be as frequent


_OF_PLATES: Final = _Trust(_LEAST_SHARE, 0, 0, 0.2)
_OF_READS: Final = _Trust(_LEAST_SHARE_OF_READS, 0.01, 0.05, 0.5)


def find(items: Iterable[str | ReadEvidence], vehicles: float) -> dict[str, Any]:
    """The population that the core takes. Raises PlatewatchError if there is nothing to learn from."""
    of: dict[_Form, list[_Text]] = defaultdict(list)
    has_reads = False
    for text in _usable(items):
        of[_form(text[0])].append(text)
        has_reads = has_reads or not isinstance(text[1], str)
    count = sum(map(len, of.values()))
    often = sorted((form for form in of if len(form.places) <= _LONGEST), key=lambda form: (-len(of[form]), str(form)))
    forms = [form for form in often[:_MOST_FORMS] if len(of[form]) >= max(_LEAST_PLATES, _LEAST_SHARE * count)]
    if not forms:
        raise PlatewatchError(f"fewer than {_LEAST_PLATES} plates of a form: there is nothing to learn from")
    examples = {form: _some(of[form]) for form in forms}
    texts = {form: [text for text, _ in of[form]] for form in forms}
    are_plates = not has_reads and sum(map(len, texts.values())) >= (1 - _RARE_OF_PLATES) * count
    trust, cost = (_OF_PLATES, _COST_OF_PLATES) if are_plates else (_OF_READS, max(_COST, _COST_SHARE * count))
    everything = [_class(form, texts[form], _OF_PLATES) for form in forms]
    weights = np.concatenate([np.full(len(examples[form]), len(of[form]) / len(examples[form])) for form in forms])
    found = []
    for rate in (_PLATES,) if are_plates else _ERROR_RATES:
        shares, log = _shares(_likelihoods(examples, everything, rate), weights, cost)
        found.append((log - _COST * np.count_nonzero(shares[:-1]) * np.log(count), shares))
    shares = max(found, key=lambda one: one[0])[1]
    kept = [place for place in np.argsort(-shares[:-1], kind="stable") if shares[place] >= trust.least_share]
    kept = kept[:_MOST_CLASSES] or [0]
    total = float(sum(shares[place] for place in kept)) or 1.0
    classes = [
        _class(forms[place], texts[forms[place]], trust)
        | {"vehicles": float(f"{vehicles * shares[place] / total:.4g}")}
        for place in kept
    ]
    has_letters = any("A" in forms[place].places for place in kept)
    return {"clutter": _CLUTTER, "generic": population_file.generic(has_letters), "classes": classes}


def _usable(items: Iterable[str | ReadEvidence]) -> Iterator[_Text]:
    """The canonical texts and where they are from, without what is no text of a plate, and patterns."""
    for item in items:
        text = item if isinstance(item, str) else item.text
        if _core.is_pattern(text):
            continue
        try:
            canonical = _core.normalize(text)
        except PlatewatchError:  # nothing that could be one was read
            continue
        yield canonical, canonical if isinstance(item, str) else item


def _form(text: str) -> _Form:
    kinds = "".join(map(_kind, text))
    if mark := _core.region_mark(text):
        return _Form("mark", kinds[len(mark) :])
    is_word = len(kinds) > 2 and not set(kinds[:2]) & {"0", "A"} and kinds[2] == "0"
    return _Form("word", kinds[2:]) if is_word else _Form("", kinds)


def _kind(symbol: str) -> str:
    if symbol in _ALPHABETS["0"]:
        return "0"
    if "가" <= symbol <= "힣":
        return "가"
    return "A" if unicodedata.name(symbol, "").startswith("LATIN") else "字"


def _some(texts: Sequence[_Text]) -> list[_Text]:
    """Some of them, from everywhere, always the same ones."""
    return [texts[place] for place in np.linspace(0, len(texts) - 1, min(_EXAMPLES, len(texts))).astype(int).tolist()]


def _class(form: _Form, texts: Sequence[str], trust: _Trust) -> dict[str, Any]:
    behind = 2 if form.word else 0
    words: list[str] = []
    if form.word:
        often = Counter(text[:2] for text in texts)
        most = often.most_common(1)[0][1]
        words = sorted(word for word, n in often.items() if form.word == "mark" or n >= trust.least_of_words * most)
    return {
        "name": str(form),
        "vehicles": 1.0,
        "blocks_in_use": 1.0,
        "words": words,
        "words_may_be_lost": form.word == "mark",
        "positions": [
            _position(kind, Counter(text[behind + place] for text in texts), trust)
            for place, kind in enumerate(form.places)
        ],
    }


def _position(kind: str, often: Mapping[str, int], trust: _Trust) -> dict[str, float]:
    """What stands there, in runs of symbols that are about as frequent."""
    least = trust.least_of_symbols * sum(often.values())
    alphabet = _ALPHABETS.get(kind, "")
    kept = {symbol: n for symbol, n in often.items() if symbol in alphabet or n >= least}
    counts = dict.fromkeys(alphabet, 0) | (kept or dict(often))
    if len(counts) == len(alphabet) and _are_alike(counts.values(), trust):
        return {alphabet: 1.0}
    runs: list[list[str]] = []
    for symbol in sorted(counts, key=lambda symbol: (-counts[symbol], symbol)):
        same = [counts[other] for other in runs[-1]] if runs else []
        if runs and (counts[symbol] == 0) == (same[-1] == 0) and _are_alike([*same, counts[symbol]], trust):
            runs[-1].append(symbol)
        else:
            runs.append([symbol])
    # A symbol of the alphabet that was not seen may be seen next: all of them together as half a one.
    seen = [sum(counts[symbol] for symbol in run) or 0.5 for run in runs]
    shares = [float(f"{n / sum(seen):.3g}") for n in seen]
    shares[0] += 1 - sum(shares)
    return {"".join(sorted(run)): round(share, 9) for run, share in zip(runs, shares, strict=True)}


def _are_alike(counts: Iterable[int], trust: _Trust) -> bool:
    """Whether they are about the same, or as near as chance has it."""
    values = np.array(list(counts), dtype=np.float64)
    mean = values.mean()
    return bool(np.all(np.abs(values - mean) <= max(3.5 * np.sqrt(mean), trust.alike * mean)))


def _likelihoods(
    examples: Mapping[_Form, Sequence[_Text]], classes: Sequence[dict[str, Any]], error_rate: float | None
) -> Floats:
    """log P(text | a vehicle of the class), [text][class]; the last column is that of no plate."""
    texts = [text for some in examples.values() for text in some]
    out = np.empty((len(texts), len(classes) + 1))
    model = ChannelModel.default()
    model = model if error_rate is None else model.scaled(error_rate)
    for column, kind in enumerate(classes):
        alone = Population({"clutter": 0.0, "generic": population_file.NOTHING, "classes": [kind]})
        scoring = model.with_population(alone).scoring
        out[:, column] = [scoring.weigh(read, text)[1] for text, read in texts]
    out[:, -1] = [-_NO_PLATE[0] - _NO_PLATE[1] * len(text) for text, _ in texts]
    return out


def _shares(logs: Floats, weights: Floats, cost: float) -> tuple[Floats, float]:
    """Of the classes, by EM, those not worth their cost at 0; and the logarithm of the likelihood of all."""
    most = logs.max(axis=1, keepdims=True)
    likelihoods = np.exp(logs - most)
    shares = np.full(logs.shape[1], 1 / logs.shape[1])
    for _ in range(_ROUNDS):
        joint = likelihoods * shares
        explained = weights @ (joint / joint.sum(axis=1, keepdims=True))
        explained = np.maximum(explained[:-1] - cost, 0)
        if not explained.any():  # all as dear as they are worth: the first is the most frequent
            explained[0] = 1
        shares = np.append((1 - _NONE) * explained / explained.sum(), _NONE)
    return shares, float(weights @ (np.log(likelihoods @ shares) + most[:, 0]))
