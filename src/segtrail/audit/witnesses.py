"""What lies outside a run folder, or was made with a key, and so tells a folder that was written anew as a whole."""

from datetime import datetime
from pathlib import Path

from segtrail.audit.outcome import Outcome
from segtrail.errors import InputError
from segtrail.record.ledger import faults_of_ledger
from segtrail.record.manifest import ADDENDA, fingerprint
from segtrail.record.manifest import FILE_NAME as MANIFEST
from segtrail.record.seal import read_seal
from segtrail.record.signature import SIGNATURE, faults_of_signature
from segtrail.record.timestamp import check_timestamp, read_timestamps

_DIGITS = frozenset("0123456789abcdef")
CITED_TITLE = "The fingerprint is the one that was cited"
SIGNATURE_TITLE = "The run is signed, and is what was signed"
TIMESTAMP_TITLE = "A timestamp server saw this seal"
LEDGER_TITLE = "The ledger holds this fingerprint and this seal"


def check_cited(run_dir: Path, cited: str | None) -> Outcome | None:
    """Compare the fingerprint with the one that was cited; no check without one."""
    if cited is None:
        return None
    found = fingerprint(run_dir) if (run_dir / MANIFEST).is_file() else "missing"
    # Copied from a PDF it may hold spaces and invisible places where a line may end.
    digits = "".join(letter for letter in cited.lower().strip().removeprefix("sha256:") if letter in _DIGITS)
    faults = [] if found == digits else [f"it is {found}, where {cited} was cited"]
    return Outcome.of_faults("cited", CITED_TITLE, faults, found)


def check_signature(run_dir: Path, public_key: Path | None) -> Outcome | None:
    """Check the signature with a public key; no check where the run is not signed and no key is given."""
    is_signed = (run_dir / ADDENDA / SIGNATURE).is_file()
    if public_key is None:
        because = "the run is signed; --public-key PEM checks it"
        return Outcome.not_checked("signature", SIGNATURE_TITLE, because) if is_signed else None
    if not is_signed:
        return Outcome("signature", SIGNATURE_TITLE, "fail", ("the run is not signed",))
    faults = faults_of_signature(run_dir, public_key)
    return Outcome.of_faults("signature", SIGNATURE_TITLE, faults, f"signed with the key {public_key.name}")


def check_timestamps(run_dir: Path, root_certificate: Path | None) -> Outcome | None:
    """Check the timestamps with a certificate; no check where there is none and no certificate is given.

    One that holds is enough: whoever asks a server that can't be trusted must not spoil the others.
    """
    answers = read_timestamps(run_dir)
    if root_certificate is None:
        because = "the run is timestamped; --tsa-certificate PEM checks it"
        return Outcome.not_checked("timestamp", TIMESTAMP_TITLE, because) if answers else None
    if not answers:
        return Outcome("timestamp", TIMESTAMP_TITLE, "fail", ("the run has no timestamp",))
    faults: list[str] = []
    moments: list[datetime] = []
    for answer in answers:
        try:
            moments.append(check_timestamp(run_dir, answer, root_certificate))
        except InputError as error:
            faults.append(str(error).rstrip("."))
    if not moments:
        return Outcome("timestamp", TIMESTAMP_TITLE, "fail", tuple(faults))
    return Outcome("timestamp", TIMESTAMP_TITLE, "pass", (_describe_times(run_dir, moments), *faults))


def check_ledger(run_dir: Path, ledger: Path | None) -> Outcome | None:
    """Look for fingerprint and seal in a ledger; no check without one."""
    if ledger is None:
        return None
    faults = faults_of_ledger(run_dir, ledger)
    return Outcome.of_faults("ledger", LEDGER_TITLE, faults, f"they stand in {ledger.name}")


def _describe_times(run_dir: Path, moments: list[datetime]) -> str:
    seal = read_seal(run_dir)
    stamped = ", ".join(f"{moment:%Y-%m-%d %H:%M:%S}" for moment in sorted(moments))
    sealed = "" if seal is None else f"{seal.time_utc[:19].replace('T', ' ')}"
    return f"sealed {sealed} UTC by its own clock, stamped {stamped} UTC"
