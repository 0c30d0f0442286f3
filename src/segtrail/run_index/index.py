"""The index of an output folder's runs."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from segtrail.progress import Narrator
from segtrail.run_index.indexed_run import IndexedRun
from segtrail.run_index.search import FoundRuns, Search


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did: how many folders were new, changed and gone."""

    new: int
    changed: int
    vanished: int


class RunIndex:
    """The index of an output folder's runs; ``RunIndex.open`` opens it.

    Threads and processes may use one index at the same time. It holds nothing that is not in the run folders, and may
    be thrown away at any time.
    """

    @classmethod
    def open(cls, output_root: Path, folder: Path | None = None) -> Self:
        """Open the index of an output folder, as it was left; an empty one where there is none that can be used.

        Args:
            output_root: Folder that holds ``runs``; it need not exist.
            folder: Where the index is kept, on a local disk; None for the user's cache folder. Where that can't be
                written, the index lives until it is closed.

        Returns:
            The index; ``refresh`` brings it up to date.

        Raises:
            InputError: The folder that is given can't be written.
        """
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Return the index, which is closed at the end."""
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of what was held; an index that could not be kept is gone."""
        raise NotImplementedError

    def refresh(self, narrator: Narrator | None = None) -> Refreshed:
        """Read the folders that are new or have changed, and forget those that are gone; run folders are not written.

        Searches go on meanwhile and see what is read so far.

        Args:
            narrator: Shows progress.

        Returns:
            What has changed.

        Raises:
            InputError: ``runs`` can't be listed, or the index can't be written.
        """
        raise NotImplementedError

    def rebuild(self, narrator: Narrator | None = None) -> Refreshed:
        """Forget all, and read every folder again."""
        raise NotImplementedError

    def find(self, search: Search) -> FoundRuns:
        """Look for runs.

        Args:
            search: What to look for.

        Returns:
            The runs of one page, and how many there are.

        Raises:
            InputError: The search can't be understood; the message says which part, and the nearest known column.
        """
        raise NotImplementedError

    def get(self, folder: str) -> IndexedRun | None:
        """Return what the index says of one folder.

        Args:
            folder: The name of the run's folder in ``runs``, which is its ID unless it was renamed or copied.

        Returns:
            The run; None where the index has no such folder.
        """
        raise NotImplementedError
