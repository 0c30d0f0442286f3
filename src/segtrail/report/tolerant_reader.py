"""Reading of what there is of a run folder: what is missing or damaged becomes a sentence, and the rest is read."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from segtrail.errors import InputError

_Content = TypeVar("_Content")


class TolerantReader:
    """Reads files of a run, but no pipe, which would wait for ever.

    Attributes:
        problems: What could not be read, in sentences without machine paths.
        missing: The files that are not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.problems: list[str] = []
        self.missing: set[str] = set()

    def read(
        self, name: str, read: Callable[[Path], _Content | None], *, needed: bool = False
    ) -> _Content | None:
        """Read a file.

        Args:
            name: Its path in the folder, with forward slashes.
            read: Reads it.
            needed: Whether it is a problem when it is missing.

        Returns:
            What was read; None where it is missing or damaged.
        """
        path = self._folder / name
        try:
            if path.is_file():
                return read(path)
            self.missing.add(name)
            if path.exists():
                self.problems.append(f"{name} is no file.")
            elif needed:
                self.problems.append(f"{name} is missing.")
        except InputError as error:
            told = str(error).replace(str(path), name).replace(str(self._folder), self._folder.name)
            self.problems.append(told)
        except OSError as error:
            self.problems.append(f"{name} can't be read: {error.strerror}.")
        return None
