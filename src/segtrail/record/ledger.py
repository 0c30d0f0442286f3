"""A ledger of fingerprints that a group keeps elsewhere, or in git: what a folder alone can't show."""

from pathlib import Path

from segtrail.errors import InputError
from segtrail.record.journal import Journal, find_breaks, read_journal
from segtrail.record.manifest import fingerprint
from segtrail.record.run_folder import read_json
from segtrail.record.seal import read_seal

_ANCHORED = "anchored"


def anchor_run(run_dir: Path, ledger: Path, actor: str | None) -> str:
    """Append the fingerprint of a sealed run to a ledger; one that is there already is not written again.

    Args:
        run_dir: The run folder.
        ledger: The ledger; made with its first line.
        actor: Who answers for it.

    Returns:
        The fingerprint.

    Raises:
        InputError: The run is not sealed, or the ledger is none, can't be written, or holds another fingerprint of it.
    """
    seal = read_seal(run_dir)
    if seal is None:
        raise InputError(f"{run_dir.name} is not sealed, so it has no fingerprint to anchor.")
    run_id, now = read_run_id(run_dir), fingerprint(run_dir)
    try:
        known = anchored(ledger, run_id) if ledger.exists() else []
        if known and known[-1] != now:
            raise InputError(
                f"{ledger.name} has another fingerprint of {run_id}: {known[-1]}; the run has {now}."
            )
        if not known:
            Journal(ledger, actor).write(_ANCHORED, run_id=run_id, fingerprint=now, seal_sha256=seal.sha256)
    except OSError as error:
        raise InputError(f"The ledger {ledger} can't be written: {error.strerror or error}.") from None
    return now


def faults_of_ledger(run_dir: Path, ledger: Path) -> list[str]:
    """Say what in a ledger does not fit a run; nothing where it holds the run's fingerprint.

    Raises:
        InputError: The ledger can't be read.
    """
    breaks = [f"{ledger.name}: {fault}" for fault in find_breaks(read_journal(ledger))]
    run_id, now = read_run_id(run_dir), fingerprint(run_dir)
    known = anchored(ledger, run_id)
    if not known:
        return [*breaks, f"{ledger.name} has no fingerprint of {run_id}"]
    return breaks + [f"{ledger.name} has the fingerprint {old}, the run {now}" for old in known if old != now]


def anchored(ledger: Path, run_id: str) -> list[str]:
    """Return the fingerprints of a run in a ledger, in their order."""
    return [
        str(entry.details["fingerprint"])
        for entry in read_journal(ledger)
        if entry.action == _ANCHORED and entry.details.get("run_id") == run_id
    ]


def read_run_id(run_dir: Path) -> str:
    """Return the ID of a run from its record, since its folder may have been renamed."""
    return str(read_json(run_dir / "run.json")["run_id"])
