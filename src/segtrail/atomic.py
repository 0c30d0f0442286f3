"""Writing files so that a kill at any instant leaves the old content or the new, never half of it."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

# Seconds, about five in all.
_WINDOWS_PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0, 1.0, 2.0)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically: temporary file beside it, flush to disk, rename.

    Args:
        path: File to write; its folder must exist.
        content: The bytes.

    Raises:
        OSError: The disk is full or the folder is read-only; nothing half-written stays behind.
    """
    with written_whole(path) as stream:
        stream.write(content)


@contextmanager
def written_whole(path: Path, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """Open a file for writing that comes to its name only when all of it is written and on the disk.

    Args:
        path: File to write; its folder must exist.
        mode: Its permissions.

    Yields:
        Where to write.

    Raises:
        OSError: The disk is full or the folder is read-only; nothing half-written stays behind.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(mode)
        replace_file(temporary, path)
    except BaseException:
        if os.name == "nt" and temporary.exists():
            temporary.chmod(0o644)  # Windows removes no read-only file
        temporary.unlink(missing_ok=True)
        raise


def replace_file(source: Path, target: Path) -> None:
    """Rename a file over another one, durably.

    Windows refuses that while a reader, such as a virus scanner, has the other one open: it is tried for a while.

    Raises:
        OSError: It can't be renamed.
    """
    for pause in (*_WINDOWS_PAUSES, None):
        try:
            source.replace(target)
            break
        except PermissionError:
            if pause is None or os.name != "nt":
                raise
            time.sleep(pause)
    _flush_folder(target.parent)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, as UTF-8 with line feeds on every system."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically; a value that is not finite is refused, since JSON has none."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def append_line(path: Path, line: str) -> None:
    """Append one line to a text file and flush it to disk."""
    with path.open("a", encoding="utf-8", newline="\n") as stream:
        stream.write(line + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def _flush_folder(folder: Path) -> None:
    """Make a rename durable; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
