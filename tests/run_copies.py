"""Copies of run folders that a test may change: a sealed one is read-only."""

import json
import shutil
from pathlib import Path


def copy_run(source: Path, target: Path) -> Path:
    """Copy a run folder, or a folder of them, and give the right to write back."""
    shutil.copytree(source, target)
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target


def unseal(run: Path) -> Path:
    """Bring a copy of a sealed run back to where its files were not listed yet."""
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    later = ("files listed", "report made", "sealed")
    kept = [line for line in lines if json.loads(line)["action"] not in later]
    (run / "journal.jsonl").write_bytes(b"".join(kept))
    for name in ("manifest.json", "report.pdf", "report.html"):
        (run / name).unlink()
    (run / "addenda").rmdir()
    return run
