"""The folder that an export leaves: it appears whole or not at all, and nothing that is there is written over."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrail.errors import InputError
from segtrail.record.disk import require_writable
from segtrail.record.hashing import hash_file
from segtrail.record.manifest import LEFT_BY_SYSTEMS

# What the small files of an export and the file system itself take.
_ROOM_BYTES = 1_000_000


@dataclass(frozen=True)
class MadeFolder:
    """A folder that lies in its place.

    Attributes:
        path: The folder.
        is_new: Whether it was written now.
        facts: What is told of it, as plain values.
    """

    path: Path
    is_new: bool
    facts: dict[str, Any]


def make_folder(
    output: Path, name: str, run_dir: Path, fill: Callable[[Path], dict[str, Any]], room_bytes: int = 0
) -> MadeFolder:
    """Write a folder in a hidden place and bring it to its name.

    Args:
        output: Folder in which it is to lie; made where it is not there.
        name: Its name.
        run_dir: The run that it is made of, in which nothing is written.
        fill: Writes its files, and tells facts about it.
        room_bytes: Room to expect that it will need.

    Returns:
        The folder.

    Raises:
        InputError: The place can't be written, lies in the run, or holds something else of that name.
    """
    if output.resolve().is_relative_to(run_dir.resolve()):
        raise InputError(
            f"{output} lies in the run itself, which nothing is added to. Choose another --output."
        )
    require_writable(output, "--output", room_bytes + _ROOM_BYTES)
    hidden = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".exporting", dir=output))
    try:
        made = hidden / name
        made.mkdir()
        facts = fill(made)
        target = output / name
        is_new = not is_there(target, made)
        if is_new:
            made.rename(target)
        return MadeFolder(target, is_new, facts)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def is_there(target: Path, made: Path, apart: str | None = None) -> bool:
    """Tell whether the same lies there already.

    Args:
        target: Where it is to lie.
        made: What was made.
        apart: A folder inside that is not compared.

    Raises:
        InputError: Something else lies there.
    """
    if not target.exists() and not target.is_symlink():
        return False
    if target.is_symlink() or not target.is_dir() or _contents_of(target, apart) != _contents_of(made, apart):
        raise InputError(
            f"{target} is there already and holds something else, and was left as it is. Choose another folder with "
            "--output."
        )
    return True


def _contents_of(folder: Path, apart: str | None) -> dict[str, str]:
    """Return the hash of each file by its path; checkpoints may be larger than memory."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: hash_file(path)
        for name, path in files.items()
        if path.name not in LEFT_BY_SYSTEMS and (apart is None or not name.startswith(f"{apart}/"))
    }
