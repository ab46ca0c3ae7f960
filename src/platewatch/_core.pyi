"""
The compiled core of platewatch.
"""
from __future__ import annotations
import collections.abc
import inspect
import numpy
import numpy.typing
import os
import types
import typing
__all__: list[str] = ['ChannelTable', 'EntryIds', 'Examples', 'Match', 'Matcher', 'Plate', 'PlateList', 'ScoringModel', 'SearchResult', 'admits_everything', 'alike', 'apply_delta', 'canonical_plates', 'compiler', 'cpu_features', 'is_pattern', 'mark_kind', 'normalize', 'normalize_pattern', 'parse', 'plate_kinds', 'plate_list', 'plate_symbols', 'read_delta', 'read_evidence', 'read_manifest', 'read_texts', 'region_mark', 'region_marks', 'unicode_version', 'write_delta']
class PlateList:
    """
    Distinct plates that are their own ids, ready to be indexed.
    """
    def __len__(self) -> int:
        ...
    def holds(self, plate: str | bytes) -> bool:
        """
        Whether a plate is among them, by its canonical form.
        """
    @property
    def symbols(self) -> str:
        """
        The distinct symbols of all plates, ascending.
        """
class Plate:
    """
    A canonical plate and, where it fits a class of Korean plates, its parts.
    """
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __hash__(self) -> int:
        ...
    def __reduce__(self) -> tuple:
        ...
    def __repr__(self) -> str:
        ...
    @property
    def city(self) -> str | None:
        """
        The city's name on an old motorcycle plate.
        """
    @property
    def code(self) -> str | None:
        """
        The digits in front of the usage syllable.
        """
    @property
    def kind(self) -> str:
        """
        The first class that fits; "unknown" if none does.
        """
    @property
    def kinds(self) -> tuple[str, ...]:
        """
        Every class that fits, in the table's order.
        """
    @property
    def region(self) -> str | None:
        """
        The region mark, such as 서울.
        """
    @property
    def serial(self) -> str | None:
        """
        The last group of digits.
        """
    @property
    def syllable(self) -> str | None:
        """
        The usage syllable; a diplomatic plate's word.
        """
    @property
    def text(self) -> str:
        """
        The canonical plate.
        """
    @property
    def vehicle(self) -> str | None:
        """
        "car", "van", "truck" or "special", where the code tells.
        """
class Examples:
    """
    Reads and their plates, to be counted again and again.
    """
    def __init__(self, reads: list[typing.Any], plates: list[str], times: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] = []) -> None:
        """
        times: how much each pair counts, 1 if left out. Raises ReadError, and ValueError for what is no plate.
        """
