"""Timestamps (RFC 3161): a server that others trust says that a run's seal existed at a time."""

import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

from segtrail.errors import InputError
from segtrail.record.addenda import Addenda
from segtrail.record.manifest import ADDENDA
from segtrail.record.seal import read_seal

_SUFFIX = ".tsr"
_SECONDS = 30.0
_LARGEST_ANSWER = 1_000_000


def request_timestamp(run_dir: Path, server: str, actor: str | None) -> Path:
    """Have the seal of a run timestamped.

    Args:
        run_dir: The run folder.
        server: Address of a timestamp server, ``http`` or ``https``.
        actor: Who asks.

    Returns:
        The server's answer, in the addenda.

    Raises:
        InputError: The run is not sealed, the server can't be reached or refuses, or a package is missing.
    """
    client = _client()
    if not server.startswith(("http://", "https://")):
        raise InputError(f"{server} is no address of a timestamp server: it begins with http:// or https://.")
    request = client.TimestampRequestBuilder().data(_stamped(run_dir)).build()
    answer = _ask(server, request.as_bytes())
    try:
        stated = client.decode_timestamp_response(answer).tst_info
        imprint, nonce, moment = stated.message_imprint.message, stated.nonce, stated.gen_time
    except ValueError as error:
        raise InputError(f"{server} gave no timestamp: {error}.") from None
    if imprint != request.message_imprint.message or nonce != request.nonce:
        raise InputError(f"{server} answered another question than it was asked. Its answer was not kept.")
    name = f"timestamp_{moment:%Y%m%d_%H%M%S}{_SUFFIX}"
    return Addenda(run_dir, actor).add_file(name, answer, "timestamped", server=server)


def read_timestamps(run_dir: Path) -> list[Path]:
    """List the timestamps of a run."""
    return sorted((run_dir / ADDENDA).glob(f"*{_SUFFIX}"))


def check_timestamp(run_dir: Path, answer: Path, root_certificate: Path) -> datetime:
    """Make sure that a timestamp is one of this run's seal, and signed by a server under a certificate.

    Args:
        run_dir: The run folder.
        answer: What the server answered.
        root_certificate: The certificate at the root of the server's, in PEM.

    Returns:
        The time that it states.

    Raises:
        InputError: It is not; or a file can't be read, or a package is missing.
    """
    client = _client()
    from cryptography import x509

    try:
        roots = x509.load_pem_x509_certificates(root_certificate.read_bytes())
        response = client.decode_timestamp_response(answer.read_bytes())
        moment: datetime = response.tst_info.gen_time
    except OSError as error:
        raise InputError(f"{error.filename} can't be read: {error.strerror}.") from None
    except ValueError as error:
        raise InputError(f"{answer.name} or {root_certificate.name} is damaged: {error}.") from None
    builder = client.VerifierBuilder()
    for root in roots:
        builder = builder.add_root_certificate(root)
    try:
        builder.build().verify_message(response, _stamped(run_dir))
    except (client.VerificationError, ValueError) as error:
        raise InputError(f"{answer.name} does not hold: {error}.") from None
    return moment


def _stamped(run_dir: Path) -> bytes:
    """Return what is timestamped: the hash of the seal, which closes manifest, report and journal."""
    seal = read_seal(run_dir)
    if seal is None:
        raise InputError(f"{run_dir.name} is not sealed, so it can't be timestamped.")
    return seal.sha256.encode("ascii")


def _ask(server: str, query: bytes) -> bytes:
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        server, data=query, headers={"Content-Type": "application/timestamp-query"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            content: bytes = answer.read(_LARGEST_ANSWER)
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(f"{server} can't be asked for a timestamp: {reason}.") from None
    return content


def _client() -> Any:
    try:
        import rfc3161_client
    except ImportError:
        raise InputError(
            "Timestamps need packages that are not installed here: pip install 'segtrail[sign]'"
        ) from None
    return rfc3161_client
