"""Keys that sign runs: ECDSA over P-256, in PEM, the private one with a passphrase or without.

P-256, since the model-signing tool, with which a signature can be checked without segtrail, takes no ed25519 keys.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segtrail.errors import InputError

PRIVATE_NAME, PUBLIC_NAME = "signing_key.pem", "signing_key.pub.pem"


@dataclass(frozen=True)
class SigningKey:
    """A private key that can be used.

    Attributes:
        path: Its file.
        passphrase: What opens it; None where it has none.
    """

    path: Path
    passphrase: bytes | None = field(default=None, repr=False)


def make_key(folder: Path, passphrase: bytes | None) -> tuple[Path, Path]:
    """Make a pair of keys.

    Args:
        folder: Where to write them.
        passphrase: What shall open the private one; None for none.

    Returns:
        The files of the private and the public key.

    Raises:
        InputError: There is a key already, or the folder can't be written, or a package is missing.
    """
    serialization, elliptic = _cryptography()
    private, public = folder / PRIVATE_NAME, folder / PUBLIC_NAME
    key = elliptic.generate_private_key(elliptic.SECP256R1())
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
        public.write_bytes(
            key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
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
    serialization, elliptic = _cryptography()
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), passphrase)
    except OSError as error:
        raise InputError(f"The key {path} can't be read: {error.strerror}.") from None
    except (ValueError, TypeError):
        raise InputError(
            f"The key {path} can't be opened: it is no private key, or the passphrase is wrong."
        ) from None
    if not isinstance(key, elliptic.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise InputError(f"The key {path} is of another kind; `segtrail keys new` makes one over P-256.")
    return SigningKey(path, passphrase)


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        raise InputError(
            "Signing needs packages that are not installed here: pip install 'segtrail[sign]'"
        ) from None
    return serialization, ec
