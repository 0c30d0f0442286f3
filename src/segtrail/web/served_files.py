"""Which files may leave this machine's disk: those in a run folder, and no link that leads elsewhere."""

import os
from dataclasses import dataclass
from pathlib import Path

from segtrail.dataset.containment import is_file_inside
from segtrail.dataset.names import fault_of_path
from segtrail.record.links import is_link

_MOST_FILES = 2000


class NotServed(Exception):
    """Something that is not there, or is not shown; the message is for the reader of the page."""


@dataclass(frozen=True)
class ListedFile:
    """A file of a run.

    Attributes:
        path: Its path in the run folder, with forward slashes.
        n_bytes: Its size.
    """

    path: str
    n_bytes: int


def run_folder_of(runs: Path, name: str) -> Path:
    """Return the folder of a run.

    Args:
        runs: The folder that holds all runs, links followed.
        name: The name of one of its folders, as an address names it.

    Raises:
        NotServed: There is no such folder, or it is a link.
    """
    folder = runs / name
    try:
        if _is_odd(name) or "/" in name or is_link(folder) or not folder.is_dir():
            raise NotServed("There is no such run in the runs folder. It may have been moved or removed.")
    except OSError:
        raise NotServed(
            "There is no such run in the runs folder. It may have been moved or removed."
        ) from None
    return folder


def file_of_run(folder: Path, path: str) -> Path:
    """Return a file of a run.

    Args:
        folder: The run folder.
        path: The path in it, as an address names it.

    Raises:
        NotServed: There is no such file, it is hidden, or a link stands on the way to it.
    """
    missing = NotServed("The run has no such file.")
    if _is_odd(path):
        raise missing
    found = folder
    try:
        for part in path.split("/"):
            found = found / part
            if is_link(found):
                raise missing
    except OSError:
        raise missing from None
    if not is_file_inside(found, folder):
        raise missing
    return found


def list_files(folder: Path) -> list[ListedFile]:
    """List the files of a run that are shown, no hidden ones and nothing behind a link, the first 2,000 by name."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            listed = _listed(folder, Path(parent) / name)
            if listed is not None:
                found.append(listed)
        if len(found) >= _MOST_FILES:
            break
    return found[:_MOST_FILES]


def _listed(folder: Path, path: Path) -> ListedFile | None:
    relative = path.relative_to(folder).as_posix()
    try:
        if _is_odd(relative) or is_link(path) or not path.is_file():
            return None
        return ListedFile(relative, path.stat().st_size)
    except OSError:  # it vanished, or nobody may look
        return None


def _is_odd(path: str) -> bool:
    return fault_of_path(path) is not None or any(part.startswith(".") for part in path.split("/"))
