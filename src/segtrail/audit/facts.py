"""What the files of a run say, against what its journal saw when it happened."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from segtrail.audit.numbers import read_object
from segtrail.audit.outcome import Outcome
from segtrail.record.hashing import hash_file, hash_text_file
from segtrail.record.journal import Entry
from segtrail.record.manifest import TEXT_SUFFIXES
from segtrail.record.notes import NOTED
from segtrail.record.seal import SEALED

TITLE = "The files tell what the journal saw"
# Entries of run.json that stand in the journal's first line too, by their name there.
_OF_OPENING = {
    "run_id": "run_id",
    "segtrail_version": "segtrail_version",
    "start_command": "command",
    "note": "note",
    "parent": "parent",
    "program_sha256": "program_sha256",
    "own_code": "own_code",
    "environment": "environment",
    "device": "device",
}
# What a journal says of while run.json stays as it is.
_WITHOUT_STATE = frozenset({"data used", "line dropped", "files listed", "report made", NOTED, SEALED})


def check_facts(run_dir: Path, entries: Sequence[Entry]) -> Outcome:
    """Compare data set, split, machine, interruptions, results and report of a run with the lines about them.

    Args:
        run_dir: The run folder.
        entries: The lines of its journal.

    Returns:
        A fault for each that is told in two ways.
    """
    opening = last_of(entries, "run opened")
    if opening is None:
        because = "the journal was begun when the run was finished; it saw nothing of it"
        return Outcome.not_checked("facts", TITLE, because)
    run = read_object(run_dir / "run.json")
    faults = [
        *faults_of_opening(run_dir, run, opening),
        *_faults_of_resuming(run, entries),
        *_faults_of_regions(run_dir, entries),
        *_faults_of_results(run_dir, entries),
        *faults_of_sealing(entries),
    ]
    return Outcome.of_faults("facts", TITLE, faults, f"compared with {len(entries)} lines")


def last_of(entries: Sequence[Entry], action: str) -> Entry | None:
    """Return the last line about something, since what was interrupted is done again."""
    return next((entry for entry in reversed(entries) if entry.action == action), None)


def faults_of_opening(run_dir: Path, run: Mapping[str, Any], opening: Entry) -> Iterator[str]:
    """Compare ``run.json`` and ``dataset_summary.json`` with the line of the opening."""
    for key, name in _OF_OPENING.items():
        if run.get(key) != opening.details.get(name):
            yield f"run.json has another {key} than the journal's first line"
    if run.get("operator") != opening.actor:
        yield "run.json has another operator than the journal's first line"
    known = opening.details.get("dataset_summary_sha256")
    if known is not None and known != hash_text_file(run_dir / "dataset_summary.json"):
        yield "dataset_summary.json is not the one that the journal opens with"


def _faults_of_resuming(run: Mapping[str, Any], entries: Sequence[Entry]) -> Iterator[str]:
    seen = [
        {key: value for key, value in entry.details.items() if key != "sha256"}
        for entry in entries
        if entry.action == "resumed"
    ]
    told = run.get("resumed", [])
    for entry in told:
        if entry not in seen:
            yield f"run.json was gone on with at {entry.get('resumed_utc')}, of which the journal knows nothing"
    for details, is_excused in zip(seen, _killed_at_once(entries), strict=True):
        if details not in told and not is_excused:
            yield f"the run was gone on with at {details.get('resumed_utc')}, of which run.json does not tell"


def _killed_at_once(entries: Sequence[Entry]) -> list[bool]:
    """Tell for each resumption whether a kill may have come before run.json was written, behind the journal.

    A finished run may have been sealed after it, which does not write run.json.
    """
    places = [place for place, entry in enumerate(entries) if entry.action == "resumed"]
    following = [entries[place + 1 : end] for place, end in pairwise([*places, len(entries)])]
    return [all(entry.action in _WITHOUT_STATE for entry in part) for part in following]


def _faults_of_regions(run_dir: Path, entries: Sequence[Entry]) -> Iterator[str]:
    found = last_of(entries, "regions found")
    if found is not None and found.details["sha256"] != hash_text_file(run_dir / "regions.json"):
        yield "regions.json is not the one that the journal saw written"


def _faults_of_results(run_dir: Path, entries: Sequence[Entry]) -> Iterator[str]:
    evaluated = last_of(entries, "evaluated")
    if evaluated is None:
        yield "the journal has no line of an evaluation"
        return
    yield from faults_of_written(run_dir, evaluated.details.get("files", {}))
    summary = read_object(run_dir / "dataset_summary.json")["split"]
    if set(evaluated.details["cases"]) != {*summary["val"], *summary["test"]}:
        yield "other cases were evaluated than those of validation and test"


def faults_of_written(run_dir: Path, files: Mapping[str, str]) -> Iterator[str]:
    """Compare files with the hashes that a line of the journal holds of them."""
    for name, sha256 in files.items():
        path = run_dir / name
        if not path.is_file():
            yield f"{name} is missing, which the journal saw written"
        elif sha256 != hash_file(path) and (
            path.suffix not in TEXT_SUFFIXES or sha256 != hash_text_file(path)
        ):
            yield f"{name} is not the one that the journal saw written"


def faults_of_sealing(entries: Sequence[Entry]) -> Iterator[str]:
    """Compare the seal with the lines about the list of files and the report."""
    yield from _faults_of_list(entries)
    yield from _faults_of_report(entries)


def _faults_of_list(entries: Sequence[Entry]) -> Iterator[str]:
    listed, seal = last_of(entries, "files listed"), last_of(entries, SEALED)
    in_seal = None if seal is None else seal.details.get("manifest_sha256")
    if listed is not None and listed.details.get("manifest_sha256") != in_seal:
        yield "the seal holds another manifest than the one that the journal saw written"


def _faults_of_report(entries: Sequence[Entry]) -> Iterator[str]:
    made, seal = last_of(entries, "report made"), last_of(entries, SEALED)
    in_seal = {} if seal is None else seal.details.get("report_sha256")
    if (made.details["sha256"] if made is not None else {}) != in_seal:
        yield "the seal holds another report than the one that the journal saw made"
