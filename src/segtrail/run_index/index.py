"""The index of an output folder's runs."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from filelock import FileLock, Timeout

from segtrail.errors import InputError
from segtrail.run_index.conditions import all_of, column_of
from segtrail.run_index.database import Damaged, Database, Empty
from segtrail.run_index.folder_states import folder_states, row_name
from segtrail.run_index.indexed_run import IndexedRun
from segtrail.run_index.rows import (
    SELECT,
    NewRow,
    known_states,
    read,
    remove,
    remove_all,
    remove_unused_case_lists,
    write,
)
from segtrail.run_index.search import FoundRuns, Search
from segtrail.run_index.search_text import parse

if TYPE_CHECKING:  # a search alone needs nothing of a terminal
    from segtrail.progress import Narrator

_BATCH = 100
_LOCK_SECONDS = 600.0
_NO_LIMIT = -1
_Answer = TypeVar("_Answer")


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

    def __init__(self, output_root: Path, database: Database) -> None:
        self.runs_folder = output_root / "runs"
        self._database = database

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
        return cls(output_root, Database(output_root, folder))

    def __enter__(self) -> Self:
        """Return the index, which is closed at the end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of what was held; an index that could not be kept is gone."""
        self._database.close()

    def refresh(self, narrator: "Narrator | None" = None) -> Refreshed:
        """Read the folders that are new or have changed, and forget those that are gone; run folders are not written.

        Searches go on meanwhile and see what is read so far.

        Args:
            narrator: Shows progress.

        Returns:
            What has changed.

        Raises:
            InputError: ``runs`` can't be listed, or the index can't be written.
        """
        with self._held():
            return self._made_anew_if_damaged(lambda: self._refresh(narrator))

    def rebuild(self, narrator: "Narrator | None" = None) -> Refreshed:
        """Forget all, and read every folder again.

        Args:
            narrator: Shows progress.

        Returns:
            What was read.

        Raises:
            InputError: As ``refresh``.
        """
        with self._held():
            self._made_anew_if_damaged(self._forget)
        return self.refresh(narrator)

    def find(self, search: Search) -> FoundRuns:
        """Look for runs.

        Args:
            search: What to look for.

        Returns:
            The runs of one page, and how many there are.

        Raises:
            InputError: The search can't be understood; the message says which part, and the nearest known column.
        """
        wanted = all_of(parse(search.text))
        page = f"{SELECT} WHERE {wanted.sql} {_order(search)} LIMIT ? OFFSET ?"
        limit = _NO_LIMIT if search.limit is None else search.limit

        def look(connection: sqlite3.Connection) -> FoundRuns:
            rows = connection.execute(page, (*wanted.parameters, limit, search.offset)).fetchall()
            return FoundRuns(
                [read(row, self.runs_folder) for row in rows],
                _count(connection, wanted.sql, wanted.parameters),
                _count(connection, "1"),
                _count(connection, "problem IS NOT NULL"),
            )

        return self._read(look)

    def get(self, folder: str) -> IndexedRun | None:
        """Return what the index says of one folder.

        Args:
            folder: The name of the run's folder in ``runs``, which is its ID unless it was renamed or copied.

        Returns:
            The run; None where the index has no such folder.
        """
        one = f"{SELECT} WHERE folder = ? COLLATE BINARY"
        row = self._read(lambda connection: connection.execute(one, (row_name(folder),)).fetchone())
        return None if row is None else read(row, self.runs_folder)

    def _refresh(self, narrator: "Narrator | None") -> Refreshed:
        found = folder_states(self.runs_folder)
        names, states = (
            {row_name(name): name for name in found},
            {row_name(name): state for name, state in found.items()},
        )
        with self._database.writing() as connection:
            known = known_states(connection)
            vanished = known.keys() - states.keys()
            remove(connection, vanished)
        changed = {names[key]: state for key, state in states.items() if known.get(key) != state}
        self._take_in(changed, narrator)
        n_new = len(states.keys() - known.keys())
        return Refreshed(n_new, len(changed) - n_new, len(vanished))

    def _take_in(self, states: Mapping[str, str], narrator: "Narrator | None") -> None:
        if not states:
            return

        from segtrail.progress import Tracker
        from segtrail.run_index.read_folder import read_folder

        quiet = nullcontext(Tracker(None, None))
        with narrator.track("Reading runs", len(states)) if narrator else quiet as tracker:
            for names in _batches(list(states)):
                rows = []
                for name in names:
                    content = read_folder(self.runs_folder / name)
                    rows.append(NewRow(content.run, states[name], content.cases))
                    tracker.advance()
                with self._database.writing() as connection:
                    write(connection, [row for row in rows if row.run.path.exists()])
        with self._database.writing() as connection:
            remove_unused_case_lists(connection)

    def _forget(self) -> None:
        with self._database.writing() as connection:
            remove_all(connection)

    def _read(self, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Ask the database; one that was thrown away or damaged is filled first."""

        def ask() -> _Answer:
            with self._database.reading() as connection:
                return question(connection)

        try:
            return ask()
        except Empty:
            self.refresh()
        except Damaged:
            with self._held():
                self._database.discard()
            self.refresh()
        return ask()

    def _made_anew_if_damaged(self, work: Callable[[], _Answer]) -> _Answer:
        try:
            return work()
        except Damaged:
            self._database.discard()
        try:
            return work()
        except Damaged as error:
            raise InputError(str(error)) from None

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the index: one program at a time reads what is new, and the others find it done."""
        try:
            with FileLock(self._database.lock_path, timeout=_LOCK_SECONDS):
                yield
        except Timeout:
            raise InputError(
                f"Another program has been reading runs for {_LOCK_SECONDS:.0f} s ({self._database.lock_path}). "
                "Wait until it ends, or stop it."
            ) from None
        except NotImplementedError as error:  # a file system without locks
            raise InputError(
                f"The index of runs can't be kept in {self._database.path.parent}: {error}."
            ) from None


def _order(search: Search) -> str:
    """Sort by a column and then by folder, gaps last."""
    column = column_of(search.sort, "The sorting").name
    direction = "DESC" if search.descending else "ASC"
    return f"ORDER BY {column} IS NULL, {column} {direction}, folder COLLATE BINARY {direction}"


def _count(connection: sqlite3.Connection, condition: str, parameters: Sequence[str | float] = ()) -> int:
    counted = connection.execute(f"SELECT COUNT(*) FROM runs WHERE {condition}", parameters)  # noqa: S608 (see all_of)
    return int(counted.fetchone()[0])


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[first : first + _BATCH] for first in range(0, len(names), _BATCH))
