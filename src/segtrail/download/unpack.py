"""Unpacking a data set's archive so that nothing in it can reach outside its folder."""

import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from segtrail.dataset.names import fault_of_path
from segtrail.errors import CheckFailed, InputError
from segtrail.progress import ByteTracker, Narrator
from segtrail.record.disk import require_room

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class _Contents:
    """What of an archive is to be unpacked."""

    files: tuple[tarfile.TarInfo, ...]
    n_skipped: int

    @property
    def total_bytes(self) -> int:
        return sum(member.size for member in self.files)


def unpack_dataset(archive: Path, folder: Path, narrator: Narrator) -> int:
    """Unpack a tar archive that holds one folder, which must not be there yet.

    Every member is looked at before the first byte is written. Only names and bytes are taken from the archive;
    owners, modes, times and links are not. The folder appears with all its files or not at all.

    Args:
        archive: A plain tar file.
        folder: The folder to make; the archive's own top folder must have the same name.
        narrator: Says how far it is.

    Returns:
        How many files of macOS (``._*``, ``.DS_Store``) were left out.

    Raises:
        CheckFailed: The archive is damaged, or holds what a data set must not hold.
        InputError: The disk has no room, or can't be written.
    """
    unfinished = folder.with_name(f".{folder.name}.unpacking")
    _remove(unfinished)
    try:
        with tarfile.open(archive, "r:") as tar:
            contents = _inspect(tar, folder.name)
            require_room(folder.parent, "--to", contents.total_bytes)
            unfinished.mkdir()  # fails where the rest of a killed process could not be removed
            with narrator.track_bytes(f"Unpacking {folder.name}", lines=False) as tracker:
                tracker.begin(0, contents.total_bytes)
                for member in contents.files:
                    _write(tar, member, unfinished, tracker)
        (unfinished / folder.name).rename(folder)
    except tarfile.TarError as error:
        raise CheckFailed(
            f"The archive of {folder.name} is not a whole, uncompressed tar file: {error}. Nothing was unpacked."
        ) from None
    except OSError as error:
        raise InputError(
            f"The archive can't be unpacked to {folder}: {error.strerror or error}. Nothing was unpacked."
        ) from None
    finally:
        _remove(unfinished)
    return contents.n_skipped


def _inspect(tar: tarfile.TarFile, top: str) -> _Contents:
    """Look at every member's head, and refuse the archive for the first that a data set must not hold."""
    files: list[tarfile.TarInfo] = []
    n_skipped = 0
    for member in tar:
        if problem := _problem(member):
            raise _refusal(top, f"holds {member.name!r}, which {problem}")
        parts = _parts(member)
        if not parts or _is_of_macos(parts[-1]):
            n_skipped += bool(parts)
        elif parts[0] != top:
            raise _refusal(top, f"holds {member.name!r}, which does not lie under {top}/")
        elif member.isfile():
            files.append(member)
    if (top, "dataset.json") not in (_parts(member) for member in files):
        raise _refusal(top, f"holds no {top}/dataset.json")
    return _Contents(tuple(files), n_skipped)


def _problem(member: tarfile.TarInfo) -> str:
    """Say what is wrong with a member, by the rules of every system that segtrail runs on; empty when nothing is."""
    if member.issym() or member.islnk():
        return f"is a link (to {member.linkname!r})"
    if not (member.isfile() or member.isdir()) or member.size < 0:
        return "is neither a file nor a folder"
    parts = _parts(member)
    return (fault_of_path("/".join(parts)) if parts else None) or ""


def _refusal(top: str, what: str) -> CheckFailed:
    return CheckFailed(
        f"The archive of {top} {what}. segtrail unpacks only files and folders that lie in the archive's one folder. "
        "Nothing was unpacked; ask whoever made the archive."
    )


def _parts(member: tarfile.TarInfo) -> tuple[str, ...]:
    return PurePosixPath(member.name).parts


def _is_of_macos(name: str) -> bool:
    return name.startswith("._") or name == ".DS_Store"


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, root: Path, tracker: ByteTracker) -> None:
    path = root.joinpath(*_parts(member))
    path.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    assert source is not None
    with source, path.open("wb") as target:
        _copy(source, target, tracker)
        target.flush()
        os.fsync(target.fileno())


def _copy(source: IO[bytes], target: IO[bytes], tracker: ByteTracker) -> None:
    while chunk := source.read(_CHUNK_BYTES):
        target.write(chunk)
        tracker.advance(len(chunk))


def _remove(folder: Path) -> None:
    """Remove a folder as far as it can be."""
    shutil.rmtree(folder, ignore_errors=True)
