"""The signature of a sealed run, as a bundle that the model-signing tool and sigstore read."""

import base64
import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segtrail.atomic import write_bytes
from segtrail.errors import InputError
from segtrail.record.addenda import Addenda
from segtrail.record.hashing import hash_file, hash_text_file
from segtrail.record.manifest import ADDENDA, TEXT_SUFFIXES
from segtrail.record.run_folder import is_shared_copy
from segtrail.record.seal import read_seal
from segtrail.record.signing_key import (
    KeyKind,
    SigningKey,
    cryptography_parts,
    make_key,
    open_key,
    public_pem,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNATURE = "signature.sigstore.json"
_PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class Signature:
    """What a bundle says.

    Attributes:
        payload: The bytes that were signed, an in-toto statement.
        signature: The signature over them.
        key_sha256: SHA-256 of the public key in PEM.
        hashes: SHA-256 of each file that was signed, by its path.
    """

    payload: bytes
    signature: bytes
    key_sha256: str
    hashes: Mapping[str, str]


def is_signed(run_dir: Path) -> bool:
    """Tell whether a run has a signature, be it right or wrong."""
    return (run_dir / ADDENDA / SIGNATURE).exists()


def sign_run(run_dir: Path, key: SigningKey, actor: str | None) -> Path:
    """Sign every file of a sealed run, or of a shared copy, but its addenda, where the signature comes to.

    Args:
        run_dir: The run folder, or the copy.
        key: The key.
        actor: Who signs.

    Returns:
        The bundle.

    Raises:
        InputError: The run is not sealed or signed already, or a package is missing.
    """
    is_copy = is_shared_copy(run_dir)
    if not is_copy and read_seal(run_dir) is None:
        raise InputError(
            f"{run_dir.name} is not sealed, so it can't be signed. `segtrail seal` seals a finished run."
        )
    if is_signed(run_dir):
        raise InputError(f"{run_dir.name} is signed already.")
    if is_copy:
        return _sign_copy(run_dir, key)
    addenda = Addenda(run_dir, actor)
    return addenda.add_made_file(SIGNATURE, lambda target: _write_bundle(run_dir, key, target), "signed")


def _sign_copy(folder: Path, key: SigningKey) -> Path:
    """Put the signature into the addenda of a shared copy, which has no journal to note it in."""
    path = folder / ADDENDA / SIGNATURE
    with tempfile.TemporaryDirectory() as made_in:
        made = Path(made_in) / SIGNATURE
        _write_bundle(folder, key, made)
        try:
            path.parent.mkdir(exist_ok=True)
            write_bytes(path, made.read_bytes())
        except OSError as error:
            raise InputError(f"Nothing can be added to {folder}: {error.strerror or error}.") from None
    return path


def _write_bundle(run_dir: Path, key: SigningKey, target: Path) -> None:
    if key.ed25519 is None:
        _write_p256_bundle(run_dir, key, target)
    else:
        _write_ed25519_bundle(run_dir, key.ed25519, target)


def _write_ed25519_bundle(run_dir: Path, key: "Ed25519PrivateKey", target: Path) -> None:
    """Let model-signing write the statement, with a key for this once, and put the signature of ed25519 over it."""
    with tempfile.TemporaryDirectory() as folder:
        once, _ = make_key(Path(folder), KeyKind.P256, None)
        _write_p256_bundle(run_dir, open_key(once, None), target)
    bundle = json.loads(target.read_bytes())
    envelope = bundle["dsseEnvelope"]
    signature = key.sign(_signed_message(base64.b64decode(envelope["payload"])))
    envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode("ascii")
    bundle["verificationMaterial"]["publicKey"]["hint"] = hashlib.sha256(public_pem(key)).hexdigest()
    target.write_text(json.dumps(bundle), encoding="utf-8", newline="\n")


def _write_p256_bundle(run_dir: Path, key: SigningKey, target: Path) -> None:
    try:
        from model_signing import hashing, signing
    except ImportError:
        raise InputError(
            "Signing needs packages that are not installed here: pip install 'segtrail[sign]'"
        ) from None
    what = hashing.Config().use_file_serialization(hashing_algorithm="sha256")
    what.set_ignored_paths(paths=[ADDENDA], ignore_git_paths=False)
    # It passes the passphrase on to cryptography, which takes bytes, whatever its own annotation says.
    passphrase: Any = key.passphrase
    signer = signing.Config().use_elliptic_key_signer(private_key=key.path, password=passphrase)
    signer.set_hashing_config(what).sign(run_dir, target)


def read_signature(path: Path) -> Signature:
    """Read a bundle.

    Raises:
        InputError: It is damaged or of another kind.
    """
    try:
        bundle = json.loads(path.read_bytes())
        envelope = bundle["dsseEnvelope"]
        payload = base64.b64decode(envelope["payload"])
        statement = json.loads(payload)
        resources = statement["predicate"]["resources"]
        if envelope["payloadType"] != _PAYLOAD_TYPE or any(one["algorithm"] != "sha256" for one in resources):
            raise ValueError("it signs something else")
        return Signature(
            payload,
            base64.b64decode(envelope["signatures"][0]["sig"]),
            str(bundle["verificationMaterial"]["publicKey"]["hint"]),
            {one["name"]: one["digest"] for one in resources},
        )
    except OSError as error:
        raise InputError(f"{path.name} can't be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, LookupError, RecursionError) as error:
        raise InputError(f"{path.name} is no signature of a run: {error}.") from None


def faults_of_signature(run_dir: Path, public_key: Path) -> list[str]:
    """Compare a run with its signature.

    Args:
        run_dir: The run folder.
        public_key: The key that it should be signed with, in PEM.

    Returns:
        What does not fit; nothing where the signature holds.

    Raises:
        InputError: Signature or key can't be read, or a package is missing.
    """
    signed = read_signature(run_dir / ADDENDA / SIGNATURE)
    if not _is_signed_by(signed, public_key):
        return [f"the signature was not made with the key {public_key.name}, or was changed"]
    found = {
        path.relative_to(run_dir).as_posix()
        for path in run_dir.rglob("*")
        if not path.is_dir() and path.relative_to(run_dir).parts[0] != ADDENDA
    }
    faults = [f"{name} is signed, but missing" for name in sorted(signed.hashes.keys() - found)]
    faults += [f"{name} is not signed" for name in sorted(found - signed.hashes.keys())]
    faults += [
        f"{name} is not the file that was signed"
        for name in sorted(found & signed.hashes.keys())
        if not _is_file(run_dir / name, signed.hashes[name])
    ]
    return faults


def _is_file(path: Path, sha256: str) -> bool:
    return hash_file(path) == sha256 or (path.suffix in TEXT_SUFFIXES and hash_text_file(path) == sha256)


def _is_signed_by(signed: Signature, public_key: Path) -> bool:
    serialization, elliptic, edwards = cryptography_parts()
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        key = serialization.load_pem_public_key(public_key.read_bytes())
    except OSError as error:
        raise InputError(f"The key {public_key} can't be read: {error.strerror}.") from None
    except ValueError:
        raise InputError(f"{public_key} is no public key in PEM.") from None
    message = _signed_message(signed.payload)
    try:
        if isinstance(key, elliptic.EllipticCurvePublicKey):
            key.verify(signed.signature, message, elliptic.ECDSA(SHA256()))
        elif isinstance(key, edwards.Ed25519PublicKey):
            key.verify(signed.signature, message)
        else:
            raise InputError(
                f"{public_key} is a key of another kind; runs are signed with keys over P-256 or of ed25519."
            )
    except InvalidSignature:
        return False
    return True


def _signed_message(payload: bytes) -> bytes:
    """Return what an envelope's signature is made over (https://github.com/secure-systems-lab/dsse, protocol.md)."""
    kind = _PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
