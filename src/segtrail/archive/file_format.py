"""The file of an archive: a zip without compression, whose bytes follow from its content alone."""

import struct
import zipfile
from pathlib import Path
from typing import IO

from segtrail.archive.description import FILE_NAME, ArchiveDescription, read_description
from segtrail.errors import CheckFailed
from segtrail.progress import Tracker
from segtrail.record.hashing import copy_and_hash
from segtrail.record.stored_zip import zip_entry

SUFFIX = ".segtrail.zip"
# What a zip puts before each member, see APPNOTE.TXT of PKWARE, 4.3.7 and 4.5.3.
_HEAD = struct.Struct("<4s5H3L2H")
_HEAD_SIGNATURE = b"PK\x03\x04"
_ZIP64_EXTRA_BYTES = 20
LARGEST_DESCRIPTION_BYTES = 64 << 20


def write_archive(
    stream: IO[bytes], run_dir: Path, description: ArchiveDescription, tracker: Tracker
) -> None:
    """Write an archive; the same run and description give the same bytes.

    Args:
        stream: Where to write, from its beginning.
        run_dir: The run folder.
        description: What is in it.
        tracker: Hears of every file.

    Raises:
        CheckFailed: A file of the run is not what it was any more.
        OSError: A file can't be read, or the archive not be written.
    """
    # Stored, since deflate gives other bytes with other builds of zlib, and checkpoints hardly shrink.
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as packed:
        text = description.encode()
        packed.writestr(zip_entry(FILE_NAME, len(text)), text)
        for file in description.files:
            head = zip_entry(description.member(file), file.bytes)
            with (run_dir / file.path).open("rb") as source, packed.open(head, "w") as target:
                sha256 = copy_and_hash(source, target)
            if sha256 != file.sha256:
                raise CheckFailed(f"{file.path} changed while it was archived. Give the command again.")
            tracker.advance(file.path)


def say_where_it_is_cut(path: Path) -> str:
    """Say in which part an archive ends whose list of files, which stands at its end, is lost.

    Args:
        path: The archive.

    Returns:
        What it is, as the end of a sentence that begins with the archive.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        text = _read_first_member(stream)
        if text is None:
            return f"is no archive of segtrail, or was cut off within {FILE_NAME}"
        description, place = read_description(text, path.name), stream.tell()
    for file in description.files:
        place += _member_bytes(description.member(file), file.bytes)
        if place > size:
            return f"was cut off within {description.member(file)}"
    return "was cut off or damaged behind its last part, where the list of its files stands"


def _read_first_member(stream: IO[bytes]) -> bytes | None:
    """Return the description without the list of files at the end; None where it is not there."""
    raw = stream.read(_HEAD.size)
    if len(raw) < _HEAD.size:
        return None
    signature, *_, n_bytes, _, name_length, extra_length = _HEAD.unpack(raw)
    is_description = signature == _HEAD_SIGNATURE and stream.read(name_length) == FILE_NAME.encode()
    if not is_description or n_bytes > LARGEST_DESCRIPTION_BYTES:
        return None
    stream.seek(extra_length, 1)
    text = stream.read(n_bytes)
    return text if len(text) == n_bytes else None


def _member_bytes(name: str, n_bytes: int) -> int:
    extra = _ZIP64_EXTRA_BYTES if n_bytes * 1.05 > zipfile.ZIP64_LIMIT else 0
    return _HEAD.size + len(name.encode()) + extra + n_bytes
