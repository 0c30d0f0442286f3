"""The files that init writes: what is there already, whether there is room to write, both or none."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from segtrail.atomic import write_text
from segtrail.errors import InputError


def refuse_existing(paths: Sequence[Path]) -> None:
    """Make sure that nothing would be overwritten.

    Raises:
        InputError: Some of the files are there.
    """
    there = [str(path) for path in paths if os.path.lexists(path)]
    if there:
        raise InputError(
            f"{' and '.join(there)} {'is' if len(there) == 1 else 'are'} there already. Add --overwrite to write "
            "anew, which keeps the old beside it, or choose another name with --config or --name."
        )


def refuse_read_only(folders: Sequence[Path]) -> None:
    """Make sure that files can be made in each folder, by making one without a name.

    Raises:
        InputError: One of them is missing or read-only.
    """
    for folder in folders:
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise InputError(
                f"Nothing can be written in the folder {folder}: {error.strerror}. Nothing was written; choose "
                "another place with --config, or copy the data to where you may write."
            ) from None


def write_all(texts: dict[Path, str]) -> list[Path]:
    """Write several text files, all or none; what they replace is kept beside them under a number.

    Args:
        texts: Content by file.

    Returns:
        Where the old files are now.

    Raises:
        InputError: One can't be written; everything is as it was.
    """
    kept: dict[Path, Path] = {}
    written: list[Path] = []
    try:
        for path, text in texts.items():
            if os.path.lexists(path):
                kept[path] = keep_aside(path)
            write_text(path, text)
            written.append(path)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        for path, old in kept.items():
            old.replace(path)
        raise InputError(
            f"{path} can't be written: {error.strerror}. Everything is as it was before."
        ) from None
    return list(kept.values())


def keep_aside(path: Path) -> Path:
    """Rename a file or folder to the first free of ``NAME.old``, ``NAME.old2`` and so on."""
    number = 1
    while os.path.lexists(aside := path.with_name(f"{path.name}.old{number if number > 1 else ''}")):
        number += 1
    return path.rename(aside)
