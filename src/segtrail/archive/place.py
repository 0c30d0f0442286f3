"""Where archives lie or are restored to: one program at a time works there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from segtrail.errors import InputError

LOCK_FILE = ".archive.lock"


@contextmanager
def held(place: Path) -> Iterator[None]:
    """Hold a place; a program that dies holds nothing.

    Args:
        place: A folder that is there.

    Raises:
        InputError: Another program holds it, or it can't be held.
    """
    lock = FileLock(place / LOCK_FILE, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"Another program archives or restores in {place}. Wait until it ends.") from None
    except (OSError, NotImplementedError) as error:  # the latter where the file system has no locks
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{place} can't be held or written: {reason}.") from None
    try:
        yield
    finally:
        lock.release()
