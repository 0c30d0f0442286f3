"""Where a run comes from: its code, packages and machine, as they were when it was opened."""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from segtrail.audit.numbers import read_object
from segtrail.audit.outcome import Outcome
from segtrail.provenance.code_archive import FILE_NAME as CODE
from segtrail.provenance.code_archive import hash_archived_own, hash_archived_program
from segtrail.provenance.folder import FILE_NAME, FOLDER, PACKAGES, known_provenance
from segtrail.provenance.repository import NoRepositoryError, find_tags
from segtrail.provenance.wording import describe_repository
from segtrail.record.hashing import hash_file, hash_text_file
from segtrail.record.journal import Entry
from segtrail.record.manifest import TEXT_SUFFIXES

TITLE = "Code, packages and machine are on record"


def check_provenance(run_dir: Path, entries: Sequence[Entry]) -> Outcome:
    """Compare the folder ``provenance`` with the journal, and the code in it with the hashes in ``run.json``.

    Args:
        run_dir: The run folder.
        entries: The lines of its journal.

    Returns:
        A fault for each that differs; else the commit, its tags of then and now, and every gap.
    """
    known = known_provenance(entries)
    if not known:
        return Outcome.not_checked("provenance", TITLE, "the run was made by a version that kept none of it")
    faults = [*_faults_of_files(run_dir / FOLDER, known), *_faults_of_code(run_dir)]
    if faults:
        return Outcome("provenance", TITLE, "fail", tuple(faults))
    return Outcome("provenance", TITLE, "pass", tuple(_evidence(run_dir)))


def _faults_of_files(folder: Path, known: Mapping[str, str]) -> Iterator[str]:
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name in sorted(there | known.keys()):
        path = folder / name
        if name not in there:
            yield f"{FOLDER}/{name} is missing, which the journal saw written"
        elif name not in known:
            yield f"{FOLDER}/{name} is not known to the journal"
        elif known[name] != hash_file(path) and (
            path.suffix not in TEXT_SUFFIXES or known[name] != hash_text_file(path)
        ):
            yield f"{FOLDER}/{name} is not the one that the journal saw written"


def _faults_of_code(run_dir: Path) -> Iterator[str]:
    run, archive = read_object(run_dir / "run.json"), run_dir / FOLDER / CODE
    try:
        program, own = hash_archived_program(archive), hash_archived_own(archive)
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        yield f"{FOLDER}/{CODE} can't be read: {error}"
        return
    if program != run.get("program_sha256"):
        yield f"{FOLDER}/{CODE} does not hold the program that program_sha256 of run.json names"
    for path, sha256 in (run.get("own_code") or {}).items():
        if own.get(path.partition(":")[0], sha256) != sha256:
            yield f"{FOLDER}/{CODE} does not hold the {path} that own_code of run.json names"


def _evidence(run_dir: Path) -> Iterator[str]:
    content = read_object(run_dir / FOLDER / FILE_NAME)
    program = content["program_repository"]
    if program is None:
        yield f"the program was installed as a package; {CODE} holds its sources"
    else:
        yield f"the program is that of {_describe(program)}; {CODE} holds its sources"
    working = content["working_repository"]
    if working is not None and working != program:
        yield f"the working folder was that of {_describe(working)}"
    packages = read_object(run_dir / FOLDER / PACKAGES)["packages"]
    yield f"{len(packages)} packages, each with its version"
    yield from (f"not on record: {str(gap).rstrip('.')}" for gap in content["gaps"])


def _describe(repository: Mapping[str, Any]) -> str:
    commit = repository["commit"]
    return describe_repository(repository, () if commit is None else _tags_now(commit))


def _tags_now(commit: str) -> tuple[str, ...]:
    """Look the tags of a commit up, since they often come later; nothing where this is not its repository."""
    try:
        return find_tags(Path.cwd(), commit)
    except NoRepositoryError:
        return ()
