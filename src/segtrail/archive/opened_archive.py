"""Opening an archive that may be damaged or made to do harm: all of it is looked at before a byte is unpacked."""

import stat
import struct
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from segtrail.archive.description import FILE_NAME, ArchiveDescription, ArchivedFile, read_description
from segtrail.archive.file_format import LARGEST_DESCRIPTION_BYTES, say_where_it_is_cut
from segtrail.dataset.names import fault_of_paths, shown
from segtrail.errors import CheckFailed, InputError
from segtrail.progress import Narrator
from segtrail.record.hashing import copy_and_hash

# What zipfile raises where bytes are not what they should be.
_DAMAGE = (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, RuntimeError, struct.error)
# The end of a zip without a comment, and its two records of zip64, see APPNOTE.TXT of PKWARE, 4.3.14 to 4.3.16.
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_IN_ZIP64 = 0xFFFFFFFF
# zipfile holds the list of files in memory, many times larger; no run comes near this.
_LARGEST_LIST_BYTES = 32 << 20
_ENCRYPTED = 0x1


class OpenedArchive:
    """An archive whose list of files was found sound.

    Args:
        path: The file.
        packed: The same, opened.
        description: What it says of itself.
    """

    def __init__(self, path: Path, packed: zipfile.ZipFile, description: ArchiveDescription) -> None:
        self.path, self.description, self._packed = path, description, packed

    def copy(self, file: ArchivedFile, target: IO[bytes] | None) -> bool:
        """Copy a file out of the archive.

        Args:
            file: The file.
            target: Where to write; None compares alone.

        Returns:
            Whether it is what the archive says; else it is damaged.

        Raises:
            OSError: The archive can't be read, or the target not be written.
        """
        try:
            with self._packed.open(self.description.member(file)) as source:
                return copy_and_hash(source, target) == file.sha256
        except _DAMAGE:
            return False

    def find_damage(self, narrator: Narrator) -> list[str]:
        """Compare every file of the run with its hash, and return the names of those that are damaged."""
        damaged = []
        with narrator.track(f"Comparing {self.path.name}", len(self.description.files)) as tracker:
            for file in self.description.files:
                if not self.copy(file, None):
                    damaged.append(self.description.member(file))
                tracker.advance(file.path)
        return damaged


@contextmanager
def opened_archive(path: Path) -> Iterator[OpenedArchive]:
    """Open an archive, and look at every entry of it.

    Args:
        path: The file.

    Yields:
        The archive.

    Raises:
        InputError: There is no such file, or it is of another schema version.
        CheckFailed: It is damaged, no archive of segtrail, or holds what none holds.
    """
    try:
        is_file = stat.S_ISREG(path.stat().st_mode)  # reading a pipe may never end
        stream = path.open("rb") if is_file else None
    except OSError as error:
        raise InputError(f"The archive {path} can't be read: {error.strerror}.") from None
    if stream is None:
        raise InputError(f"{path} is no file; expected an archive that `segtrail archive` made.")
    with stream, _zip_of(stream, path) as packed:
        yield OpenedArchive(path, packed, _look_through(packed, path))


def refuse_damaged(path: Path, names: Sequence[str]) -> CheckFailed:
    """Return the error about the parts of an archive that are damaged."""
    return _refusal(path, f"is damaged in {', '.join(map(shown, names))}")


def _zip_of(stream: IO[bytes], path: Path) -> zipfile.ZipFile:
    n_bytes = _list_bytes(stream)
    if n_bytes is None:
        raise _refusal(path, say_where_it_is_cut(path))
    if n_bytes > _LARGEST_LIST_BYTES:
        raise _refusal(path, f"lists files over {n_bytes:,} bytes, more than any run has")
    try:
        return zipfile.ZipFile(stream)
    except _DAMAGE as error:
        raise _refusal(path, f"has a damaged list of files: {error}") from None


def _list_bytes(stream: IO[bytes]) -> int | None:
    """Return how long the list of files is, before it is read; None where the end of the archive is not there."""
    size = stream.seek(0, 2)
    end = _read(stream, size - _END.size, _END)
    if end is None or end[0] != b"PK\x05\x06" or end[-1]:
        return None
    if end[5] != _IN_ZIP64 and end[6] != _IN_ZIP64 and end[4] != _IN_ZIP64 & 0xFFFF:
        return int(end[5])
    locator = _read(stream, size - _END.size - _LOCATOR.size, _LOCATOR)
    end_64 = None if locator is None else _read(stream, locator[2], _END_64)
    return None if end_64 is None else int(end_64[8])


def _read(stream: IO[bytes], place: int, form: struct.Struct) -> tuple[Any, ...] | None:
    if place < 0:
        return None
    stream.seek(place)
    raw = stream.read(form.size)
    return form.unpack(raw) if len(raw) == form.size else None


def _look_through(packed: zipfile.ZipFile, path: Path) -> ArchiveDescription:
    """Look at every entry, and return what the archive says of itself."""
    entries = packed.infolist()
    for entry in entries:
        if problem := _problem(entry):
            raise _refusal(path, f"holds {shown(entry.orig_filename)}, which {problem}")
    if fault := fault_of_paths([entry.orig_filename for entry in entries]):
        raise _refusal(path, f"holds {fault}")
    # Entries that share bytes could unpack to far more than the archive.
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise _refusal(path, "says that it holds more bytes than it has")
    if not entries or not _is_description(entries[0]):
        raise _refusal(path, f"does not begin with {FILE_NAME}: it is no archive of segtrail")
    try:
        text = packed.read(entries[0])
    except _DAMAGE:
        raise refuse_damaged(path, [FILE_NAME]) from None
    description = read_description(text, path.name)
    _compare(path, entries[1:], description)
    return description


def _is_description(entry: zipfile.ZipInfo) -> bool:
    is_first = entry.orig_filename == FILE_NAME and entry.header_offset == 0
    return is_first and entry.file_size <= LARGEST_DESCRIPTION_BYTES


def _problem(entry: zipfile.ZipInfo) -> str:
    """Say what is wrong with an entry, apart from its path; empty when nothing is."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a link"
    if entry.orig_filename.endswith("/") or kind not in (0, stat.S_IFREG):
        return "is no file"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        return "is compressed"
    return ""


def _compare(path: Path, entries: Sequence[zipfile.ZipInfo], description: ArchiveDescription) -> None:
    """Compare the entries with those that the description names."""
    found = {entry.orig_filename: entry.file_size for entry in entries}
    named = {description.member(file): file.bytes for file in description.files}
    for name in found:
        if name not in named:
            raise _refusal(path, f"holds {shown(name)}, which {FILE_NAME} does not name")
    for name, n_bytes in named.items():
        if name not in found:
            raise _refusal(path, f"lacks {shown(name)}, which {FILE_NAME} names")
        if found[name] != n_bytes:
            what = f"has {found[name]:,} bytes where {FILE_NAME} says {n_bytes:,}"
            raise _refusal(path, f"holds {shown(name)}, which {what}")


def _refusal(path: Path, what: str) -> CheckFailed:
    return CheckFailed(f"The archive {path.name} {what}. Nothing was written; use another copy of it.")
