"""Links in a folder of the record: through one, what is written or removed would lie elsewhere."""

import stat
from pathlib import Path

from segtrail.errors import InputError

_JUNCTION = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)


def is_link(path: Path) -> bool:
    """Tell whether a path is a symbolic link, or a junction of Windows."""
    found = path.lstat()
    tag = getattr(found, "st_reparse_tag", 0)
    return stat.S_ISLNK(found.st_mode) or (bool(tag) and tag == _JUNCTION)


def refuse_links(folder: Path) -> None:
    """Make sure that a folder holds no link, before anything in it is written or removed.

    Raises:
        InputError: It holds one.
    """
    for path in sorted(folder.rglob("*")):
        if is_link(path):
            raise InputError(
                f"{path.relative_to(folder).as_posix()} in {folder} is a link, where a run holds only files of its "
                "own. Put the file or folder itself there."
            )
