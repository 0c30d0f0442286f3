"""Names in a data set: which every file system and every report takes, which are one, and how others are shown."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

LONGEST_NAME_BYTES = 200
"""Longest name in UTF-8; file systems take 255 bytes with all endings."""

_NOT_IN_FILE_NAMES = r'\ / : * ? " < > |'
_WINDOWS_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)
_LONGEST_PART_BYTES = 255
_SHOWN_CHARACTERS = 200
_SHOWN_NAMES = 5


def comparable(name: str) -> str:
    """Return a name such that those which some file system takes for one are equal.

    Some do not tell upper from lower case; macOS gives letters with accents in parts.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def printable(text: str) -> str:
    """Return a text for a terminal: what can't be printed, or moves the cursor, as its code."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )


def shown(text: str) -> str:
    """Return a text for a message: what can't be printed as its code, a long one without its middle."""
    safe = printable(text)
    half = _SHOWN_CHARACTERS // 2
    return safe if len(safe) <= _SHOWN_CHARACTERS else f"{safe[:half]}...{safe[-half:]}"


def shown_list(names: Sequence[str]) -> str:
    """Return the first names of a list for a message, and how many more there are."""
    more = len(names) - _SHOWN_NAMES
    return ", ".join(map(shown, names[:_SHOWN_NAMES])) + (f" and {more} more" if more > 0 else "")


def holds_control_characters(text: str, but: str = "") -> bool:
    """Tell whether a text holds control characters or halves of characters, which no UTF-8 file can hold.

    Args:
        text: The text.
        but: Control characters that are allowed.
    """
    unfit = ("Cc", "Cs", "Zl", "Zp")
    return any(unicodedata.category(letter) in unfit and letter not in but for letter in text)


def fault_of_name(name: str) -> str | None:
    """Return what is wrong with the name of a class, a channel, a group or a data set; None for a sound one."""
    if not name.strip():
        return "is empty"
    if holds_control_characters(name):
        return "holds control characters"
    if len(name.encode()) > LONGEST_NAME_BYTES:
        return f"is longer than {LONGEST_NAME_BYTES} letters (bytes in UTF-8)"
    return None


def fault_of_case_name(name: str) -> str | None:
    """Return why a case name can't be the name of a file on every system; None for a sound one."""
    fault = fault_of_name(name)
    if fault is not None:
        return fault
    if any(letter in name for letter in _NOT_IN_FILE_NAMES.split()):
        return f"can't be the name of a file: it holds one of {_NOT_IN_FILE_NAMES}"
    if name.startswith("."):
        return "can't be the name of a file: it begins with a dot"
    if name.endswith((".", " ")):
        return "can't be the name of a file on Windows: it ends in a dot or blank"
    if _WINDOWS_DEVICE.fullmatch(name.split(".")[0].rstrip()):
        return "can't be the name of a file on Windows, where it is a device"
    return None


def fault_of_path(path: str) -> str | None:
    """Return why a path can't be laid out inside a folder on every system.

    Args:
        path: Relative to the folder, with forward slashes, as an archive names it.

    Returns:
        What is wrong, as the end of a sentence that begins with the path; None for a sound one.
    """
    parts = path.split("/")
    if path.startswith("/"):
        return "is an absolute path"
    if ".." in parts:
        return "leads out of the folder"
    if any(sign in path for sign in '\\:*?"<>|') or not path.isprintable():
        return "has a sign in its name that not every system allows"
    if PurePosixPath(path).as_posix() != path or path == ".":
        return "is no path in its shortest form"
    if any(part != part.rstrip(". ") for part in parts):
        return "has a name that ends in a dot or a space"
    if any(_WINDOWS_DEVICE.fullmatch(part.split(".")[0].rstrip()) for part in parts):
        return "has a name that is a device on Windows"
    if any(len(part.encode()) > _LONGEST_PART_BYTES for part in parts):
        return "has a name that is longer than file systems take"
    return None


def fault_of_paths(paths: Sequence[str]) -> str | None:
    """Return why files can't be laid out beside each other in one folder on every system.

    Args:
        paths: Their paths, relative to the folder, with forward slashes.

    Returns:
        A path and what is wrong with it; None where all are sound.
    """
    files: set[str] = set()
    known: dict[str, str] = {}
    for path in paths:
        fault = fault_of_path(path)
        if fault is None and path in files:
            fault = "is there twice"
        if fault is not None:
            return f"{shown(path)}, which {fault}"
        files.add(path)
        folders = [parent.as_posix() for parent in PurePosixPath(path).parents][:-1]
        for name in (path, *folders):
            if known.setdefault(comparable(name), name) != name:
                return f"{shown(name)} and {shown(known[comparable(name)])}, which some systems take for one"
    for path in files:
        if any(parent.as_posix() in files for parent in PurePosixPath(path).parents):
            return f"{shown(path)}, which lies in a file"
    return None