class ChannelTable:
    """
    What is known of one recogniser; platewatch.probability.channel_model fits it.
    """
    def __init__(self, symbols: str, bin_edges: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], rates: dict) -> None:
        """
        symbols: known ones, ascending. ValueError if shapes do not agree or a rate is out of range.
        """
    def count(self, examples: Examples) -> tuple[dict[str, numpy.typing.NDArray[numpy.float64]], float]:
        """
        Expected counts of what happened, shaped as the rates, and the sum of log likelihoods. The GIL is released.
        """
    def likeliest_way(self, read: typing.Any, plate: typing.Any) -> tuple[int, list[tuple[str, int, int, int, int, float]]]:
        """
        The likeliest way from plate to read: its noise level, and its events: (what, place in plate, symbols, place in read, characters, log).
        """
    def ratio_read(self, read: typing.Any, level: typing.SupportsInt | typing.SupportsIndex) -> float:
        """
        What the confidence in a read as a whole says of the level: a likelihood ratio.
        """
    def with_level(self, level: typing.Annotated[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(4)"]) -> ChannelTable:
        """
        The same table for frames that are of a level so often.
        """
class ScoringModel:
    """
    A channel model's tables and the population, ready to score with.
    """
    def __init__(self, general: ChannelTable, engines: dict[str, ChannelTable], cameras: dict[str, ChannelTable], levels: collections.abc.Mapping[str, collections.abc.Mapping[str, typing.Annotated[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(4)"]]], population: dict, frame_weight: typing.SupportsFloat | typing.SupportsIndex) -> None:
        """
        levels: by engine, or "", and camera, how often frames are of a level. ValueError if the population cannot be one.
        """
    def admitted_share(self, pattern: str) -> float:
        """
        The share of the vehicles of the population's classes whose plates a pattern admits, 0 to 1. Raises PlatewatchError.
        """
    def likely_plates(self, reads: list[typing.Any], frame_weight: typing.SupportsFloat | typing.SupportsIndex, least: typing.SupportsFloat | typing.SupportsIndex) -> list[tuple[str, float]]:
        """
        (plate, probability) of the plates that the vehicle of one pass may have, if none is listed, likeliest first, of at least such a probability.
        """
    def log_likelihood(self, read: typing.Any, plate: typing.Any, engine: typing.Any = '', camera: typing.Any = '') -> float:
        """
        log P(read | plate), with the evidence's likelihood ratios.
        """
    def log_posterior_of_pass(self, reads: list[typing.Any], plate: typing.Any, frame_weight: typing.SupportsFloat | typing.SupportsIndex) -> float:
        """
        log P(plate | the reads of one pass), if no plate is listed.
        """
    def refined(self, engines: dict[str, ChannelTable], levels: collections.abc.Mapping[str, collections.abc.Mapping[str, typing.Annotated[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(4)"]]]) -> ScoringModel:
        """
        The same with these tables of engines, "" for the general one, and these levels of cameras; the other tables are shared.
        """
    def registered(self, plate: str) -> float:
        """
        How many vehicles have this plate, in expectation, if it lies in a block of numbers in use.
        """
    def weigh(self, read: typing.Any, plate: typing.Any) -> tuple[float, float, float, float, float]:
        """
        A read and the only plate listed: log P(read | plate), log of the background, log of what of it is others', the probability, and how probable it is that the list omits the mark read (0: it has none that counts).
        """
class Match:
    """
    A wanted entry that lies within the allowed edits of a read.
    """
    __dataclass_fields__: typing.ClassVar[dict]
    __dataclass_params__: typing.ClassVar[types.SimpleNamespace]
    __match_args__ = ('entry_id', 'plate', 'edits', 'log_likelihood', 'probability', 'category', 'priority')
    __signature__: typing.ClassVar[inspect.Signature]
    def __copy__(self) -> typing.Any:
        ...
    def __deepcopy__(self, memo: typing.Any) -> typing.Any:
        ...
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getitem__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __hash__(self) -> int:
        ...
    def __init__(self, entry_id: str, plate: str, edits: typing.SupportsInt | typing.SupportsIndex, log_likelihood: typing.SupportsFloat | typing.SupportsIndex | None, probability: typing.SupportsFloat | typing.SupportsIndex, category: str = '', priority: int | None = None) -> None:
        ...
    def __iter__(self) -> collections.abc.Iterator:
        """
        It unpacks: entry_id, plate, edits, log_likelihood, probability.
        """
    def __reduce__(self) -> tuple:
        ...
    def __repr__(self) -> str:
        """
        Short: what tells one from another.
        """
    def keys(self) -> tuple[str, ...]:
        """
        The names of the fields: dict() goes by them.
        """
    def to_dict(self) -> dict[str, typing.Any]:
        """
        The fields by name, plain values that JSON has.
        """
    @property
    def category(self) -> str:
        """
        The entry's category; "" if it has none.
        """
    @property
    def edits(self) -> int:
        """
        Levenshtein distance between read and entry, 0 to 3.
        """
    @property
    def entry_id(self) -> str:
        """
        The entry's id.
        """
    @property
    def log_likelihood(self) -> float | None:
        """
        log P(read | the entry's plate), natural; None for a pattern that no vehicle of the population has.
        """
    @property
    def plate(self) -> str:
        """
        The entry's canonical plate or pattern.
        """
    @property
    def priority(self) -> int | None:
        """
        The entry's priority; None if it has none.
        """
    @property
    def probability(self) -> float:
        """
        How probable it is that the vehicle has the entry's plate; of a pattern, that its plate is one that the pattern admits.
        """
class SearchResult:
    """
    A wanted entry that fits what was searched for. There is no read that it could be the match of, and so there are no scores.
    """
    __dataclass_fields__: typing.ClassVar[dict]
    __dataclass_params__: typing.ClassVar[types.SimpleNamespace]
    __match_args__ = ('entry_id', 'plate', 'category', 'priority')
    __signature__: typing.ClassVar[inspect.Signature]
    def __copy__(self) -> typing.Any:
        ...
    def __deepcopy__(self, memo: typing.Any) -> typing.Any:
        ...
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getitem__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __hash__(self) -> int:
        ...
    def __init__(self, entry_id: str, plate: str, category: str = '', priority: int | None = None) -> None:
        ...
    def __iter__(self) -> collections.abc.Iterator:
        """
        It unpacks: entry_id, plate, edits, log_likelihood, probability.
        """
    def __reduce__(self) -> tuple:
        ...
    def __repr__(self) -> str:
        """
        Short: what tells one from another.
        """
    def keys(self) -> tuple[str, ...]:
        """
        The names of the fields: dict() goes by them.
        """
    def to_dict(self) -> dict[str, typing.Any]:
        """
        The fields by name, plain values that JSON has.
        """
    @property
    def category(self) -> str:
        """
        The entry's category; "" if it has none.
        """
    @property
    def edits(self) -> int:
        """
        0: it fits.
        """
    @property
    def entry_id(self) -> str:
        """
        The entry's id.
        """
    @property
    def log_likelihood(self) -> None:
        ...
    @property
    def plate(self) -> str:
        """
        The entry's canonical plate or pattern.
        """
    @property
    def priority(self) -> int | None:
        """
        The entry's priority; None if it has none.
        """
    @property
    def probability(self) -> None:
        ...
class EntryIds:
    """
    The entries' ids by number. The numbers follow the order of the ids, but for entries that were added to a matcher later; entries taken out may still have one.
    """
    def __copy__(self) -> typing.Any:
        ...
    def __deepcopy__(self, memo: typing.Any) -> typing.Any:
        ...
    @typing.overload
    def __getitem__(self, arg0: numpy.ndarray) -> numpy.typing.NDArray[numpy.object_]:
        ...
    @typing.overload
    def __getitem__(self, arg0: int | numpy.integer) -> str:
        ...
    @typing.overload
    def __getitem__(self, arg0: slice) -> list[str]:
        ...
    @typing.overload
    def __getitem__(self, arg0: collections.abc.Sequence[int | numpy.integer]) -> list[str]:
        """
        An entry's id. For an array of entries an array of its shape, of str; for a slice or sequence a list. IndexError where there is no such entry.
        """
    def __init__(self, ids: collections.abc.Sequence[str], plates: collections.abc.Sequence[str]) -> None:
        ...
    def __iter__(self) -> collections.abc.Iterator[str]:
        ...
    def __len__(self) -> int:
        ...
    def __reduce__(self) -> tuple:
        ...
    def __repr__(self) -> str:
        ...
    def _plates(self, arg0: numpy.ndarray) -> numpy.typing.NDArray[numpy.object_]:
        ...
class Matcher:
    """
    The index of platewatch.Matcher.
    """
    @staticmethod
    def _verify(path: os.PathLike | str | bytes) -> None:
        ...
    @typing.overload
    def __init__(self, snapshot: str, max_edits: int | None, microseconds: collections.abc.Callable[[typing.Any], int | None], model: ScoringModel, mapped: bool | None, fast: bool = False) -> None:
        """
        snapshot: the path of one. max_edits: None for the one that was saved. mapped: None to read a small one.
        """
    @typing.overload
    def __init__(self, plates: PlateList, max_edits: int | None, microseconds: collections.abc.Callable[[typing.Any], int | None], model: ScoringModel, fast: bool = False) -> None:
        ...
    @typing.overload
    def __init__(self, entries: collections.abc.Iterable[typing.Any], max_edits: int | None, microseconds: collections.abc.Callable[[typing.Any], int | None], model: ScoringModel, fast: bool = False) -> None:
        """
        entries: objects with the fields of platewatch.Entry. microseconds: turns a datetime into microseconds since 1970 UTC.
        """
    def __len__(self) -> int:
        ...
    def _apply(self, upserts: collections.abc.Iterable[typing.Any], removals: collections.abc.Sequence[str]) -> int:
        ...
    def _close(self) -> None:
        ...
    def _match_batch(self, reads: typing.Any, max_edits: int | None, at: typing.Any, times: typing.Annotated[numpy.typing.ArrayLike, numpy.int64] | None, report: bool, alternatives: bool, score: bool, min_probability: typing.SupportsFloat | typing.SupportsIndex, keep_exact: bool, threads: typing.SupportsInt | typing.SupportsIndex) -> tuple[numpy.typing.NDArray[numpy.uint32], numpy.typing.NDArray[numpy.uint32], numpy.typing.NDArray[numpy.uint8], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], list[typing.Any], EntryIds, int]:
        """
        The columns of platewatch.Matcher.match_batch, the errors, the ids, and how many `chars` did not line up.
        """
    def _match_pass(self, reads: list[typing.Any], max_edits: int | None, at: typing.Any, alternatives: bool, min_probability: typing.SupportsFloat | typing.SupportsIndex, keep_exact: bool) -> list[Match]:
        ...
    @typing.overload
    def _replace(self, plates: PlateList) -> None:
        ...
    @typing.overload
    def _replace(self, entries: collections.abc.Iterable[typing.Any]) -> None:
        ...
    def _save(self, path: os.PathLike | str | bytes) -> None:
        ...
    def _save_payload(self, path: os.PathLike | str | bytes, policy: collections.abc.Mapping[str, tuple[typing.SupportsFloat | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex]] | None) -> None:
        """
        policy: (notify, check, quiet) by category, "" for all others.
        """
    def _search(self, query: str, at: typing.Any) -> list[SearchResult]:
        ...
    def _settle(self) -> None:
        ...
    def _use(self, model: ScoringModel) -> None:
        ...
    def match(self, read, *, max_edits = None, at = None, alternatives = False, min_probability = 0.0, keep_exact = False):
        """
        Every valid entry within max_edits of the read, in the order probability (descending), edits, id.
        
        `read` is text, or UTF-8, or a platewatch.Read. `at` is the time for a read that has none; now, if left out.
        With alternatives=True, the likeliest ways to choose among its characters' alternatives, at most 64, and its
        `candidates` count as further texts of a Read, and edits are the least over them.
        Matches below `min_probability`, from 0 to 1, are left out; with keep_exact=True those without edits stay.
        Raises ReadError if the text is empty, over 16 symbols or not valid Unicode; one that is a TypeError, too, for
        what is no read.
        """
    @property
    def entry_ids(self) -> EntryIds:
        """
        The ids by the number that a batch's `entry` column gives.
        """
    @property
    def max_edits(self) -> int:
        """
        The default of the calls' max_edits.
        """
    @property
    def nbytes(self) -> int:
        """
        Bytes of the index: keys and tries; ids, plates and other metadata, patterns and what was added since it was built count apart.
        """
def admits_everything(text: str) -> bool:
    """
    True for `*`.
    """
def alike(text: str, texts: list[str], *, fragments: bool = False) -> list[int]:
    """
    The places of the canonical texts that may be of the same plate as `text`: equal, or within 3 edits with 5 symbols in common. `fragments`: also where either has fewer than 5 symbols that are known. Raises ValueError for a text of over 16 symbols.
    """
def apply_delta(output: os.PathLike | str | bytes, before: os.PathLike | str | bytes, delta: os.PathLike | str | bytes) -> None:
    """
    Write the payload that a delta leads to. All are paths. Raises SnapshotError or OSError.
    """
def canonical_plates(plates: list[typing.Any]) -> tuple[list[str | None], int, list[str]]:
    """
    The canonical form of each plate, how many have none, and the distinct symbols of these forms.
    
    The form is None for what has to be looked at by itself: bad rows, patterns, what is not exactly a str. It is the
    same object where the plate is canonical already.
    """
def compiler() -> str:
    """
    The compiler that built this, and its version.
    """
def cpu_features() -> dict[str, typing.Any]:
    """
    The kernel in use, and those that this machine can run, slowest first.
    
    PLATEWATCH_KERNEL forces one; ValueError if this machine cannot run it.
    """
def is_pattern(text: str) -> bool:
    """
    True if the text holds one of `?`, `*`, `[` and `]`, in any of their forms.
    """
def mark_kind(character: str) -> str | None:
    """
    Of one that normalisation drops: separator, punctuation or stray; else None.
    """
def normalize(text: str | bytes, *, read: bool = False) -> str:
    """
    The canonical form of a plate: letters upper-cased, digits ASCII, nothing but letters and digits.
    
    With read=True `?` and U+FFFD stay, as `?`: characters that the recogniser could not read.
    `text` is str or UTF-8 bytes. Raises PlatewatchError if nothing is left, if more than 16 symbols are,
    or if the text is not valid Unicode.
    """
def normalize_pattern(text: str) -> str:
    """
    The canonical text of a pattern. Raises PlatewatchError that says what is wrong with it.
    """
def parse(text: str | bytes) -> Plate:
    """
    Take a plate apart by the classes of Korean plates; normalises first.
    
    A plate that fits no class has the kind "unknown" and no parts. Raises what normalize() raises.
    """
def plate_kinds() -> list[str]:
    """
    Every kind that parse() knows, in the table's order.
    """
def plate_list(plates: list[typing.Any]) -> PlateList:
    """
    The canonical forms of plates, each once.
    
    None if there is anything that has to be looked at by itself, bad rows, patterns, what is not exactly a str; or
    more than 254 distinct symbols.
    """
def plate_symbols() -> str:
    """
    Every symbol but digits that the classes of Korean plates name; a city's name may have others.
    """
def read_delta(path: os.PathLike | str | bytes) -> tuple:
    """
    Of a delta's payload: how many entries are new or other, how many go, how many there are afterwards, and the full bundle's manifest and signature. Raises SnapshotError or OSError.
    """
def read_evidence(read: typing.Any) -> list[tuple[str, float | None, list[tuple[str, float]] | None]]:
    """
    Of a Read or its text, what stood there, with the marks that may say something: (character, confidence, other symbols and theirs). Raises ReadError.
    """
def read_manifest(json: bytes) -> dict:
    """
    The fields of a bundle's manifest, as a device reads them. Raises BundleError that names the field.
    """
def read_texts(read: typing.Any) -> list[tuple[str, float]]:
    """
    The texts of a Read, its own and then its candidates, as read_evidence has them, and the share of each. Raises ReadError.
    """
def region_mark(plate: str | bytes) -> str:
    """
    The region mark that matching may leave out of this plate; "" if it has none.
    """
def region_marks() -> list[str]:
    """
    The 17 region marks.
    """
def unicode_version() -> str:
    """
    The version of Unicode that normalisation follows.
    """
def write_delta(output: os.PathLike | str | bytes, before: os.PathLike | str | bytes, after: os.PathLike | str | bytes, manifest: bytes, signature: bytes) -> None:
    """
    Write a delta's payload, from the payload of one full bundle to that of another, which has this manifest and signature. All are paths. Raises SnapshotError or OSError.
    """
__version__: str = '0.1.0'
