"""The data files beside archives: one of each content for all archives of a place, named by its hash."""

from pathlib import Path
from typing import IO

from segtrail.archive.description import ArchivedFile
from segtrail.atomic import written_whole
from segtrail.dataset.names import shown
from segtrail.errors import CheckFailed
from segtrail.record.hashing import copy_and_hash, hash_file


class DataStore:
    """The data files of a place, in ``data/sha256/AB/ABCDEF...``.

    Args:
        place: The folder in which the archives lie.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._root = place / "data" / "sha256"

    def holds(self, file: ArchivedFile) -> bool:
        """Tell whether there is a file of that name, whatever it holds."""
        path = self._path(file)
        return path.exists() or path.is_symlink()

    def add(self, source: Path, file: ArchivedFile) -> None:
        """Keep a file; one that is there is compared.

        Args:
            source: Where it lies.
            file: What it holds.

        Raises:
            CheckFailed: The one that is there is damaged, or the source is not what it was any more.
            OSError: It can't be read or written.
        """
        path = self._path(file)
        if self.holds(file):
            self._require_plain(file)
            if hash_file(path) != file.sha256:
                raise self._damaged(file)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as stream, written_whole(path, 0o444) as target:
            if copy_and_hash(stream, target) != file.sha256:
                raise CheckFailed(f"{file.path} changed while it was archived. Give the command again.")

    def copy(self, file: ArchivedFile, target: IO[bytes]) -> None:
        """Copy a file out of the store, and compare it with its hash.

        Args:
            file: The file.
            target: Where to write.

        Raises:
            CheckFailed: It is missing or damaged.
            OSError: It can't be read, or the target not be written.
        """
        self._require_plain(file)
        with self._path(file).open("rb") as stream:
            if copy_and_hash(stream, target) != file.sha256:
                raise self._damaged(file)

    def remove_half_written(self) -> None:
        """Remove what a kill left half written; the place must be held."""
        for path in self._root.glob("*/.*.tmp"):
            path.chmod(0o644)  # Windows removes no read-only file
            path.unlink()

    def _require_plain(self, file: ArchivedFile) -> None:
        """Reading a pipe may never end, and a file of another size need not be read."""
        path = self._path(file)
        if not path.is_file():
            raise CheckFailed(f"{self._name(file)} is missing; it holds {shown(file.path)} of the data set.")
        if path.stat().st_size != file.bytes:
            raise self._damaged(file)

    def _damaged(self, file: ArchivedFile) -> CheckFailed:
        return CheckFailed(
            f"{self._name(file)} is damaged: it does not hold what its name says ({shown(file.path)} of the data set). "
            "Put a good copy in its place, or move it away and archive a run on these data again."
        )

    def _name(self, file: ArchivedFile) -> str:
        return f"{self._path(file).relative_to(self._place).as_posix()} in {self._place}"

    def _path(self, file: ArchivedFile) -> Path:
        return self._root / file.sha256[:2] / file.sha256
