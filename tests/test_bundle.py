"""A bundle's file, its manifest, who signs it and who may open it. What a device does with one: cpp/tests/bundle."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import platewatch as pw
from platewatch.bundle import delta as deltas
from platewatch.bundle import keys
from platewatch.bundle.container import Bundle, crc32c
from platewatch.bundle.keys import SigningKey, check_signature, load_public, opened, sealed
from platewatch.bundle.make import listed, make
from platewatch.bundle.manifest import FORMAT, Manifest
from platewatch.service.policy import CategoryPolicy, Policy
from tests.edge import conformance

PAYLOAD = bytes(range(256)) * 20


def fields(**changes: Any) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "kind": "full",
        "version": 7,
        "agency": "광주경찰청",
        "group": "gate",
        "issued": 1_700_000_000,
        "expires": 1_700_600_000,
        "payload_sha256": hashlib.sha256(PAYLOAD).hexdigest(),
        "payload_bytes": len(PAYLOAD),
    } | changes


@pytest.fixture
def bundle() -> Bundle:
    return Bundle(Manifest(**fields()).encoded(), b"", PAYLOAD)


@pytest.fixture(params=keys.ALGORITHMS)
def signing(request: pytest.FixtureRequest) -> SigningKey:
    return SigningKey.generate(request.param)


def test_checksums_are_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283


def test_a_bundle_comes_back(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "wanted.bundle"
    bundle.save(path)
    assert Bundle.load(path) == bundle
    assert bundle.manifest.agency == "광주경찰청"
    assert path.stat().st_size % 4096 == len(PAYLOAD) % 4096, "the payload can be mapped"
    assert [file.name for file in tmp_path.iterdir()] == ["wanted.bundle"]


def test_every_truncation_is_refused(bundle: Bundle, signing: SigningKey) -> None:
    file = signing.signs(bundle).encoded()
    for size in {*range(600), *range(600, len(file), 97), len(file) - 1}:
        with pytest.raises(pw.BundleError):
            Bundle.decoded(file[:size])
    with pytest.raises(pw.BundleError, match="torn"):
        Bundle.decoded(file + b"\0")


def test_every_flipped_byte_is_refused(bundle: Bundle, signing: SigningKey) -> None:
    file = bytearray(signing.signs(bundle).encoded())
    for place in {*range(700), *range(700, len(file), 61)}:
        file[place] ^= 0x20
        with pytest.raises(pw.BundleError):
            Bundle.decoded(bytes(file))
        file[place] ^= 0x20
    Bundle.decoded(bytes(file))


@given(st.binary(max_size=200))
def test_what_is_no_bundle_is_refused(file: bytes) -> None:
    with pytest.raises(pw.BundleError):
        Bundle.decoded(file)
    with pytest.raises(pw.BundleError):
        Bundle.decoded(b"PLTWBNDL" + file)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "platewatch bundle 2"}, "format: is not 'platewatch bundle 1'"),
        ({"version": 0}, "version: is out of range"),
        ({"version": 2**53 + 1}, "version: is out of range"),
        ({"expires": 1_700_000_000}, "expires: is not after issued"),
        ({"payload_sha256": "AB" * 32}, "payload_sha256: is no SHA-256"),
        ({"kind": "delta"}, "previous: is no SHA-256"),
        ({"kind": "delta", "previous": "ab" * 32}, "result: is no SHA-256"),
        ({"result": "ab" * 32}, "result: belongs to a delta"),
        ({"key": "a"}, "key: belongs to an algorithm"),
        ({"algorithm": "ed25519", "key": "a b"}, "key: is no name of a key"),
        ({"revoked": ["가"]}, "revoked: is no name of a key"),
        ({"algorithm": "ed25519", "key": "a", "revoked": ["b", "a"]}, "revoked: names the key that signs"),
        ({"encryption": "aes-256-gcm"}, "encryption: needs a key and a nonce"),
    ],
)
def test_a_manifest_that_cannot_be_says_which_field(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(pw.BundleError) as caught:
        Manifest(**fields(**changes))
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b"{", "manifest"),
        (b"\xff", "manifest"),
        (b"[]", "manifest"),
        (b'{"format": 1}', "format"),
        (b"{}", "format"),
    ],
)
def test_text_that_is_no_manifest_is_refused(text: bytes, field: str) -> None:
    with pytest.raises(pw.BundleError) as caught:
        Manifest.decoded(text)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"version":7', '"version":7,"version":7'),  # other readers take the first, or the last
        ('"version":7', '"version":7.0'),
        ('"version":7', '"version":7e0'),
        ('"version":7', '"version":"7"'),
        ('"version":7', '"version":true'),
        ('"version":7', '"version":9007199254740993'),
        ('"version":7', '"version":18446744073709551623'),
        ('"version":7', '"version":007'),
        ('"group":"gate"', '"group":null'),
        ('"group":"gate"', '"group":"\\ud800"'),
        ('"group":"gate"', '"group":"gate","later":{"x":1}'),
        ('"group":"gate"', '"group":"gate","later":1.5'),
        ('"issued":1700000000', '"issued":"2023-11-14T22:13:20+09:00"'),
        ('"issued":1700000000', '"issued":-1'),
        ('"group":"gate"', '"group":"gate","nonce":"zz"'),
        ('"group":"gate"', '"group":"gate","encryption_key":"k"'),
        ("}", "},"),
        ("{", "\ufeff{"),
    ],
)
def test_an_odd_manifest_is_refused_here_as_on_a_device(old: str, new: str) -> None:
    text = Manifest(**fields()).encoded().decode()
    assert old in text
    with pytest.raises(pw.BundleError):
        Manifest.decoded(text.replace(old, new, 1).encode())


@given(agency=st.text(), group=st.text(), version=st.integers(1, 2**53), revoked=st.lists(st.just("k") | st.just("~")))
def test_a_manifest_reads_as_it_was_written(agency: str, group: str, version: int, revoked: list[str]) -> None:
    manifest = Manifest(**fields(agency=agency, group=group, version=version, revoked=tuple(revoked)))
    assert Manifest.decoded(manifest.encoded()) == manifest
    told = json.loads(manifest.encoded())
    spaced = json.dumps(
        told | {"later": ["\U0001f697"], "also": 12}, indent=1
    )  # escaped, with fields of a later version
    assert Manifest.decoded(spaced.encode()) == manifest


def test_only_its_own_key_says_that_it_is_signed(bundle: Bundle, signing: SigningKey) -> None:
    signed = Bundle.decoded(signing.signs(bundle).encoded())
    assert check_signature(signed, [signing.public]) is signing.public
    assert (signed.manifest.key, signed.manifest.algorithm) == (signing.public.id, signing.public.algorithm)
    other = SigningKey.generate(signing.public.algorithm)
    with pytest.raises(pw.BundleError, match="not among the keys given"):
        check_signature(signed, [other.public])
    impostor = SigningKey.generate(signing.public.algorithm, signing.public.id)
    with pytest.raises(pw.BundleError, match="wrong signature"):
        check_signature(signed, [impostor.public])
    with pytest.raises(pw.BundleError, match="not signed"):
        check_signature(bundle, [signing.public])
    # Signed anew by a key that takes over: both are believed for a while.
    again = other.signs(signed)
    assert check_signature(again, [signing.public, other.public]) is other.public


def test_what_is_signed_cannot_be_changed(bundle: Bundle, signing: SigningKey) -> None:
    signed = signing.signs(bundle)
    changed = signed.with_manifest(
        Manifest(**fields(version=8, algorithm=signing.public.algorithm, key=signing.public.id)), signed.signature
    )
    Bundle.decoded(changed.encoded())
    with pytest.raises(pw.BundleError, match="wrong signature"):
        check_signature(changed, [signing.public])


def test_keys_are_files_that_nobody_else_reads(signing: SigningKey, bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    signing.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        signing.save(path)
    (tmp_path / "key.pub").write_bytes(signing.public.pem())
    public = load_public(tmp_path / "key.pub")
    assert public.id == signing.public.id
    check_signature(SigningKey.load(path).signs(bundle), [public])
    assert "PRIVATE" not in repr(signing)
    for load in (SigningKey.load, load_public):
        (tmp_path / "no.pem").write_text("nothing")
        with pytest.raises(pw.BundleError, match=r"no\.pem: is no (private|public) key in PEM"):
            load(tmp_path / "no.pem")


def test_openssl_agrees(signing: SigningKey, bundle: Bundle, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl")
    signed = signing.signs(bundle)
    for name, content in (
        ("key.pub", signing.public.pem()),
        ("signature", signed.signature),
        ("message", signed.signed_bytes),
    ):
        (tmp_path / name).write_bytes(content)
    verify = [openssl, "pkeyutl", "-verify", "-pubin", "-inkey", "key.pub", "-sigfile", "signature", "-rawin"]
    verify += ["-digest", "sha256"] if signing.public.algorithm != "ed25519" else []
    done = subprocess.run([*verify, "-in", "message"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Signature Verified Successfully\n"), done.stderr


def test_what_is_sealed_opens_with_its_key_alone(bundle: Bundle, signing: SigningKey) -> None:
    key = bytes(range(32))
    closed = signing.signs(sealed(bundle, key, "group-1"))
    assert PAYLOAD not in closed.encoded()
    back = Bundle.decoded(closed.encoded())
    assert opened(back, key) == PAYLOAD
    assert opened(bundle, None) == PAYLOAD
    refusals: list[tuple[bytes | None, str]] = [
        (None, "is encrypted"),
        (bytes(32), "not encrypted with this key, but with group-1"),
        (b"short", "has 32 bytes"),
    ]
    for wrong, said in refusals:
        with pytest.raises(pw.BundleError, match=said):
            opened(back, wrong)


def test_two_seals_are_never_alike(bundle: Bundle) -> None:
    seal: Callable[[], Bundle] = lambda: sealed(bundle, bytes(32), "group-1")  # noqa: E731
    assert seal().manifest.nonce != seal().manifest.nonce


def test_a_bundle_has_the_list_of_its_matcher() -> None:
    matcher = pw.Matcher(["12가3456", "34나5678", "12?가34*"], max_edits=1)
    matcher.add(pw.Entry(id="new", plate="서울12바3456", category="stolen"))
    policy = Policy(notify=0.6, categories={"missing": CategoryPolicy(check=0.01)})
    made = make(matcher, version=3, agency="a", group="g", issued=1, expires=2, policy=policy, revoked=("old",))
    back = Bundle.decoded(made.encoded())
    assert (back.manifest.version, back.manifest.revoked) == (3, ("old",))
    again = listed(back.payload)
    assert (len(again), again.max_edits) == (4, 1)
    for read in ("12거3456", "12바3456", "12가가3499"):
        assert again.match(read) == matcher.match(read)


SEAL = bytes(range(32))


def version(
    number: int, plates: dict[str, str], signing: SigningKey, *, policy: Policy | None = None, seal: bool = False
) -> Bundle:
    matcher = pw.Matcher(pw.Hotlist(pw.Entry(id=id_, plate=plate) for id_, plate in plates.items()))
    made = make(matcher, version=number, agency="a", group="g", issued=number, expires=number + 9, policy=policy)
    return signing.signs(sealed(made, SEAL, "group-1") if seal else made)


lists = st.dictionaries(
    st.sampled_from(["A", "B", "가", "가나", "z"]), st.sampled_from(["12가3456", "서울12바3456", "12?가34*", "AB12"])
)


@given(old=lists, new=lists, notify=st.sampled_from([0.5, 0.6]), seal=st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_delta_makes_the_next_bundle_to_the_last_byte(
    old: dict[str, str], new: dict[str, str], notify: float, seal: bool
) -> None:
    signing = SigningKey.generate("ed25519")
    before = version(1, old, signing, policy=Policy(), seal=seal)
    after = version(2, new, signing, policy=Policy(notify=notify), seal=seal)
    delta = Bundle.decoded(signing.signs(deltas.make(before, after, SEAL)).encoded())
    check_signature(delta, [signing.public])
    assert delta.manifest.encryption == after.manifest.encryption
    assert deltas.applied(before, delta, SEAL) == after
    step = deltas.Step.of(opened(delta, SEAL))
    changed = {id_ for id_, plate in new.items() if old.get(id_) != plate}
    assert (step.changed, step.removed, step.entries) == (len(changed), len(old.keys() - new.keys()), len(new))
    assert len(delta.payload) < len(after.payload) / 10, "the model has not changed"


def test_deltas_are_of_signed_bundles_in_order(signing: SigningKey) -> None:
    one, two, three = (version(number, {"A": f"12가345{number}"}, signing) for number in (1, 2, 3))
    delta = signing.signs(deltas.make(one, two))
    unsigned = two.with_manifest(two.manifest)
    closed = version(2, {"A": "12가3452"}, signing, seal=True)
    elsewhere = signing.signs(make(pw.Matcher(["12가3456"]), version=2, agency="a", group="h", issued=1, expires=2))
    refusals: list[tuple[Callable[[], Bundle], str]] = [
        (lambda: deltas.make(two, one), "version 1 is not after version 2"),
        (lambda: deltas.make(one, unsigned), "the bundle after is not signed"),
        (lambda: deltas.make(delta, two), "the bundle before is a delta"),
        (lambda: deltas.make(one, elsewhere), "different agencies or groups"),
        (lambda: deltas.make(one, closed), "is encrypted"),
        (lambda: deltas.applied(three, delta), "is a delta from another bundle"),
        (lambda: deltas.applied(one, two), "is no delta"),
        (lambda: deltas.applied(one, Bundle(delta.text, b"", deltas.make(one, three).payload)), "leads to another"),
    ]
    for make_it, said in refusals:
        with pytest.raises(pw.BundleError, match=said):
            make_it()


def cli(*arguments: object, status: int = 0, cwd: Path) -> tuple[str, str]:
    command = [sys.executable, "-m", "platewatch", "bundle", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "200"}
    )
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


MAKE = (
    "make",
    "--hotlist",
    "wanted.csv",
    "--output",
    "wanted.bundle",
    "--list-version",
    3,
    "--agency",
    "gj",
    "--group",
    "g",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wanted.csv").write_text("id,plate\nA1,12가3456\nA2,34나5678\n", encoding="utf-8")
    (tmp_path / "seal.key").write_bytes(bytes(range(32)))
    return tmp_path


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_the_command_makes_signs_and_verifies(folder: Path, algorithm: str) -> None:
    cli("key", "key.pem", "--algorithm", algorithm, "--key-id", "2026", cwd=folder)
    out, _ = cli(*MAKE, cwd=folder)
    assert out == "wanted.bundle: 2 entries, version 3, not signed: devices refuse it\n"
    _, err = cli("verify", "wanted.bundle", "--key", "key.pem.pub", "--key-id", "2026", status=2, cwd=folder)
    assert err == "wanted.bundle: is not signed\n"
    out, _ = cli("sign", "wanted.bundle", "--key", "key.pem", "--key-id", "2026", cwd=folder)
    assert out == f"wanted.bundle: signed by 2026 ({algorithm})\n"
    verify = ("verify", "wanted.bundle", "--key", "key.pem.pub", "--key-id", "2026")
    out, _ = cli(*verify, "--agency", "gj", "--group", "g", cwd=folder)
    assert out.startswith("wanted.bundle: signed by 2026, version 3, good until 2")
    _, err = cli(*verify, "--group", "h", status=2, cwd=folder)
    assert err == "wanted.bundle: is of another group, g\n"
    _, err = cli("verify", "wanted.bundle", "--key", "key.pem.pub", status=2, cwd=folder)  # by another id
    assert "is signed by 2026" in err
    file = bytearray((folder / "wanted.bundle").read_bytes())
    file[-1] ^= 1
    (folder / "wanted.bundle").write_bytes(file)
    _, err = cli(*verify, status=2, cwd=folder)
    assert err == "wanted.bundle: is damaged: its payload is not what its manifest says\n"


def test_the_command_seals_and_shows_without_a_plate(folder: Path) -> None:
    cli("key", "key.pem", cwd=folder)
    cli(*MAKE, "--seal", "seal.key", "--seal-id", "group-1", "--key", "key.pem", "--revoke", "old", cwd=folder)
    out, _ = cli("open", "wanted.bundle", cwd=folder)
    assert "encrypted" in out
    assert "aes-256-gcm, key group-1" in out
    out, _ = cli("open", "wanted.bundle", "--seal", "seal.key", cwd=folder)
    assert "2 entries, max_edits 2" in out
    assert "12가3456" not in out
    cli(*MAKE, "--previous", "wanted.bundle", "--key", "key.pem", cwd=folder)
    _, err = cli(*MAKE, "--seal", "seal.key", status=2, cwd=folder)
    assert "--seal and --seal-id belong together" in err
    _, err = cli("key", "key.pem", status=2, cwd=folder)
    assert "File exists" in err


def test_the_command_makes_deltas_and_applies_them(folder: Path) -> None:
    cli("key", "key.pem", "--key-id", "k", cwd=folder)
    seal = ("--seal", "seal.key", "--seal-id", "group-1", "--key", "key.pem", "--key-id", "k")
    cli(*MAKE, *seal, cwd=folder)
    (folder / "wanted.csv").write_text("id,plate\nA1,12가3456\nA3,34나5679\nA4,1?나5679\n", encoding="utf-8")
    cli(*MAKE, "--list-version", 4, "--output", "next.bundle", *seal, cwd=folder)
    sign = ("--key", "key.pem", "--key-id", "k")
    out, _ = cli("delta", "wanted.bundle", "next.bundle", "--output", "d", "--seal", "seal.key", *sign, cwd=folder)
    assert out.startswith("d: 2 entries new or other, 1 gone, 3 afterwards, version 3 to 4, ")
    assert out.endswith(", signed by k\n")
    out, _ = cli("open", "d", "--seal", "seal.key", cwd=folder)
    assert "2 entries new or other, 1 gone, 3 afterwards" in out
    assert "나5679" not in out
    out, _ = cli("verify", "d", "--key", "key.pem.pub", "--key-id", "k", cwd=folder)
    assert "signed by k, version 4" in out
    cli("apply", "wanted.bundle", "d", "--output", "applied.bundle", "--seal", "seal.key", cwd=folder)
    assert (folder / "applied.bundle").read_bytes() == (folder / "next.bundle").read_bytes()
    _, err = cli("apply", "next.bundle", "d", "--output", "x", "--seal", "seal.key", status=2, cwd=folder)
    assert err == "d: is a delta from another bundle\n"
    _, err = cli("delta", "wanted.bundle", "next.bundle", "--output", "x", *sign, status=2, cwd=folder)
    assert "is encrypted" in err


def test_the_command_makes_bundles_for_one_recogniser(folder: Path) -> None:
    cli(*MAKE, cwd=folder)
    whole = (folder / "wanted.bundle").stat().st_size
    cli(*MAKE, "--engine", "ctc", cwd=folder)
    assert (folder / "wanted.bundle").stat().st_size < whole / 4
    _, err = cli(*MAKE, "--engine", "nobody", status=2, cwd=folder)
    assert "nobody: is not among the model's engines" in err


def test_an_old_bundle_is_refused(folder: Path) -> None:
    cli("key", "key.pem", cwd=folder)
    signing = SigningKey.load(folder / "key.pem")
    made = make(pw.Matcher(["12가3456"]), version=1, agency="a", group="g", issued=1, expires=2)
    signing.signs(made).save(folder / "old.bundle")
    _, err = cli("verify", "old.bundle", "--key", "key.pem.pub", status=2, cwd=folder)
    assert err == "old.bundle: has expired, 1970-01-01T00:00:02Z\n"


def test_the_same_list_makes_the_same_payload() -> None:
    first, second = (
        make(pw.Matcher(["12가3456"]), version=1, agency="a", group="g", issued=1, expires=2) for _ in range(2)
    )
    assert first == second


def test_conformance_asks_of_every_kind(tmp_path: Path) -> None:
    conformance.make(tmp_path)
    before, bundle, delta = (
        Bundle.load(tmp_path / name) for name in ("before.bundle", "conformance.bundle", "conformance.delta")
    )
    assert deltas.applied(before, delta) == bundle
    step = deltas.Step.of(delta.payload)
    assert min(step.changed, step.removed, step.entries - step.changed) >= 20
    lines = [line.split("\t") for line in (tmp_path / "conformance.tsv").read_text("utf-8").splitlines()]
    kinds = [line[0] for line in lines]
    assert min(kinds.count(kind) for kind in "rcaoqm") > 100
    matches = [line for line in lines if line[0] == "m"]
    assert {line[2] for line in matches} == {"0", "1", "2", "3"}
    assert {line[3] for line in matches} == {"0", "1", "2"}
    assert {line[1] for line in matches} & set(conformance.PATTERNS)
    assert [line[1] for line in lines if line[0] == "q"].count("pass") > 20
