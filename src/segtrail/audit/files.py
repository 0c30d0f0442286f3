"""The files of a run against its manifest: every file that was edited, added, taken away or renamed is named."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from segtrail.audit.outcome import Outcome
from segtrail.errors import InputError
from segtrail.record.manifest import (
    FILE_NAME,
    TEXT_SUFFIXES,
    ListedFile,
    as_written,
    listed_paths,
    read_manifest,
)

TITLE = "The files are those of the manifest"


def check_files(run_dir: Path) -> Outcome:
    """Compare the files of a run with the manifest.

    Args:
        run_dir: The run folder.

    Returns:
        A fault for each file that is not as it was.
    """
    if not (run_dir / FILE_NAME).is_file():
        return Outcome("files", TITLE, "fail", (f"{FILE_NAME} is missing",))
    try:
        listed = read_manifest(run_dir)
    except (InputError, KeyError, TypeError) as error:
        return Outcome("files", TITLE, "fail", (f"{FILE_NAME} is damaged: {error}",))
    faults = [*_unsafe_entries(listed), *_links(run_dir)]
    if faults:
        return Outcome("files", TITLE, "fail", tuple(faults))
    faults = list(_differences(run_dir, listed))
    return Outcome.of_faults(
        "files", TITLE, faults, f"all {len(listed)} files have the size and hash on record"
    )


def _unsafe_entries(listed: Sequence[ListedFile]) -> Iterator[str]:
    names = [file.path for file in listed]
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            yield f"{FILE_NAME} lists {name}, which does not lie inside the run"
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{FILE_NAME} lists {name} more than once"


def _links(run_dir: Path) -> Iterator[str]:
    for path in sorted(run_dir.rglob("*")):
        if path.is_symlink():
            yield f"{path.relative_to(run_dir).as_posix()} is a link, where a run holds only files"


def _differences(run_dir: Path, listed: Sequence[ListedFile]) -> Iterator[str]:
    present = set(listed_paths(run_dir))
    known = {file.path: file for file in listed}
    added = {name: _hash(run_dir / name) for name in sorted(present - known.keys())}
    for name, file in known.items():
        if name in present:
            yield from _difference(run_dir / name, file)
            continue
        renamed = next((new for new, sha256 in added.items() if sha256 == file.sha256), None)
        if renamed is None:
            yield f"{name} is missing"
        else:
            del added[renamed]
            yield f"{name} was renamed to {renamed}"
    for name in added:
        yield f"{name} was added"


def _difference(path: Path, file: ListedFile) -> Iterator[str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        yield f"{file.path} can't be read: {error.strerror}"
        return
    if hashlib.sha256(content).hexdigest() == file.sha256:
        return
    if path.suffix in TEXT_SUFFIXES and hashlib.sha256(as_written(path)).hexdigest() == file.sha256:
        return
    if len(content) < file.bytes:
        yield f"{file.path} was truncated or edited: it has {len(content):,} of {file.bytes:,} bytes"
    else:
        yield f"{file.path} was edited: its SHA-256 is not the one on record"


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
