"""The seal: the last line of a run's journal, after which the folder is never written again."""

import stat
from contextlib import suppress
from pathlib import Path

from segtrail.errors import InputError
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.journal import Entry, read_journal
from segtrail.record.manifest import ADDENDA
from segtrail.record.run_folder import LOCK_FILE, RunFolder

# The action of the journal's last line.
SEALED = "sealed"
_READ = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_ENTER = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


def read_seal(run_dir: Path) -> Entry | None:
    """Return the seal of a run; None where it is not sealed.

    Raises:
        InputError: The journal is damaged.
    """
    if not (run_dir / JOURNAL).is_file():
        return None
    seals = [entry for entry in read_journal(run_dir / JOURNAL) if entry.action == SEALED]
    return seals[-1] if seals else None


def require_seal(run_dir: Path) -> Entry:
    """Return the seal of a run.

    Raises:
        InputError: The run is not sealed, or its journal is damaged.
    """
    seal = read_seal(run_dir)
    if seal is None:
        raise InputError(f"{run_dir.name} is not sealed. `segtrail seal` seals a run that is finished.")
    return seal


def finish_seal(folder: RunFolder) -> None:
    """Make up for what a kill behind the seal left undone: the lock goes, and all becomes read-only.

    Raises:
        InputError: Another program works in the run.
    """
    if (folder.path / LOCK_FILE).exists():
        with folder.held():
            folder.remove_lock()
    with suppress(PermissionError):  # a run of somebody else
        make_read_only(folder.path)


def remove_half_written(run_dir: Path) -> None:
    """Remove what a kill left half written."""
    for path in run_dir.rglob(".*.tmp"):
        path.unlink()


def remove_empty_folders(run_dir: Path) -> None:
    """Remove the folders that an evaluation left which was stopped; those of every run stay."""
    folders = [path for path in run_dir.rglob("*") if path.is_dir() and path.parent != run_dir]
    saved = run_dir / "evaluations"
    for path in [*sorted(folders, reverse=True), *([saved] if saved.is_dir() else [])]:
        if not any(path.iterdir()):
            path.rmdir()


def make_read_only(run_dir: Path) -> None:
    """Take the right to write from all files and folders of a run but its addenda.

    On Windows files get the read-only attribute; folders have none that binds.
    """
    (run_dir / ADDENDA).mkdir(exist_ok=True)
    for path in [*run_dir.rglob("*"), run_dir]:
        name = path.relative_to(run_dir).as_posix()
        if name.partition("/")[0] not in (ADDENDA, LOCK_FILE) and not path.is_symlink():
            path.chmod(_READ | _ENTER if path.is_dir() else _READ)
