"""Whether files lie in their data set's folder, links followed."""

import os
from pathlib import Path


def lies_inside(path: Path, root: Path) -> bool:
    """Tell whether a path lies in a folder when all links are followed; one that leads to itself counts as it is."""
    return _followed(path).is_relative_to(_followed(root))


def is_file_inside(path: Path, root: Path) -> bool:
    """Tell whether a file is there and lies in a folder; no permission to look counts as not there."""
    try:
        return path.is_file() and lies_inside(path, root)
    except OSError:
        return False


def _followed(path: Path) -> Path:
    # Path.resolve raises RuntimeError at a link that leads to itself, before Python 3.13.
    return Path(os.path.realpath(path))
