"""`platewatch bundle`: signed lists for devices."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from platewatch.bundle.container import Bundle
from platewatch.bundle.make import listed
from platewatch.bundle.make import make as made_of
from platewatch.bundle.manifest import moment
from platewatch.cli.common import PopulationFile, errors_to_exit, fail, load_population, plural
from platewatch.lists.hotlist import Hotlist
from platewatch.matching.matcher import Matcher
from platewatch.probability.channel_model import ChannelModel
from platewatch.service.policy import Policy

if TYPE_CHECKING:
    from platewatch.bundle.delta import Step  # needs the extra `bundle`

app = typer.Typer(
    help="Signed lists for devices: one file with the list, the model, its vehicles and the policy.",
    no_args_is_help=True,
)
_DAY = 86_400


class Kind(StrEnum):
    """What a key signs by."""

    ed25519 = "ed25519"
    ecdsa = "ecdsa-p256-sha256"


BundleFile: TypeAlias = Annotated[Path, typer.Argument(metavar="BUNDLE", exists=True, dir_okay=False)]
KeyId: TypeAlias = Annotated[
    str | None, typer.Option("--key-id", help="The key's id; the start of its SHA-256 if left out.")
]
SealKey: TypeAlias = Annotated[
    Path | None, typer.Option("--seal", help="A file of 32 bytes: the key of AES-256-GCM.", exists=True, dir_okay=False)
]


@app.command("key")
def new_key(
    output: Annotated[Path, typer.Argument(metavar="KEY", help="Where to write the private key: PEM, for you alone.")],
    algorithm: Annotated[Kind, typer.Option(help="ECDSA where a validated module has no Ed25519.")] = Kind.ed25519,
    key_id: KeyId = None,
) -> None:
    """Make a key to sign with. Its public part, KEY.pub, is what devices believe."""
    from platewatch.bundle.keys import SigningKey

    with errors_to_exit(output):
        signing = SigningKey.generate(algorithm.value, key_id)
        signing.save(output)
        public = output.with_name(f"{output.name}.pub")
        public.write_bytes(signing.public.pem())
    print(f"{output}: {algorithm.value}, id {signing.public.id}; devices need {public}")


@app.command()
def make(
    hotlist: Annotated[Path, typer.Option(help="The list: CSV, JSON, a workbook.", exists=True, dir_okay=False)],
    output: Annotated[Path, typer.Option(help="Where to write the bundle.", dir_okay=False)],
    version: Annotated[
        int, typer.Option("--list-version", min=1, help="Of the list: devices take none that is older.")
    ],
    agency: Annotated[str, typer.Option(help="Whose list it is.")],
    group: Annotated[str, typer.Option(help="The devices that it is for.")],
    days: Annotated[float, typer.Option(min=0.001, help="How long it is good for.")] = 7.0,
    model: Annotated[Path | None, typer.Option(help="The channel model; else the shipped one.", exists=True)] = None,
    engine: Annotated[
        str | None, typer.Option(help="The devices' recogniser: the model then is for its reads alone, and small.")
    ] = None,
    population: PopulationFile = None,
    policy: Annotated[
        Path | None, typer.Option(help="A TOML file with the table [policy], as the service's settings.", exists=True)
    ] = None,
    max_edits: Annotated[int, typer.Option(min=0, max=3)] = 2,
    previous: Annotated[Path | None, typer.Option(help="The bundle before this one.", exists=True)] = None,
    revoke: Annotated[list[str] | None, typer.Option(help="The id of a key that is valid no longer.")] = None,
    seal: SealKey = None,
    seal_id: Annotated[str, typer.Option(help="That key's id.")] = "",
    key: Annotated[Path | None, typer.Option(help="Sign it with this key.", exists=True, dir_okay=False)] = None,
    key_id: KeyId = None,
) -> None:
    """Make a bundle of a list. Devices take it once it is signed, here with --key or by `bundle sign`."""
    from platewatch.bundle import keys

    if (seal is not None) != bool(seal_id):
        fail("--seal and --seal-id belong together: a device must know with which key to open the list")
    with errors_to_exit(hotlist):
        entries = Hotlist.load(hotlist)
    with errors_to_exit(model):
        channel = ChannelModel.default() if model is None else ChannelModel.load(model)
        if engine is not None:
            channel = channel.of_engine(engine)
    with errors_to_exit(policy):
        grades = Policy() if policy is None else Policy.load(policy)
    matcher = Matcher(entries, max_edits=max_edits, model=channel.with_population(load_population(population)))
    now = int(time.time())
    with errors_to_exit(previous):
        before = "" if previous is None else Bundle.load(previous).digest
    with errors_to_exit(key):
        signing = None if key is None else keys.SigningKey.load(key, key_id)
    with errors_to_exit(output):
        bundle = made_of(
            matcher,
            version=version,
            agency=agency,
            group=group,
            issued=now,
            expires=now + max(round(days * _DAY), 1),
            policy=grades,
            previous=before,
            revoked=tuple(revoke or ()),
        )
        if seal is not None:
            bundle = keys.sealed(bundle, seal.read_bytes(), seal_id)
        if signing is not None:
            bundle = signing.signs(bundle)
        bundle.save(output)
    signed = f"signed by {signing.public.id}" if signing is not None else "not signed: devices refuse it"
    print(f"{output}: {plural(len(matcher), 'entry', 'entries')}, version {version}, {signed}")


@app.command()
def sign(
    bundle: BundleFile,
    key: Annotated[Path, typer.Option(help="The private key.", exists=True, dir_okay=False)],
    key_id: KeyId = None,
    output: Annotated[Path | None, typer.Option(help="Where to write it; else in its place.", dir_okay=False)] = None,
) -> None:
    """Sign a bundle, in place of whoever has signed it."""
    from platewatch.bundle.keys import SigningKey

    with errors_to_exit(key):
        signing = SigningKey.load(key, key_id)
    with errors_to_exit(bundle):
        signing.signs(Bundle.load(bundle)).save(output or bundle)
    print(f"{output or bundle}: signed by {signing.public.id} ({signing.public.algorithm})")


@app.command()
def delta(
    before: Annotated[Path, typer.Argument(metavar="OLD", exists=True, dir_okay=False)],
    after: Annotated[Path, typer.Argument(metavar="NEW", exists=True, dir_okay=False)],
    output: Annotated[Path, typer.Option(help="Where to write the delta.", dir_okay=False)],
    key: Annotated[Path | None, typer.Option(help="Sign it with this key.", exists=True, dir_okay=False)] = None,
    key_id: KeyId = None,
    seal: SealKey = None,
) -> None:
    """Make what leads from one signed bundle to the next: small, for devices that have OLD.

    Where NEW is encrypted, so is the delta, with the same key: --seal.
    """
    from platewatch.bundle import delta as deltas
    from platewatch.bundle import keys

    secret = None if seal is None else seal.read_bytes()
    with errors_to_exit(before):
        old = Bundle.load(before)
    with errors_to_exit(after):
        new = Bundle.load(after)
    with errors_to_exit(key):
        signing = None if key is None else keys.SigningKey.load(key, key_id)
    with errors_to_exit(output):
        made = deltas.make(old, new, secret)
        step = deltas.Step.of(keys.opened(made, secret))
        if signing is not None:
            made = signing.signs(made)
        made.save(output)
    signed = f"signed by {signing.public.id}" if signing is not None else "not signed: devices refuse it"
    print(
        f"{output}: {_changes(step)}, version {old.manifest.version} to {new.manifest.version}, "
        f"{len(made.payload):,} bytes for {len(new.payload):,}, {signed}"
    )


@app.command("apply")
def apply_(
    before: Annotated[Path, typer.Argument(metavar="OLD", exists=True, dir_okay=False)],
    delta: Annotated[Path, typer.Argument(metavar="DELTA", exists=True, dir_okay=False)],
    output: Annotated[Path, typer.Option(help="Where to write the full bundle.", dir_okay=False)],
    seal: SealKey = None,
) -> None:
    """Make the next full bundle, with its signature, of the one before and the delta. Verify it as any other."""
    from platewatch.bundle.delta import applied

    with errors_to_exit(before):
        old = Bundle.load(before)
    with errors_to_exit(delta):
        full = applied(old, Bundle.load(delta), None if seal is None else seal.read_bytes())
    with errors_to_exit(output):
        full.save(output)
    print(f"{output}: version {full.manifest.version}, digest {full.digest}")


@app.command()
def verify(
    bundle: BundleFile,
    key: Annotated[list[Path], typer.Option(help="A public key that is believed; several times.", exists=True)],
    key_id: Annotated[
        list[str] | None, typer.Option(help="Their ids, in the same order, where they have others.")
    ] = None,
    agency: Annotated[str | None, typer.Option(help="Whose it must be.")] = None,
    group: Annotated[str | None, typer.Option(help="The devices that it must be for.")] = None,
) -> None:
    """Check a bundle as a device does: it is whole, signed, not expired, and for this device. Else exit with 2."""
    from platewatch.bundle import keys

    ids: list[str | None] = [*key_id] if key_id else [None for _ in key]
    if len(ids) != len(key):
        fail("one --key-id for each --key, or none")
    believed = []
    for path, one in zip(key, ids, strict=True):
        with errors_to_exit(path):
            believed.append(keys.load_public(path, one))
    with errors_to_exit(bundle):
        found = Bundle.load(bundle)
        signer = keys.check_signature(found, believed)
    manifest = found.manifest
    if manifest.expires <= time.time():
        fail(f"{bundle}: has expired, {moment(manifest.expires)}")
    for what, wanted, told in (("agency", agency, manifest.agency), ("group", group, manifest.group)):
        if wanted is not None and wanted != told:
            fail(f"{bundle}: is of another {what}, {told}")
    print(f"{bundle}: signed by {signer.id}, version {manifest.version}, good until {moment(manifest.expires)}")


@app.command("open")
def open_(bundle: BundleFile, seal: SealKey = None) -> None:
    """Show what is in a bundle, signed or not, without a plate."""
    from platewatch.bundle import keys
    from platewatch.bundle.delta import Step

    with errors_to_exit(bundle):
        found = Bundle.load(bundle)
        manifest = found.manifest
        entries = "encrypted"
        if not manifest.encryption or seal is not None:
            payload = keys.opened(found, None if seal is None else seal.read_bytes())
            if manifest.kind == "delta":
                entries = _changes(Step.of(payload))
            else:
                matcher = listed(payload)
                entries = f"{plural(len(matcher), 'entry', 'entries')}, max_edits {matcher.max_edits}"
    for name, value in (
        ("list", entries),
        ("kind", manifest.kind),
        ("version", str(manifest.version)),
        ("agency", manifest.agency),
        ("group", manifest.group),
        ("issued", moment(manifest.issued)),
        ("expires", moment(manifest.expires)),
        ("signed by", f"{manifest.key} ({manifest.algorithm})" if manifest.key else "nobody"),
        ("revokes", ", ".join(manifest.revoked) or "no key"),
        ("encryption", f"{manifest.encryption}, key {manifest.encryption_key}" if manifest.encryption else "none"),
        ("previous", manifest.previous or "none"),
        ("leads to", manifest.result or found.digest),
        ("digest", found.digest),
        ("bytes", f"{len(found.payload):,}"),
    ):
        print(f"{name:10}  {value}")


def _changes(step: Step) -> str:
    changed = plural(step.changed, "entry", "entries")
    return f"{changed} new or other, {step.removed:,} gone, {step.entries:,} afterwards"
