"""Which run folders there are, and in what state: what their files' sizes and times say without reading them."""

import hashlib
import os
from pathlib import Path

from segtrail.errors import InputError
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.manifest import ADDENDA
from segtrail.record.manifest import FILE_NAME as MANIFEST

# What a row is read from. Notes and sign-offs come to the addenda under names of their own, which changes that folder.
_READ = (
    "run.json",
    "config_resolved.yaml",
    "dataset_summary.json",
    "metrics_summary.json",
    "history.csv",
    JOURNAL,
    MANIFEST,
    ADDENDA,
)
_ABSENT = "-"


def folder_states(runs: Path) -> dict[str, str]:
    """Look at every folder of runs; hidden ones are passed over.

    Args:
        runs: ``OUTPUT_ROOT/runs``; it need not exist.

    Returns:
        A text for each folder by its name, which is another one after a file of it has changed.

    Raises:
        InputError: The folders can't be listed.
    """
    try:
        with os.scandir(runs) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and _is_folder(entry)]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"The runs in {runs} can't be listed: {error.strerror}.") from None
    return {name: _folder_state(f"{runs}{os.sep}{name}{os.sep}") for name in names}


def row_name(name: str) -> str:
    """Return the name of a folder as a database takes it: one that is no Unicode with its odd bytes as codes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _folder_state(folder: str) -> str:
    """Hash times and sizes; strings in place of paths, which would take seconds for ten thousand folders."""
    states = []
    for name in _READ:
        try:
            found = os.stat(folder + name)  # noqa: PTH116
        except OSError:
            states.append(_ABSENT)
        else:
            states.append(f"{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_size}")
    return hashlib.blake2b(" ".join(states).encode(), digest_size=16).hexdigest()
