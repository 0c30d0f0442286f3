"""A ledger of fingerprints that a group keeps elsewhere, or in git: what a folder alone can't show."""

from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from segtrail.errors import InputError
from segtrail.record.journal import Journal, find_breaks, find_cut, read_journal
from segtrail.record.manifest import fingerprint
from segtrail.record.run_folder import read_json
from segtrail.record.seal import read_seal

_ANCHORED = "anchored"
_SECONDS = 30.0


@dataclass(frozen=True)
class Anchor:
    """What a ledger holds of a run.

    Attributes:
        fingerprint: The hash of its manifest.
        seal_sha256: The hash of its seal, which closes journal and report as well.
    """

    fingerprint: str
    seal_sha256: str

    def __str__(self) -> str:
        return f"fingerprint {self.fingerprint} and seal {self.seal_sha256}"


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
    run_id = read_run_id(run_dir)
    now = Anchor(fingerprint(run_dir), seal.sha256)
    try:
        with FileLock(ledger.with_name(f".{ledger.name}.lock"), timeout=_SECONDS):
            _enter(ledger, run_id, now, actor)
    except Timeout:
        raise InputError(f"Another program holds the ledger {ledger}. Try again.") from None
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"The ledger {ledger} can't be written: {reason}.") from None
    return now.fingerprint


def _enter(ledger: Path, run_id: str, now: Anchor, actor: str | None) -> None:
    _refuse_other_file(ledger)
    known = anchored(ledger, run_id) if ledger.exists() else []
    if known and known[-1] != now:
        raise InputError(
            f"{ledger.name} has another fingerprint or seal of {run_id}: {known[-1]}; the run has {now}."
        )
    if not known:
        details = {"run_id": run_id, "fingerprint": now.fingerprint, "seal_sha256": now.seal_sha256}
        Journal(ledger, actor).write(_ANCHORED, **details)


def _refuse_other_file(ledger: Path) -> None:
    """A name that was mistyped must not cost the file of that name."""
    if ledger.exists() and ledger.stat().st_size and not read_journal(ledger):
        raise InputError(f"{ledger} is no ledger: it has no line of one. It was left as it is.")


def faults_of_ledger(run_dir: Path, ledger: Path) -> list[str]:
    """Say what in a ledger does not fit a run; nothing where it holds the run's fingerprint.

    Raises:
        InputError: The ledger can't be read.
    """
    broken = [*find_breaks(read_journal(ledger)), *find_cut(ledger)]
    breaks = [f"{ledger.name}: {fault}" for fault in broken]
    run_id, seal = read_run_id(run_dir), read_seal(run_dir)
    if seal is None:
        return [*breaks, "the run is not sealed"]
    now = Anchor(fingerprint(run_dir), seal.sha256)
    known = anchored(ledger, run_id)
    if not known:
        return [*breaks, f"{ledger.name} has no fingerprint of {run_id}"]
    return breaks + [f"{ledger.name} has the {old}, the run the {now}" for old in known if old != now]


def anchored(ledger: Path, run_id: str) -> list[Anchor]:
    """Return what a ledger holds of a run, in its order."""
    return [
        Anchor(str(entry.details.get("fingerprint")), str(entry.details.get("seal_sha256")))
        for entry in read_journal(ledger)
        if entry.action == _ANCHORED and entry.details.get("run_id") == run_id
    ]


def read_run_id(run_dir: Path) -> str:
    """Return the ID of a run from its record, since its folder may have been renamed."""
    return str(read_json(run_dir / "run.json").get("run_id"))
