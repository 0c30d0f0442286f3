"""Which run folders there are, and in what state: what their files' sizes and times say without reading them."""

import os
from pathlib import Path

from segtrail.errors import InputError
from segtrail.record.journal import FILE_NAME as JOURNAL

_ADDENDA = "addenda"
_STATEMENTS = ("note_", "signoff_")
# The files that a row is read from.
_FILES = (
    "run.json",
    "config_resolved.yaml",
    "dataset_summary.json",
    "metrics_summary.json",
    "history.csv",
    JOURNAL,
    "manifest.json",
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
    root = str(runs)
    return {name: folder_state(f"{root}{os.sep}{name}") for name in names}


def folder_state(folder: str) -> str:
    """Return the state of one folder."""
    states = [_file_state(f"{folder}{os.sep}{name}") for name in _FILES]
    return " ".join([*states, *_statement_states(f"{folder}{os.sep}{_ADDENDA}")])


def row_name(name: str) -> str:
    """Return the name of a folder as a database takes it: one that is no Unicode with its odd bytes as codes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _file_state(path: str) -> str:
    try:
        found = os.stat(path)  # noqa: PTH116 (a Path for each of ten thousand times ten files takes seconds)
    except OSError:
        return _ABSENT
    return f"{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_size}"


def _statement_states(addenda: str) -> list[str]:
    try:
        with os.scandir(addenda) as entries:
            names = sorted(entry.name for entry in entries if entry.name.startswith(_STATEMENTS))
    except OSError:
        return []
    return [f"{name}={_file_state(f'{addenda}{os.sep}{name}')}" for name in names]
