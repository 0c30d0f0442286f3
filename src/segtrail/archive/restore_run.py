"""Restoring an archived run: to a hidden folder first, where every file is compared and the record verified."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from segtrail.archive.data_store import DataStore
from segtrail.archive.description import ArchiveDescription, ArchivedFile, DataSnapshot
from segtrail.archive.opened_archive import OpenedArchive, opened_archive, refuse_damaged
from segtrail.archive.place import held
from segtrail.audit.verify import Verification, VerifyRequest, verify_run
from segtrail.config.schema import PathsConfig
from segtrail.errors import CheckFailed, InputError
from segtrail.progress import Narrator
from segtrail.record.disk import require_writable
from segtrail.record.ledger import read_run_id
from segtrail.record.local_paths import remember_paths
from segtrail.record.seal import make_read_only, read_seal


@dataclass(frozen=True)
class RestoreRequest:
    """Where a run is to be restored.

    Attributes:
        to: Output folder, whose ``runs`` gets the run.
        with_data: Whether its data are laid out too.
        data_to: Folder for them; None for ``data/RUN_ID`` in the output folder.
    """

    to: Path
    with_data: bool = False
    data_to: Path | None = None


@dataclass(frozen=True)
class RestoredRun:
    """A run that was restored and verified.

    Attributes:
        path: Its folder.
        description: What the archive said.
        data_root: The folder of its data; None where they were not restored.
    """

    path: Path
    description: ArchiveDescription
    data_root: Path | None

    def as_mapping(self) -> dict[str, Any]:
        """Return it as the JSON object of the command."""
        return {
            "schema_version": 1,
            "run_id": self.description.run_id,
            "run_dir": str(self.path),
            "fingerprint": self.description.fingerprint,
            "retention": self.description.retention.model_dump(by_alias=True),
            "data_root": None if self.data_root is None else str(self.data_root),
        }

    def lines(self) -> list[str]:
        """Return it for a person."""
        if self.data_root is not None:
            of_data = str(self.data_root)
        elif self.description.data is not None:
            of_data = "not restored; --with-data lays them out from beside the archive"
        else:
            of_data = "none; the run was archived without them"
        return [
            f"Run folder: {self.path}",
            f"Data: {of_data}",
            f"Retention: {self.description.retention}",
            f"The record of {self.description.run_id} holds. Fingerprint: {self.description.fingerprint}",
        ]


def restore_run(archive: Path, request: RestoreRequest, narrator: Narrator) -> RestoredRun:
    """Bring an archived run back. Its folder appears with all its files, and verified, or not at all.

    Args:
        archive: The archive.
        request: Where to.
        narrator: Shows progress.

    Returns:
        The run.

    Raises:
        InputError: There is no such archive, or it is of another version, or a place is taken or can't be written.
        CheckFailed: The archive or a data file is damaged or missing, or the record does not hold.
    """
    with opened_archive(archive) as opened:
        description = opened.description
        run_dir = request.to / "runs" / description.run_id
        data_to = (request.data_to or request.to / "data" / description.run_id).resolve()
        snapshot = _snapshot(description, archive) if request.with_data else None
        _refuse_taken(run_dir)
        require_writable(run_dir.parent, "--to", description.total_bytes)
        try:
            with held(run_dir.parent):
                _restore(opened, run_dir, snapshot, data_to, narrator)
                if snapshot is not None:
                    remember_paths(run_dir, PathsConfig(data_root=str(data_to)))
        except OSError as error:
            raise InputError(
                f"{archive.name} can't be restored to {request.to}: {error.strerror or error}."
            ) from None
    return RestoredRun(run_dir, description, None if snapshot is None else data_to)


def _restore(
    opened: OpenedArchive, run_dir: Path, snapshot: DataSnapshot | None, data_to: Path, narrator: Narrator
) -> None:
    _refuse_taken(run_dir)
    with _unfinished(run_dir) as run:
        _unpack(opened, run, narrator)
        with _laid_out(DataStore(opened.path.parent), snapshot, data_to, narrator) as root:
            _require_true(opened, run, verify_run(run, VerifyRequest(root), narrator), data_to)
        run.rename(run_dir)
    make_read_only(run_dir)


@contextmanager
def _laid_out(
    store: DataStore, snapshot: DataSnapshot | None, data_to: Path, narrator: Narrator
) -> Iterator[Path | None]:
    """Give the folder that the data are verified in; they come to their place when that went well."""
    if snapshot is None:
        yield None
    elif data_to.exists() and any(data_to.iterdir()):  # of another run on the same data
        yield data_to
    else:
        require_writable(data_to.parent, "--data-to", snapshot.total_bytes)
        with _unfinished(data_to) as data:
            _lay_out(store, snapshot, data, narrator)
            yield data
            if data_to.exists():
                data_to.rmdir()  # it is empty, and Windows renames over nothing
            data.rename(data_to)


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """Give a new folder of the same name in a hidden one beside it, which is removed with what is left there."""
    hidden = folder.with_name(f".{folder.name}.restoring")
    shutil.rmtree(hidden, ignore_errors=True)  # of a process that was killed
    try:
        hidden.mkdir()
        (hidden / folder.name).mkdir()
        yield hidden / folder.name
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _unpack(opened: OpenedArchive, run: Path, narrator: Narrator) -> None:
    description, damaged = opened.description, []
    with narrator.track(f"Restoring {description.run_id}", len(description.files)) as tracker:
        for file in description.files:
            with _written(run, file) as target:
                if not opened.copy(file, target):
                    damaged.append(description.member(file))
            tracker.advance(file.path)
    if damaged:
        raise refuse_damaged(opened.path, damaged)


def _lay_out(store: DataStore, snapshot: DataSnapshot, data: Path, narrator: Narrator) -> None:
    with narrator.track("Restoring the data", len(snapshot.files)) as tracker:
        for file in snapshot.files:
            with _written(data, file) as target:
                store.copy(file, target)
            tracker.advance(file.path)


@contextmanager
def _written(root: Path, file: ArchivedFile) -> Iterator[IO[bytes]]:
    path = root / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def _require_true(opened: OpenedArchive, run: Path, verification: Verification, data_to: Path) -> None:
    """Make sure that the run is what was sealed, and what the archive says."""
    failed = next((outcome for outcome in verification.outcomes if outcome.status == "fail"), None)
    if failed is not None and failed.check == "data":
        raise CheckFailed(
            f"{data_to} would not hold the data of {run.name}: {failed.evidence[0]}. Nothing was restored. Choose "
            "another folder with --data-to, or leave --with-data out."
        )
    if failed is not None:
        raise CheckFailed(
            f"The record in {opened.path.name} does not hold: {failed.evidence[0]}. Nothing was restored; any program "
            "for zip files shows what is in it."
        )
    description, seal = opened.description, read_seal(run)
    found = (read_run_id(run), verification.fingerprint, seal and seal.sha256)
    if found != (description.run_id, description.fingerprint, description.seal_sha256):
        raise CheckFailed(
            f"archive.json of {opened.path.name} was edited: it names another run, fingerprint or seal than the record "
            "in the archive. Nothing was restored; use another copy of it."
        )


def _snapshot(description: ArchiveDescription, archive: Path) -> DataSnapshot:
    if description.data is None:
        raise InputError(
            f"{archive.name} was made without data, so there are none to restore. Leave --with-data out."
        )
    return description.data


def _refuse_taken(run_dir: Path) -> None:
    if run_dir.exists() or run_dir.is_symlink():
        raise InputError(
            f"{run_dir} is there already, and was left as it is. Choose another folder with --to."
        )
