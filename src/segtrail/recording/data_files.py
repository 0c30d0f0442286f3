"""``data_files.csv``: every file of the data set that a command is to work with, with its hash, before it starts."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from segtrail.atomic import write_text
from segtrail.errors import InputError
from segtrail.progress import Narrator
from segtrail.record.hashing import hash_file
from segtrail.record.manifest import LEFT_BY_SYSTEMS
from segtrail.record.table import read_rows

FILE_NAME = "data_files.csv"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class DataFile:
    """A file of a data set.

    Attributes:
        path: Relative to the data set's folder, with forward slashes.
        bytes: Its size.
        sha256: SHA-256 of its bytes.
    """

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class DataState:
    """The files of a data set as they were at one moment.

    Attributes:
        root: Its folder.
        files: Its files by path.
        moments: When each was last written and which file it is on the disk, to tell one that was changed since.
    """

    root: Path
    files: dict[str, DataFile]
    moments: dict[str, tuple[int, ...]]

    @property
    def total_bytes(self) -> int:
        """The size of all files."""
        return sum(file.bytes for file in self.files.values())

    def find(self, sha256: str) -> list[str]:
        """Return the paths of files with these bytes."""
        return [file.path for file in self.files.values() if file.sha256 == sha256]

    def find_changes(self) -> dict[str, str]:
        """Compare the folder as it is now: for each path that differs ``changed``, ``missing`` or ``added``."""
        now = {path.relative_to(self.root).as_posix(): path for path in _files_of(self.root)}
        changes = {name: "missing" for name in self.files if name not in now}
        changes |= {name: "added" for name in now if name not in self.files}
        for name, path in now.items():
            if name in self.files and _moment(path) != self.moments[name]:
                try:
                    if hash_file(path) != self.files[name].sha256:
                        changes[name] = "changed"
                except OSError:
                    changes[name] = "changed"
        return dict(sorted(changes.items()))


def read_data(root: Path, narrator: Narrator) -> DataState:
    """Hash every file of a data set.

    Args:
        root: Its folder.
        narrator: Shows progress.

    Returns:
        Its files.

    Raises:
        InputError: There is no such folder, it holds no file, or one can't be read.
    """
    if not root.is_dir():
        raise InputError(f"There is no folder {root}, which --data names.")
    paths = sorted(_files_of(root))
    if not paths:
        raise InputError(f"{root}, which --data names, holds no file.")
    files, moments = {}, {}
    with narrator.track(f"Reading the {len(paths)} files of the data", len(paths)) as tracker:
        for path in paths:
            name = path.relative_to(root).as_posix()
            try:
                moments[name] = _moment(path)  # before it is read: what is written meanwhile shows as changed
                files[name] = DataFile(name, path.stat().st_size, hash_file(path))
            except OSError as error:
                raise InputError(f"{path} can't be read: {error.strerror}.") from None
            tracker.advance(name)
    return DataState(root, files, moments)


def write_data_files(path: Path, files: Sequence[DataFile]) -> None:
    """Write the table of files."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["path", "bytes", "sha256", "schema_version"])
    writer.writerows([file.path, file.bytes, file.sha256, SCHEMA_VERSION] for file in files)
    write_text(path, stream.getvalue())


def read_data_files(path: Path) -> list[DataFile]:
    """Read the table of files of a record.

    Raises:
        InputError: It is missing or damaged.
    """
    try:
        return [DataFile(row["path"], int(row["bytes"]), row["sha256"]) for row in read_rows(path)]
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise InputError(f"{path.name} of the run {path.parent.name} can't be read: {error}.") from None


def _files_of(root: Path) -> Iterator[Path]:
    """Give the files of a folder; a link is followed to a file, but never to a folder."""
    return (path for path in root.rglob("*") if path.is_file() and path.name not in LEFT_BY_SYSTEMS)


def _moment(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino
