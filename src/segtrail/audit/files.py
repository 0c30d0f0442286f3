"""The files of a run against its manifest: every file that was edited, added, taken away or renamed is named."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from segtrail.audit.outcome import Outcome
from segtrail.errors import InputError
from segtrail.record.hashing import hash_file, hash_text_file
from segtrail.record.manifest import (
    FILE_NAME,
    LEFT_BY_SYSTEMS,
    TEXT_SUFFIXES,
    ListedFile,
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
    faults = list(_unsafe_entries(listed))
    if faults:
        return Outcome("files", TITLE, "fail", tuple(faults))
    faults = list(_differences(run_dir, listed))
    left = sorted(path.relative_to(run_dir).as_posix() for path in _left_by_systems(run_dir))
    evidence = f"all {len(listed)} files have the size and hash on record"
    beside = f"; left by a file browser and no part of it: {', '.join(left)}" if left else ""
    return Outcome.of_faults("files", TITLE, faults, evidence + beside)


def _unsafe_entries(listed: Sequence[ListedFile]) -> Iterator[str]:
    names = [file.path for file in listed]
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            yield f"{FILE_NAME} lists {name}, which does not lie inside the run"
    for name in sorted(name for name, times in Counter(names).items() if times > 1):
        yield f"{FILE_NAME} lists {name} more than once"


def _differences(run_dir: Path, listed: Sequence[ListedFile]) -> Iterator[str]:
    present = set(listed_paths(run_dir))
    known = {file.path: file for file in listed}
    gone = {file.bytes for name, file in known.items() if name not in present}
    added = {
        name: hash_file(run_dir / name) if (run_dir / name).stat().st_size in gone else ""
        for name in sorted(present - known.keys())
    }
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
        size = path.stat().st_size
        is_whole = size == file.bytes and hash_file(path) == file.sha256
        if is_whole or (path.suffix in TEXT_SUFFIXES and hash_text_file(path) == file.sha256):
            return
    except OSError as error:
        yield f"{file.path} can't be read: {error.strerror}"
        return
    if size < file.bytes:
        yield f"{file.path} was truncated or edited: it has {size:,} of {file.bytes:,} bytes"
    else:
        yield f"{file.path} was edited: its SHA-256 is not the one on record"


def _left_by_systems(run_dir: Path) -> Iterator[Path]:
    return (path for path in run_dir.rglob("*") if path.name in LEFT_BY_SYSTEMS)
