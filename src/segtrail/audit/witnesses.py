"""What lies outside a run folder, or was made with a key, and so tells a folder that was written anew as a whole."""

import string
from pathlib import Path

from segtrail.audit.outcome import Outcome
from segtrail.errors import InputError
from segtrail.record.ledger import faults_of_ledger
from segtrail.record.manifest import ADDENDA, fingerprint
from segtrail.record.manifest import FILE_NAME as MANIFEST
from segtrail.record.signature import SIGNATURE, faults_of_signature
from segtrail.record.timestamp import check_timestamp, read_timestamps

CITED_TITLE = "The fingerprint is the one that was cited"
SIGNATURE_TITLE = "The run is signed, and is what was signed"
TIMESTAMP_TITLE = "A timestamp server saw this seal"
LEDGER_TITLE = "The ledger holds this fingerprint"


def check_cited(run_dir: Path, cited: str | None) -> list[Outcome]:
    """Compare the fingerprint with the one that was cited; no check without one."""
    if cited is None:
        return []
    found = fingerprint(run_dir) if (run_dir / MANIFEST).is_file() else "missing"
    # Copied from a PDF it may hold spaces and invisible places where a line may end.
    digits = "".join(letter for letter in cited.lower() if letter in string.hexdigits)
    faults = [] if found == digits else [f"it is {found}, where {cited} was cited"]
    return [Outcome.of_faults("cited", CITED_TITLE, faults, found)]


def check_signature(run_dir: Path, public_key: Path | None) -> list[Outcome]:
    """Check the signature with a public key; no check where the run is not signed and no key is given."""
    is_signed = (run_dir / ADDENDA / SIGNATURE).is_file()
    if public_key is None:
        because = "the run is signed; --public-key PEM checks it"
        return [Outcome.not_checked("signature", SIGNATURE_TITLE, because)] if is_signed else []
    if not is_signed:
        return [Outcome("signature", SIGNATURE_TITLE, "fail", ("the run is not signed",))]
    try:
        faults = faults_of_signature(run_dir, public_key)
    except InputError as error:
        faults = [str(error).rstrip(".")]
    return [Outcome.of_faults("signature", SIGNATURE_TITLE, faults, f"signed with the key {public_key.name}")]


def check_timestamps(run_dir: Path, root_certificate: Path | None) -> list[Outcome]:
    """Check the timestamps with a certificate; no check where there is none and no certificate is given."""
    answers = read_timestamps(run_dir)
    if root_certificate is None:
        because = "the run is timestamped; --tsa-certificate PEM checks it"
        return [Outcome.not_checked("timestamp", TIMESTAMP_TITLE, because)] if answers else []
    if not answers:
        return [Outcome("timestamp", TIMESTAMP_TITLE, "fail", ("the run has no timestamp",))]
    faults, moments = [], []
    for answer in answers:
        try:
            moments.append(check_timestamp(run_dir, answer, root_certificate))
        except InputError as error:
            faults.append(str(error).rstrip("."))
    evidence = ", ".join(f"{moment:%Y-%m-%d %H:%M:%S} UTC" for moment in moments)
    return [Outcome.of_faults("timestamp", TIMESTAMP_TITLE, faults, evidence)]


def check_ledger(run_dir: Path, ledger: Path | None) -> list[Outcome]:
    """Look for the fingerprint in a ledger; no check without one."""
    if ledger is None:
        return []
    try:
        faults = faults_of_ledger(run_dir, ledger)
    except (InputError, OSError) as error:
        faults = [str(error).rstrip(".")]
    return [Outcome.of_faults("ledger", LEDGER_TITLE, faults, f"it stands in {ledger.name}")]
