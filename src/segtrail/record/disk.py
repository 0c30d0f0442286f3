"""Asking the disk before long work: is the folder writable, is there room?"""

import shutil
import tempfile
from pathlib import Path

from segtrail.errors import InputError

_GIGABYTE = 1e9


def require_writable(folder: Path, key: str, needed_bytes: float) -> None:
    """Make sure that a folder can be written and has room.

    Args:
        folder: The folder; made if it is not there.
        key: The configuration key, or the option with its dashes, that names it, for the message.
        needed_bytes: Room to expect that will be needed.

    Raises:
        InputError: It can't be made or written, or the disk has too little room.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"The folder {folder} ({key}) can't be written: {error.strerror}. Choose another with {_choice(key)}."
        ) from None
    require_room(folder, key, needed_bytes)


def require_room(folder: Path, key: str, needed_bytes: float) -> None:
    """Make sure that the disk of a folder that is there has room.

    Args:
        folder: The folder.
        key: The configuration key, or the option with its dashes, that names it, for the message.
        needed_bytes: Room to expect that will be needed.

    Raises:
        InputError: The disk has too little room.
    """
    _require_room(folder, f"{folder} ({key})", needed_bytes, f"choose another disk with {_choice(key)}")


def require_room_for_run(run_dir: Path, needed_bytes: float) -> None:
    """Make sure that the disk of a run that is gone on with has room; such a run stays where it lies.

    Args:
        run_dir: The run folder.
        needed_bytes: Room to expect that will be needed.

    Raises:
        InputError: The disk has too little room.
    """
    _require_room(run_dir, str(run_dir), needed_bytes, "move the run to another disk first")


def _require_room(folder: Path, named: str, needed_bytes: float, remedy: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise InputError(
            f"The disk of {named} has {free / _GIGABYTE:.2f} GB left, but about "
            f"{needed_bytes / _GIGABYTE:.2f} GB will be needed. Free some space, or {remedy}."
        )


def _choice(key: str) -> str:
    return f"{key} DIR" if key.startswith("--") else f"{key}=DIR"
