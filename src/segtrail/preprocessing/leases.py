"""Leases: which cache entries a living run uses or will make, so that no other run deletes them or takes their room."""

import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import getpid
from pathlib import Path
from time import time
from uuid import uuid4

import psutil

from segtrail.atomic import write_json

# A lease of another machine can't be checked for life; it counts for this long.
_FOREIGN_LEASE_SECONDS = 7 * 24 * 3600.0
# The start of a process is told from the start of the machine, which moves when its clock is set.
_CLOCK_SECONDS = 120.0


@contextmanager
def lease(cache_root: Path, entries: Mapping[str, int]) -> Iterator[None]:
    """Hold cache entries for as long as the block lasts.

    Args:
        cache_root: The cache folder.
        entries: The bytes to expect of each entry, by its name.
    """
    folder = cache_root / "leases"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid4().hex}.json"
    process = psutil.Process(getpid())
    write_json(
        path,
        {
            "schema_version": 1,
            "machine": platform.node(),
            "process": process.pid,
            "process_started": process.create_time(),
            "entries": dict(sorted(entries.items())),
        },
    )
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def leased_entries(cache_root: Path) -> dict[str, int]:
    """Return the entries that living runs hold, with their expected bytes; leases of dead ones are removed."""
    entries: dict[str, int] = {}
    for path in (cache_root / "leases").glob("*.json"):
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            if _is_alive(held, path.stat().st_mtime):
                entries |= {str(name): int(size) for name, size in held["entries"].items()}
            else:
                path.unlink(missing_ok=True)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return entries


def _is_alive(held: dict[str, object], written: float) -> bool:
    if held["machine"] != platform.node():
        return time() - written < _FOREIGN_LEASE_SECONDS
    try:
        process = psutil.Process(int(str(held["process"])))
        return bool(abs(process.create_time() - float(str(held["process_started"]))) < _CLOCK_SECONDS)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
