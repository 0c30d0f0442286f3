"""Changes to shared copies, as whoever has one can make them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segtrail.record.manifest import write_manifest


def edit_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def list_anew(folder: Path) -> None:
    """Make the manifest fit again, as whoever owns a copy can."""
    from segtrail.training.checkpoint import hash_tensors

    write_manifest(folder, hash_tensors)


def texts_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".pt", ".zip")
    }
