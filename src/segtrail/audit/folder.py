"""What lies in a run folder, before anything in it is opened: a run holds only plain files of its own."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from segtrail.record.links import is_link
from segtrail.record.manifest import ADDENDA, TEXT_SUFFIXES
from segtrail.record.run_folder import LOCK_FILE

# A text of a run is read as a whole; none comes near this.
_LARGEST_TEXT_BYTES = 1 << 30
_MAY_BE_EMPTY = frozenset({"checkpoints", "predictions", "examples", "outputs", ADDENDA})


def find_strange(run_dir: Path) -> list[str]:
    """Name what no run holds, such as links and pipes, without opening it.

    Args:
        run_dir: The run folder.

    Returns:
        A fault for each.
    """
    return sorted(_strange_in(run_dir))


def _strange_in(run_dir: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(run_dir):
        for name in [*folders, *files]:
            path = Path(folder) / name
            shown = path.relative_to(run_dir).as_posix()
            if is_link(path):
                yield f"{shown} is a link, where a run holds only files"
            elif name in files:
                yield from _faults_of_file(path, shown)
            elif not _may_be_empty(shown) and not any(path.iterdir()):
                yield f"{shown} is an empty folder that was added"


def _may_be_empty(folder: str) -> bool:
    return folder in _MAY_BE_EMPTY or folder.startswith(f"{ADDENDA}/")


def _faults_of_file(path: Path, shown: str) -> Iterator[str]:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        yield f"{shown} is a pipe or a device, where a run holds only files"
    elif path.name == LOCK_FILE and found.st_size:
        yield f"{shown} was edited: a lock is empty"
    elif path.suffix in TEXT_SUFFIXES and found.st_size > _LARGEST_TEXT_BYTES:
        yield f"{shown} was edited: no text of a run has {found.st_size:,} bytes"
