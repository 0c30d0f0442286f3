"""Paths as they are typed in a shell, for the commands that a message names."""

import os
import shlex
import subprocess
from pathlib import Path


def quoted(path: Path) -> str:
    """Return a path as one word of a command line of this system."""
    return subprocess.list2cmdline([str(path)]) if os.name == "nt" else shlex.quote(str(path))
