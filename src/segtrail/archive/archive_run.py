"""Archiving a run: one file that holds all of it, and beside it, where that is wanted, its data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrail.archive.data_store import DataStore
from segtrail.archive.description import (
    ArchiveDescription,
    ArchivedFile,
    DataSnapshot,
    Retention,
    describe_file,
)
from segtrail.archive.earlier_archives import find_same, free_name
from segtrail.archive.file_format import SUFFIX, write_archive
from segtrail.archive.place import held
from segtrail.archive.snapshot import take_snapshot
from segtrail.atomic import written_whole
from segtrail.audit.folder import find_strange
from segtrail.audit.verify import VerifyRequest, verify_run
from segtrail.dataset.names import fault_of_paths, shown_list
from segtrail.errors import CheckFailed, InputError
from segtrail.progress import Narrator
from segtrail.record.disk import require_room, require_writable
from segtrail.record.hashing import hash_file
from segtrail.record.ledger import read_run_id
from segtrail.record.local_paths import find_data_root
from segtrail.record.manifest import ADDENDA, LEFT_BY_SYSTEMS, fingerprint
from segtrail.record.run_folder import LOCK_FILE
from segtrail.record.seal import read_seal

_LOCKS = (LOCK_FILE, f"{ADDENDA}/{LOCK_FILE}")


@dataclass(frozen=True)
class ArchiveRequest:
    """How a run is to be archived.

    Attributes:
        to: Folder in which the archive is to lie.
        retention: How long it is to be kept.
        with_data: Whether its data are archived too.
        data_root: Where they lie; None for where this machine last saw them.
        again: Whether another archive is written beside one that holds something else.
    """

    to: Path
    retention: Retention
    with_data: bool = False
    data_root: Path | None = None
    again: bool = False


@dataclass(frozen=True)
class ArchivedRun:
    """An archive that lies in its place.

    Attributes:
        path: Its file.
        sha256: The hash of that.
        description: What it holds.
        is_new: Whether it was written now.
        n_new_data_files: How many data files were not yet in the place.
    """

    path: Path
    sha256: str
    description: ArchiveDescription
    is_new: bool
    n_new_data_files: int

    def as_mapping(self) -> dict[str, Any]:
        """Return it as the JSON object of the command."""
        data = self.description.data
        return {
            "schema_version": 1,
            "run_id": self.description.run_id,
            "archive": str(self.path),
            "sha256": self.sha256,
            "bytes": self.path.stat().st_size,
            "written": self.is_new,
            "fingerprint": self.description.fingerprint,
            "retention": self.description.retention.model_dump(by_alias=True),
            "files": len(self.description.files),
            "data": data
            and {"files": len(data.files), "bytes": data.total_bytes, "new_files": self.n_new_data_files},
        }

    def lines(self) -> list[str]:
        """Return it for a person."""
        data = self.description.data
        there = "" if self.is_new else " (it was there already, and is whole)"
        if data is None:
            of_data = "Data: not archived; --with-data does"
        else:
            where = self.path.parent / "data"
            of_data = f"Data: {len(data.files)} files, {self.n_new_data_files} of them new in {where}"
        left_out = (
            f"Not archived, since the run left them out: {shown_list(data.left_out)}"
            if data and data.left_out
            else ""
        )
        return [
            f"Archive: {self.path}{there}",
            f"SHA-256: {self.sha256}",
            of_data,
            *filter(None, [left_out]),
            f"Retention: {self.description.retention}",
            f"Fingerprint: {self.description.fingerprint}",
        ]


def archive_run(run_dir: Path, request: ArchiveRequest, narrator: Narrator) -> ArchivedRun:
    """Archive a sealed run; the same run, addenda and retention give the same bytes.

    Args:
        run_dir: The run folder; it is only read.
        request: How.
        narrator: Shows progress.

    Returns:
        The archive.

    Raises:
        InputError: The run is not sealed, the place can't be used or holds another archive of it, or the data are gone.
        CheckFailed: The record or the data are not what they were, or what lies in the place is damaged.
    """
    place = request.to
    if place.resolve().is_relative_to(run_dir.resolve()):
        raise InputError(f"{place} lies in the run itself, which nothing is added to. Choose another --to.")
    _require_sealed(run_dir)
    root = request.data_root or find_data_root(run_dir) if request.with_data else None
    try:
        files = _describe_files(run_dir, narrator)
        require_writable(place, "--to", sum(file.bytes for file in files))
        with held(place):
            return _archive(run_dir, files, root, request, narrator)
    except OSError as error:
        raise InputError(
            f"{run_dir.name} can't be archived to {place}: {error.strerror or error}. No part of an archive was left."
        ) from None


def _archive(
    run_dir: Path,
    files: list[ArchivedFile],
    root: Path | None,
    request: ArchiveRequest,
    narrator: Narrator,
) -> ArchivedRun:
    store = DataStore(request.to)
    _remove_half_written(request.to, store)
    snapshot = None if root is None else take_snapshot(run_dir, root, narrator)
    description = _describe(run_dir, files, request.retention, snapshot)
    known = find_same(request.to, description, narrator, is_another_wanted=request.again)
    n_new = 0
    if snapshot is not None and root is not None:
        n_new = _keep_data(store, snapshot, root, request.to, narrator)
    path = known or free_name(request.to, description.run_id)
    if known is None:
        with (
            narrator.track(f"Archiving {description.run_id}", len(files)) as tracker,
            written_whole(path, 0o444) as stream,
        ):
            write_archive(stream, run_dir, description, tracker)
    return ArchivedRun(path, hash_file(path), description, known is None, n_new)


def _require_sealed(run_dir: Path) -> None:
    if strange := find_strange(run_dir):
        raise _refusal(run_dir, strange[0])
    if read_seal(run_dir) is None:
        raise InputError(
            f"{run_dir.name} is not sealed, so it is not archived. `segtrail resume` ends a run that was interrupted, "
            "`segtrail seal` seals a finished one."
        )


def _describe_files(run_dir: Path, narrator: Narrator) -> list[ArchivedFile]:
    """Describe the files of a run whose record holds: what does not can't be restored.

    The record is verified behind the hashing, and the files are listed again behind that, so that no addendum comes
    in between of which the archive would hold but a part.
    """
    paths = _list_paths(run_dir)
    files = [describe_file(run_dir, path) for path in paths]
    verification = verify_run(run_dir, VerifyRequest(), narrator)
    failed = [outcome for outcome in verification.outcomes if outcome.status == "fail"]
    if failed:
        raise _refusal(run_dir, failed[0].evidence[0])
    if _list_paths(run_dir) != paths:
        raise CheckFailed(f"{run_dir.name} was added to while it was archived. Give the command again.")
    return files


def _refusal(run_dir: Path, fault: str) -> CheckFailed:
    return CheckFailed(
        f"{run_dir.name} is not archived, since its record does not hold: {fault}. `segtrail verify` says all."
    )


def _list_paths(run_dir: Path) -> list[str]:
    """List the files of a run with its addenda, but for locks and what file browsers left."""
    paths = [path.relative_to(run_dir).as_posix() for path in run_dir.rglob("*") if path.is_file()]
    paths = sorted(
        path for path in paths if path not in _LOCKS and path.rpartition("/")[2] not in LEFT_BY_SYSTEMS
    )
    if fault := fault_of_paths(paths):
        raise InputError(
            f"The run holds {fault}. An archive is restored on any system, so it is not archived."
        )
    return paths


def _describe(
    run_dir: Path, files: list[ArchivedFile], retention: Retention, snapshot: DataSnapshot | None
) -> ArchiveDescription:
    seal = read_seal(run_dir)
    assert seal is not None
    return ArchiveDescription(
        run_id=read_run_id(run_dir),
        fingerprint=fingerprint(run_dir),
        seal_sha256=seal.sha256,
        retention=retention,
        files=files,
        data=snapshot,
    )


def _keep_data(store: DataStore, snapshot: DataSnapshot, root: Path, place: Path, narrator: Narrator) -> int:
    contents = {file.sha256: file for file in snapshot.files}
    new = [file for file in contents.values() if not store.holds(file)]
    require_room(place, "--to", sum(file.bytes for file in new))
    with narrator.track("Archiving the data", len(contents)) as tracker:
        for file in contents.values():
            store.add(root / file.path, file)
            tracker.advance(file.path)
    return len(new)


def _remove_half_written(place: Path, store: DataStore) -> None:
    """Remove what a kill left; the place is held, so that nobody writes it now."""
    for path in place.glob(f".run_*{SUFFIX}.*.tmp"):
        path.chmod(0o644)  # Windows removes no read-only file
        path.unlink()
    store.remove_half_written()
