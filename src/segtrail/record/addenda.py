"""What comes to a sealed run later: files of their own, in a journal that is chained to the seal."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segtrail.atomic import write_bytes
from segtrail.errors import InputError
from segtrail.record.hashing import hash_file
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.journal import Journal
from segtrail.record.manifest import ADDENDA
from segtrail.record.seal import read_seal


class Addenda:
    """The addenda of a sealed run.

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
        self.path = run_dir / ADDENDA
        try:
            self.path.mkdir(exist_ok=True)
            self._journal = Journal(self.path / JOURNAL, actor, seal.sha256)
        except OSError as error:
            raise _refused(run_dir, error) from None

    def add_file(self, name: str, content: bytes, action: str, **details: Any) -> Path:
        """Add a file.

        Args:
            name: Its name, which must be free.
            content: Its bytes.
            action: What the journal calls it.
            details: More for the journal.

        Returns:
            The file.

        Raises:
            InputError: It can't be written.
        """
        path = self.path / name
        try:
            write_bytes(path, content)
            self._journal.write(action, files={name: hash_file(path)}, **details)
        except OSError as error:
            raise _refused(self.path.parent, error) from None
        return path

    def add_made_file(self, name: str, make: Callable[[Path], None], action: str, **details: Any) -> Path:
        """Add a file that another library writes.

        Args:
            name: Its name, which must be free.
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
        self._journal.write(action, files=files, **details)


def _refused(run_dir: Path, error: OSError) -> InputError:
    return InputError(f"Nothing can be added to {run_dir}: {error.strerror or error}.")
