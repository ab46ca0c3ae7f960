"""Who signs bundles and who is believed: Ed25519, and ECDSA on P-256 with SHA-256, which validated modules have.

A key's id is the start of its public part's SHA-256 unless it is given one. Keys are PEM files: PKCS #8 and
SubjectPublicKeyInfo, as OpenSSL reads and writes them.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from platewatch.bundle.container import Bundle
from platewatch.bundle.manifest import Manifest
from platewatch.errors import BundleError

Algorithm: TypeAlias = Literal["ed25519", "ecdsa-p256-sha256"]
ALGORITHMS: Final = ("ed25519", "ecdsa-p256-sha256")
ENCRYPTION: Final = "aes-256-gcm"
_ECDSA: Final = ec.ECDSA(hashes.SHA256())
_ID_DIGITS: Final = 16

_Private: TypeAlias = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
_Public: TypeAlias = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True, repr=False)
class PublicKey:
    """Of whoever may sign."""

    id: str
    algorithm: Algorithm
    key: _Public

    def verifies(self, message: bytes, signature: bytes) -> bool:
        try:
            if isinstance(self.key, ed25519.Ed25519PublicKey):
                self.key.verify(signature, message)
            else:
                self.key.verify(signature, message, _ECDSA)
        except InvalidSignature:
            return False
        return True

    def pem(self) -> bytes:
        return self.key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """Its private part is in no repr."""

    key: _Private
    public: PublicKey

    @classmethod
    def generate(cls, algorithm: Algorithm, key_id: str | None = None) -> SigningKey:
        made: _Private = (
            ed25519.Ed25519PrivateKey.generate() if algorithm == "ed25519" else ec.generate_private_key(ec.SECP256R1())
        )
        return cls(made, _public(made.public_key(), key_id))

    @classmethod
    def load(cls, path: Path, key_id: str | None = None) -> SigningKey:
        """Raises BundleError or OSError."""
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise BundleError("is no private key in PEM without a password", field=str(path)) from None
        if not isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
            raise BundleError("is neither Ed25519 nor ECDSA on P-256", field=str(path))
        return cls(key, _public(key.public_key(), key_id, path))

    def save(self, path: Path) -> None:
        """Write the private part, which nobody else may read. Raises OSError, and where there is a file already."""
        text = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)

    def signs(self, bundle: Bundle) -> Bundle:
        """The bundle signed by this key, in place of whoever has signed it."""
        manifest = bundle.manifest
        named = _changed(manifest, algorithm=self.public.algorithm, key=self.public.id)
        unsigned = bundle.with_manifest(named)
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            signature = self.key.sign(unsigned.signed_bytes)
        else:
            signature = self.key.sign(unsigned.signed_bytes, _ECDSA)
        return bundle.with_manifest(named, signature)


def load_public(path: Path, key_id: str | None = None) -> PublicKey:
    """Raises BundleError or OSError."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm):
        raise BundleError("is no public key in PEM", field=str(path)) from None
    if not isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey):
        raise BundleError("is neither Ed25519 nor ECDSA on P-256", field=str(path))
    return _public(key, key_id, path)


def _public(key: _Public, key_id: str | None, path: Path | None = None) -> PublicKey:
    if isinstance(key, ec.EllipticCurvePublicKey) and not isinstance(key.curve, ec.SECP256R1):
        raise BundleError("is neither Ed25519 nor ECDSA on P-256", field=str(path))
    algorithm: Algorithm = "ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "ecdsa-p256-sha256"
    if key_id is None:
        spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        key_id = hashlib.sha256(spki).hexdigest()[:_ID_DIGITS]
    return PublicKey(key_id, algorithm, key)


def check_signature(bundle: Bundle, keys: list[PublicKey]) -> PublicKey:
    """Whose the signature is. Raises BundleError: unsigned, by a key that is not among these, or wrong."""
    manifest = bundle.manifest
    if not manifest.algorithm or not bundle.signature:
        raise BundleError("is not signed")
    known = next((key for key in keys if (key.id, key.algorithm) == (manifest.key, manifest.algorithm)), None)
    if known is None:
        raise BundleError(f"is signed by {manifest.key} ({manifest.algorithm}), which is not among the keys given")
    if not known.verifies(bundle.signed_bytes, bundle.signature):
        raise BundleError("has a wrong signature")
    return known


def sealed(bundle: Bundle, key: bytes, key_id: str, nonce: Callable[[int], bytes] = secrets.token_bytes) -> Bundle:
    """The bundle with its payload encrypted, and unsigned. Raises BundleError."""
    if bundle.manifest.encryption:
        raise BundleError("is encrypted already")
    with_nonce = nonce(12)
    payload = encrypted(bundle.payload, key, with_nonce)
    manifest = _changed(
        bundle.manifest,
        algorithm="",
        key="",
        encryption=ENCRYPTION,
        encryption_key=key_id,
        nonce=with_nonce.hex(),
        payload_sha256=hashlib.sha256(payload).hexdigest(),
        payload_bytes=len(payload),
    )
    return Bundle(manifest.encoded(), b"", payload)


def encrypted(payload: bytes, key: bytes, nonce: bytes) -> bytes:
    """With the tag of 16 bytes behind it. Raises BundleError."""
    return _cipher(key).encrypt(nonce, payload, None)


def opened(bundle: Bundle, key: bytes | None) -> bytes:
    """The payload in the clear. Raises BundleError where it is encrypted and the key is not its."""
    manifest = bundle.manifest
    if not manifest.encryption:
        return bundle.payload
    if manifest.encryption != ENCRYPTION or key is None:
        raise BundleError(f"is encrypted ({manifest.encryption}) with the key {manifest.encryption_key}")
    try:
        return _cipher(key).decrypt(bytes.fromhex(manifest.nonce), bundle.payload, None)
    except InvalidTag:
        raise BundleError(f"is not encrypted with this key, but with {manifest.encryption_key}") from None


def _cipher(key: bytes) -> AESGCM:
    if len(key) != 32:
        raise BundleError("a key of AES-256 has 32 bytes", field="key")
    return AESGCM(key)


def _changed(manifest: Manifest, **fields: object) -> Manifest:
    """As msgspec.structs.replace, with checks."""
    known = {name: getattr(manifest, name) for name in manifest.__struct_fields__}
    return Manifest(**(known | fields))
