"""Copies of run folders that a test may change: a sealed one is read-only."""

import shutil
from pathlib import Path


def copy_run(source: Path, target: Path) -> Path:
    """Copy a run folder, or a folder of them, and give the right to write back."""
    shutil.copytree(source, target)
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target
