"""The journal of a run: its chain, its order, its seal, and what the seal says of manifest and report."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from segtrail.audit.outcome import Outcome
from segtrail.errors import InputError
from segtrail.record.hashing import hash_file, hash_text_file
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.journal import Entry, find_breaks, find_cut, read_journal
from segtrail.record.manifest import ADDENDA, LEFT_BY_SYSTEMS, REPORTS, TEXT_SUFFIXES, fingerprint
from segtrail.record.manifest import FILE_NAME as MANIFEST
from segtrail.record.notes import NOTED
from segtrail.record.run_folder import LOCK_FILE
from segtrail.record.seal import SEALED

JOURNAL_TITLE = "The journal is whole, from the opening to the seal"
SEAL_TITLE = "The seal fits manifest and report"
ADDENDA_TITLE = "What was added later is chained to the seal"
# How a journal begins: of a new run, and of one that was made without a journal and sealed later.
_OPENINGS = ("run opened", "journal begun")
_BEHIND_EVALUATION = frozenset(
    {"files listed", "report made", SEALED, "line dropped", "interrupted", "failed", "resumed", NOTED}
)


def check_journal(run_dir: Path) -> tuple[Outcome, list[Entry]]:
    """Follow the chain of a run's journal.

    Args:
        run_dir: The run folder.

    Returns:
        A fault for each place where it is broken, and its lines.
    """
    try:
        entries = read_journal(run_dir / JOURNAL)
    except InputError as error:
        return Outcome("journal", JOURNAL_TITLE, "fail", (str(error).rstrip("."),)), []
    found = [*find_breaks(entries), *_faults_of_order(entries), *find_cut(run_dir / JOURNAL)]
    faults = [f"{JOURNAL}: {fault}" for fault in found]
    evidence = f"{len(entries)} lines, each with the hash of the one before"
    if back := sum(later.time_utc < earlier.time_utc for earlier, later in itertools.pairwise(entries)):
        evidence += f"; the clock was set back {back} times, the order is that of the chain"
    return Outcome.of_faults("journal", JOURNAL_TITLE, faults, evidence), entries


def check_seal(run_dir: Path, entries: Sequence[Entry]) -> Outcome:
    """Compare manifest and reports with the hashes that the seal holds.

    Args:
        run_dir: The run folder.
        entries: The lines of its journal.

    Returns:
        A fault for each that is another one.
    """
    if not entries or entries[-1].action != SEALED:
        return Outcome("seal", SEAL_TITLE, "fail", ("the run is not sealed",))
    details = entries[-1].details
    faults = []
    if not (run_dir / MANIFEST).is_file():
        faults.append(f"{MANIFEST} is missing")
    elif fingerprint(run_dir) != details.get("manifest_sha256"):
        faults.append(f"{MANIFEST} was edited: its SHA-256 is not the one in the seal")
    reports = dict(details.get("report_sha256") or {})
    for name, sha256 in reports.items():
        if name not in REPORTS:
            faults.append(f"the seal names {name}, which is no report of a run")
        elif not (run_dir / name).is_file():
            faults.append(f"{name} is missing")
        elif not _is_file(run_dir / name, hash_file(run_dir / name), sha256):
            faults.append(f"{name} was edited: its SHA-256 is not the one in the seal")
    others = sorted(path.name for path in run_dir.glob("report.*") if path.name not in reports)
    faults += [f"{name} was added" for name in others]
    return Outcome.of_faults("seal", SEAL_TITLE, faults, f"fingerprint {details.get('manifest_sha256')}")


def check_addenda(run_dir: Path, entries: Sequence[Entry]) -> Outcome:
    """Follow the chain of what was added to a run after its seal, and compare the files with it.

    Args:
        run_dir: The run folder.
        entries: The lines of the run's journal.

    Returns:
        A fault for each file that is not as it was, and each place where the chain is broken.
    """
    folder = run_dir / ADDENDA
    found = _files_in(folder)
    if not found or set(found) == {LOCK_FILE}:  # a program that was to add something was killed
        return Outcome("addenda", ADDENDA_TITLE, "pass", ("nothing was added",))
    if not entries or entries[-1].action != SEALED:
        return Outcome("addenda", ADDENDA_TITLE, "fail", ("the run is not sealed, but has addenda",))
    try:
        added = read_journal(folder / JOURNAL)
    except InputError as error:
        return Outcome("addenda", ADDENDA_TITLE, "fail", (f"{ADDENDA}/{str(error).rstrip('.')}",))
    broken = [*find_breaks(added, entries[-1].sha256), *find_cut(folder / JOURNAL)]
    faults = [f"{ADDENDA}/{JOURNAL}: {fault}" for fault in broken]
    pairs = [pair for entry in added for pair in entry.details.get("files", {}).items()]
    known = dict(pairs)
    twice = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
    faults += [f"{ADDENDA}/{name} was written over: its journal speaks of it twice" for name in twice]
    faults += [f"{ADDENDA}/{name} is missing" for name in known if name not in found]
    faults += [
        f"{ADDENDA}/{name} was edited"
        for name, sha256 in known.items()
        if name in found and not _is_file(folder / name, found[name], sha256)
    ]
    faults += [
        f"{ADDENDA}/{name} is in no line of its journal: it was put there by hand, or its writer was killed; "
        "remove it, and do that again"
        for name in found
        if name not in {JOURNAL, LOCK_FILE, *known}
    ]
    return Outcome.of_faults("addenda", ADDENDA_TITLE, faults, f"{len(known)} files, {len(added)} lines")


def _faults_of_order(entries: Sequence[Entry]) -> Iterator[str]:
    if not entries:
        yield "it is empty"
        return
    if entries[0].action not in _OPENINGS:
        yield f"it begins with {entries[0].action!r}, not with the opening of the run"
    for entry in entries[1:]:
        if entry.action in _OPENINGS:
            yield f"it is opened a second time in line {entry.number}"
    seals = [entry.number for entry in entries if entry.action == SEALED]
    if not seals:
        yield "it has no seal"
    elif seals[0] != entries[-1].number:
        yield f"it goes on behind the seal in line {seals[0]}"
    yield from _faults_behind_evaluation(entries)


def _faults_behind_evaluation(entries: Sequence[Entry]) -> Iterator[str]:
    """Nothing but report and seal comes behind an evaluation, unless the run is gone on with."""
    is_evaluated = False
    for entry in entries:
        if is_evaluated and entry.action not in _BEHIND_EVALUATION:
            yield f"line {entry.number}, {entry.action!r}, comes behind the evaluation"
        is_evaluated = entry.action == "evaluated" or (is_evaluated and entry.action != "resumed")


def _files_in(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hash_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in LEFT_BY_SYSTEMS
    }


def _is_file(path: Path, found: str, sha256: str) -> bool:
    return found == sha256 or (path.suffix in TEXT_SUFFIXES and hash_text_file(path) == sha256)
