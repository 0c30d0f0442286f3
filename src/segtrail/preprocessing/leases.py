"""Leases: which cache entries a living run is using, so that no other run deletes them."""

import json
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import getpid
from pathlib import Path
from time import time
from uuid import uuid4

import psutil

from segtrail.atomic import write_json

# A lease of another machine can't be checked for life; it counts for this long.
_FOREIGN_LEASE_SECONDS = 7 * 24 * 3600.0


@contextmanager
def lease(cache_root: Path, keys: Iterable[str]) -> Iterator[None]:
    """Hold cache entries for as long as the block lasts.

    Args:
        cache_root: The cache folder.
        keys: Names of the entries.
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
            "keys": sorted(keys),
        },
    )
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def leased_keys(cache_root: Path) -> set[str]:
    """Return the entries that living runs hold; leases of dead ones are removed."""
    keys: set[str] = set()
    for path in (cache_root / "leases").glob("*.json"):
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            if _is_alive(held, path.stat().st_mtime):
                keys |= set(held["keys"])
            else:
                path.unlink(missing_ok=True)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return keys


def _is_alive(held: dict[str, object], written: float) -> bool:
    if held["machine"] != platform.node():
        return time() - written < _FOREIGN_LEASE_SECONDS
    try:
        process = psutil.Process(int(str(held["process"])))
        return bool(abs(process.create_time() - float(str(held["process_started"]))) < 1.0)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
