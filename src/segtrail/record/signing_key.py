"""Keys that sign runs, in PEM, the private one with a passphrase or without.

They are of two kinds: ECDSA over P-256, which the model-signing tool takes, so that a signature can be checked without
segtrail, and ed25519, which that tool (version 1.1.1) does not take.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segtrail.errors import InputError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PRIVATE_NAME, PUBLIC_NAME = "signing_key.pem", "signing_key.pub.pem"


class KeyKind(StrEnum):
    """What a key signs with."""

    P256 = "p256"
    ED25519 = "ed25519"


@dataclass(frozen=True)
class SigningKey:
    """A private key that can be used.

    Attributes:
        path: Its file.
        ed25519: What signs, where it is of that kind; else it is one over P-256.
        passphrase: What opens the file; None where it has none.
    """

    path: Path
    ed25519: "Ed25519PrivateKey | None" = field(default=None, repr=False)
    passphrase: bytes | None = field(default=None, repr=False)


def make_key(folder: Path, kind: KeyKind, passphrase: bytes | None) -> tuple[Path, Path]:
    """Make a pair of keys.

    Args:
        folder: Where to write them.
        kind: What they sign with.
        passphrase: What shall open the private one; None for none.

    Returns:
        The files of the private and the public key.

    Raises:
        InputError: There is a key already, or the folder can't be written, or a package is missing.
    """
    serialization, elliptic, edwards = cryptography_parts()
    private, public = folder / PRIVATE_NAME, folder / PUBLIC_NAME
    key = (
        elliptic.generate_private_key(elliptic.SECP256R1())
        if kind == KeyKind.P256
        else edwards.Ed25519PrivateKey.generate()
    )
    encryption = (
        serialization.NoEncryption()
        if passphrase is None
        else serialization.BestAvailableEncryption(passphrase)
    )
    pem = serialization.Encoding.PEM
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if public.exists():  # what it signed could not be checked any more
            raise FileExistsError
        private.touch(mode=0o600, exist_ok=False)
        private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, encryption))
        public.write_bytes(public_pem(key))
    except FileExistsError:
        there = private if private.exists() else public
        raise InputError(
            f"There is a key already: {there}. It is kept; choose another folder with --to."
        ) from None
    except OSError as error:
        raise InputError(f"The key can't be written to {folder}: {error.strerror}.") from None
    return private, public


def is_encrypted(path: Path) -> bool:
    """Tell whether a private key asks for a passphrase.

    Raises:
        InputError: The file can't be read.
    """
    try:
        return b"ENCRYPTED" in path.read_bytes()
    except OSError as error:
        raise InputError(f"The key {path} can't be read: {error.strerror}.") from None


def open_key(path: Path, passphrase: bytes | None) -> SigningKey:
    """Make sure that a private key can be used, before there is anything to sign.

    Raises:
        InputError: It can't be read or opened, or is of another kind, or a package is missing.
    """
    serialization, elliptic, edwards = cryptography_parts()
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), passphrase)
    except OSError as error:
        raise InputError(f"The key {path} can't be read: {error.strerror}.") from None
    except (ValueError, TypeError):
        raise InputError(
            f"The key {path} can't be opened: it is no private key, or the passphrase is wrong."
        ) from None
    is_p256 = isinstance(key, elliptic.EllipticCurvePrivateKey) and key.curve.name == "secp256r1"
    if not is_p256 and not isinstance(key, edwards.Ed25519PrivateKey):
        raise InputError(
            f"The key {path} is of another kind; `segtrail keys new` makes one over P-256 or of ed25519."
        )
    return SigningKey(path, None if is_p256 else key, passphrase)


def public_pem(key: "EllipticCurvePrivateKey | Ed25519PrivateKey") -> bytes:
    """Return the public half of a key in PEM."""
    serialization, _, _ = cryptography_parts()
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    pem: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, kind)
    return pem


def cryptography_parts() -> tuple[Any, Any, Any]:
    """Return the modules for files of keys, for ECDSA and for ed25519.

    Raises:
        InputError: The package is missing.
    """
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    except ImportError:
        raise InputError(
            "Signatures need packages that are not installed here: pip install 'segtrail[sign]'"
        ) from None
    return serialization, ec, ed25519
