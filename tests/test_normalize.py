"""normalize() against a straightforward definition built on unicodedata."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

import platewatch as pw
from platewatch import _core

FILLERS = "\u115f\u1160\u3164\uffa0\u119e\u318d"

# Blocks whose properties have not changed since long before the core's tables were made.
OLD_BLOCKS = [
    range(0x180),  # Latin
    range(0x370, 0x500),  # Greek, Cyrillic
    range(0x1100, 0x1200),  # jamo
    range(0x3041, 0x3100),  # kana
    range(0x3131, 0x318F),  # compatibility jamo
    range(0xAC00, 0xD7A4),  # Hangul syllables
    range(0xFF00, 0xFFF0),  # width forms
]


def reference(text: str, *, read: bool = False) -> str:
    """What DESIGN.md calls a canonical plate, of any length."""
    folded = "".join(unicodedata.normalize("NFKD", c) if is_folded(c) else c for c in text)
    composed = unicodedata.normalize("NFC", folded)
    return unicodedata.normalize("NFC", "".join(kept(c, read=read) for c in composed))


LOOK_ALIKES = dict(zip("АВЕЅІЈКМНОРСТУҮХѴӀԚԜΑΒΕΖΗΙͿΚΜΝΟΡΤΥΧϹ", "ABESIJKMHOPCTYYXVIQWABEZHIJKMNOPTYXC", strict=True))


def is_folded(c: str) -> bool:
    return "\uff00" <= c <= "\uffef" or "\u3130" <= c <= "\u318f"


def kept(c: str, *, read: bool) -> str:
    if read and c in "?\ufffd":
        return "?"
    category = unicodedata.category(c)
    if category == "Nd":
        return str(unicodedata.decimal(c))
    if category[0] != "L" or c in FILLERS:
        return ""
    upper = c.upper() if len(c.upper()) == 1 else c
    return LOOK_ALIKES.get(upper, upper)


def code_points() -> Iterator[int]:
    if unicodedata.unidata_version != _core.unicode_version():
        return chain.from_iterable(OLD_BLOCKS)
    return (cp for cp in range(sys.maxunicode + 1) if not 0xD800 <= cp < 0xE000)


def test_every_code_point_is_as_in_the_reference_and_idempotent() -> None:
    wrong = []
    for text in ("A" + chr(cp) for cp in code_points()):  # the A spares a million errors for nothing left
        canonical = pw.normalize(text)
        if canonical != reference(text) or pw.normalize(canonical) != canonical:
            wrong.append(text)
    assert wrong[:20] == []


PIECES = st.one_of(
    st.text(alphabet=st.characters(codec="ascii"), max_size=3),
    st.sampled_from("가각힣서울").map(lambda c: unicodedata.normalize("NFD", c)),
    st.sampled_from("ᄀ하ᅵᆨᇂㄱㅏㄳㆍﾡￂ" + FILLERS),
    st.sampled_from("０９Ａｚ？ｶﾊﾞﾟ٣०"),
    st.sampled_from("aeoßıůΐΩ"),
    st.text(alphabet="\u0301\u0302\u0305\u0308\u030a\u0323\u0327\u0345\u3099", max_size=4),
    st.sampled_from("\u200b\u200d\ufeff\u00ad·-?\ufffd\n"),
)


@given(st.lists(PIECES, max_size=20).map("".join), st.booleans())
def test_random_text_is_as_in_the_reference_and_idempotent(text: str, read: bool) -> None:
    expected = reference(text, read=read)
    if not 1 <= len(expected) <= 16:
        with pytest.raises(pw.PlatewatchError):
            pw.normalize(text, read=read)
        return
    assert pw.normalize(text, read=read) == expected
    assert pw.normalize(text.encode(), read=read) == expected
    assert pw.normalize(expected, read=read) == expected


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        pytest.param("12 가-3456", "12가3456", id="space and hyphen"),
        pytest.param("[서울]12바\r\n(3456)", "서울12바3456", id="brackets and line break"),
        pytest.param("12\u200d가\u200b3456\ufeff", "12가3456", id="zero-width"),
        pytest.param("12\u1100\u11613456", "12가3456", id="NFD"),
        pytest.param("12ㄱㅏ3456", "12가3456", id="compatibility jamo"),
        pytest.param("12\u1100-\u11613456", "12가3456", id="junk between jamo"),
        pytest.param("１２가３４５６", "12가3456", id="full-width"),
        pytest.param("ｶﾞ12", "ガ12", id="half-width katakana, voiced"),
        pytest.param("١٢٣ Ab", "123AB", id="Arabic digits"),
        pytest.param("o'reilly é", "OREILLYÉ", id="lower case"),
        pytest.param("ßa", "ßA", id="SS would be two code points"),
        pytest.param("a\u0302\u0323", "Ậ", id="marks out of order"),
        pytest.param("a\u0305\u0301", "A", id="a blocked mark"),
        pytest.param("12?34\ufffd", "1234", id="unknown"),
        pytest.param("O0", "O0", id="nothing is corrected"),
    ],
)
def test_examples(text: str, canonical: str) -> None:
    assert pw.normalize(text) == canonical
    assert pw.normalize(text.encode()) == canonical


def test_a_read_keeps_its_unknown_symbols() -> None:
    assert pw.normalize("12?-34\ufffd？", read=True) == "12?34??"
    assert pw.normalize("?", read=True) == "?"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "no letter or digit", id="empty"),
        pytest.param("-?\u3164", "no letter or digit", id="nothing left"),
        pytest.param("12345678901234567", "more than 16 symbols", id="17 symbols"),
        pytest.param("12\ud800가", "not valid UTF-8", id="surrogate"),
        pytest.param(b"12\xb0\xa1", "not valid UTF-8", id="EUC-KR bytes"),
        pytest.param(b"12\xea\xb0", "not valid UTF-8", id="truncated bytes"),
    ],
)
def test_errors(text: str | bytes, reason: str) -> None:
    with pytest.raises(pw.PlatewatchError) as error:
        pw.normalize(text)
    assert (error.value.field, error.value.reason, error.value.row) == ("text", reason, None)


@pytest.mark.parametrize("text", [None, 12, ["12가3456"], bytearray(b"12")])
def test_only_str_and_bytes_are_text(text: object) -> None:
    with pytest.raises(TypeError):
        pw.normalize(text)  # type: ignore[arg-type]
