"""Who signed a run off, and whether that was said of this very run."""

from collections.abc import Iterator
from pathlib import Path

from segtrail.audit.outcome import Outcome
from segtrail.errors import InputError
from segtrail.record.hashing import hash_text_file
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.journal import read_journal
from segtrail.record.manifest import ADDENDA, fingerprint
from segtrail.record.seal import read_seal
from segtrail.record.signoff import SIGNED_OFF, Signoff, list_signoffs, read_signoff

TITLE = "Every sign-off is of this fingerprint and this seal"


def check_signoffs(run_dir: Path) -> Outcome | None:
    """Compare each sign-off with fingerprint, seal and the journal of the addenda; no check where there is none.

    Args:
        run_dir: The run folder.

    Returns:
        A fault for each that was changed or is of another run, and who signed off with what meaning.
    """
    faults: list[str] = []
    found: list[str] = []
    paths = list_signoffs(run_dir)
    known = _hashes_on_record(run_dir) if paths else {}
    for path in paths:
        if hash_text_file(path) != known.get(path.name):
            faults.append(f"{ADDENDA}/{path.name} is not what was signed off")
            continue
        try:
            signoff = read_signoff(path)
        except InputError as error:
            faults.append(str(error).rstrip("."))
            continue
        wrong = [f"{ADDENDA}/{path.name}: {fault}" for fault in _faults_of(signoff, run_dir)]
        faults += wrong
        if not wrong:
            found.append(_describe(signoff))
    if not faults and not found:
        return None
    return Outcome("signoff", TITLE, "fail" if faults else "pass", (*faults, *found))


def _hashes_on_record(run_dir: Path) -> dict[str, str]:
    added = read_journal(run_dir / ADDENDA / JOURNAL)
    return {
        name: sha256
        for entry in added
        if entry.action == SIGNED_OFF
        for name, sha256 in entry.details["files"].items()
    }


def _faults_of(signoff: Signoff, run_dir: Path) -> Iterator[str]:
    who, seal = f"{signoff.name} ({signoff.meaning})", read_seal(run_dir)
    if signoff.fingerprint != fingerprint(run_dir):
        yield f"{who} signed off another fingerprint, {signoff.fingerprint}"
    elif seal is None or signoff.seal_sha256 != seal.sha256:
        yield f"{who} signed off another seal, {signoff.seal_sha256}"


def _describe(signoff: Signoff) -> str:
    remark = f": {signoff.note}" if signoff.note else ""
    moment = signoff.signed_off_utc.replace("T", " ").removesuffix("Z")
    return f"signed off by {signoff.name}, {signoff.meaning}, {moment} UTC{remark}"
