"""What comes to a sealed run later: files of their own, in a journal that is chained to the seal."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from segtrail.atomic import write_bytes
from segtrail.errors import InputError
from segtrail.record.hashing import hash_file
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.journal import Journal
from segtrail.record.manifest import ADDENDA
from segtrail.record.run_folder import LOCK_FILE
from segtrail.record.seal import read_seal

_SECONDS = 30.0


class Addenda:
    """The addenda of a sealed run; one program at a time adds to them.

    Args:
        run_dir: The run folder.
        actor: Who answers for what is added.

    Raises:
        InputError: The run is not sealed, or its folder can't be written.
    """

    def __init__(self, run_dir: Path, actor: str | None) -> None:
        seal = read_seal(run_dir)
        if seal is None:
            raise InputError(f"{run_dir.name} is not sealed, so nothing is added to it.")
        self.path, self._actor, self._seal = run_dir / ADDENDA, actor, seal.sha256
        try:
            self.path.mkdir(exist_ok=True)
        except OSError as error:
            raise _refused(run_dir, error) from None

    def add_file(self, name: str, content: bytes, action: str, **details: Any) -> Path:
        """Add a file.

        Args:
            name: Its name; one that is taken gets a number.
            content: Its bytes.
            action: What the journal calls it.
            details: More for the journal.

        Returns:
            The file.

        Raises:
            InputError: It can't be written.
        """
        with self._opened() as journal:
            path = self._free(name)
            write_bytes(path, content)
            journal.write(action, files={path.name: hash_file(path)}, **details)
        return path

    def add_made_file(self, name: str, make: Callable[[Path], None], action: str, **details: Any) -> Path:
        """Add a file that another library writes.

        Args:
            name: Its name; one that is taken gets a number.
            make: Writes it to the path that it is given.
            action: What the journal calls it.
            details: More for the journal.

        Returns:
            The file.
        """
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / name
            make(made)
            return self.add_file(name, made.read_bytes(), action, **details)

    def note_folder(self, folder: Path, action: str, **details: Any) -> None:
        """Write a folder that lies in the addenda into the journal, every file with its hash."""
        files = {
            path.relative_to(self.path).as_posix(): hash_file(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        with self._opened() as journal:
            journal.write(action, files=files, **details)

    @contextmanager
    def _opened(self) -> Iterator[Journal]:
        try:
            with FileLock(self.path / LOCK_FILE, timeout=_SECONDS):
                yield Journal(self.path / JOURNAL, self._actor, self._seal)
        except Timeout:
            raise InputError(f"Another program adds to {self.path.parent}. Try again.") from None
        except (OSError, NotImplementedError) as error:
            raise _refused(self.path.parent, error) from None

    def _free(self, name: str) -> Path:
        wanted = self.path / name
        names = (wanted.with_name(f"{wanted.stem}_{number}{wanted.suffix}") for number in count(2))
        return wanted if not wanted.exists() else next(path for path in names if not path.exists())


def _refused(run_dir: Path, error: OSError | NotImplementedError) -> InputError:
    return InputError(f"Nothing can be added to {run_dir}: {getattr(error, 'strerror', None) or error}.")
