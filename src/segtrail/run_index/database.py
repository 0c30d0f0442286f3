"""The database that keeps the index: SQLite, in a file of its own for each output folder and machine."""

import hashlib
import os
import platform
import sqlite3
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from platformdirs import user_cache_path

from segtrail.errors import InputError
from segtrail.run_index.indexed_run import COLUMNS, Kind
from segtrail.version import __version__

# To be raised when the same columns are read in another way.
_READ_AS = 1
_WAIT_SECONDS = 30.0
_TYPES = {
    Kind.TEXT: "TEXT COLLATE NOCASE",
    Kind.TIME: "TEXT",
    Kind.NUMBER: "REAL",
    Kind.WHOLE: "INTEGER",
    Kind.YES_NO: "INTEGER",
}
_COLUMNS = ", ".join(f"{column.name} {_TYPES[column.kind]}" for column in COLUMNS.values())
_SCHEMA = (
    f"CREATE TABLE runs (id INTEGER PRIMARY KEY, state TEXT, case_list INTEGER, {_COLUMNS})",
    "CREATE UNIQUE INDEX runs_by_folder ON runs (folder COLLATE BINARY)",
    "CREATE INDEX runs_with_problems ON runs (id) WHERE problem IS NOT NULL",
    "CREATE TABLE case_lists (id INTEGER PRIMARY KEY, names TEXT UNIQUE)",
    "CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = \"unicode61 remove_diacritics 2\", prefix = '1 2 3')",
)
_VERSION = zlib.crc32(f"{__version__} {_READ_AS} {_SCHEMA}".encode()) & 0x7FFFFFFF
# What SQLite says of a file that is none of its own or of parts that are missing; our statements are sound.
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


class Damaged(Exception):
    """A database that can't be read as one, and has to be made anew."""


class Empty(Exception):
    """A database that was made just now, and has to be filled before it is read."""


class Database:
    """The file of one output folder.

    Args:
        output_root: The folder that the index is of.
        folder: Where to keep it; None for the user's cache folder, or a temporary one where that can't be written.

    Raises:
        InputError: The folder that is given can't be written.
    """

    def __init__(self, output_root: Path, folder: Path | None) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self.path = self._usable(folder) / f"{_name(output_root)}.sqlite"

    @property
    def lock_path(self) -> Path:
        """The file that is held while the index is written."""
        return self.path.with_suffix(".lock")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Open the database for reading one state of it.

        Raises:
            Damaged: It is none.
            Empty: There was none.
            InputError: It can't be read.
        """
        with self._connected() as (connection, is_new):
            if is_new:
                raise Empty
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Open the database for changes that come all or not at all.

        Raises:
            Damaged: It is none.
            InputError: It can't be written.
        """
        with self._connected() as (connection, _):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def discard(self) -> None:
        """Delete the file.

        Raises:
            InputError: It can't be deleted, as on Windows while another program has it open.
        """
        for name in (self.path, *(Path(f"{self.path}-{end}") for end in ("wal", "shm"))):
            try:
                name.unlink(missing_ok=True)
            except OSError as error:
                raise InputError(
                    f"The index of runs {name} is damaged and can't be deleted: {error.strerror}. End other programs "
                    "that use it, or delete it; it is made again from the runs."
                ) from None

    def close(self) -> None:
        """Remove what was only for a while."""
        if self._temporary is not None:
            self._temporary.cleanup()

    def _usable(self, folder: Path | None) -> Path:
        wanted = folder or user_cache_path("segtrail", appauthor=False) / "runs"
        try:
            if folder is None and not wanted.is_absolute():  # a user without a home
                raise OSError
            wanted.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=wanted):
                return wanted
        except OSError as error:
            if folder is not None:
                raise InputError(f"The index of runs can't be kept in {folder}: {error.strerror}.") from None
        self._temporary = tempfile.TemporaryDirectory(prefix="segtrail_runs_", ignore_cleanup_errors=True)
        return Path(self._temporary.name)

    @contextmanager
    def _connected(self) -> Iterator[tuple[sqlite3.Connection, bool]]:
        """Open a connection for one piece of work: threads share none, and a file that was deleted comes back.

        Yields:
            The connection, and whether its tables were made just now.
        """
        try:
            self.path.touch(mode=0o600)  # names and notes of runs are for nobody else
            with closing(
                sqlite3.connect(self.path, timeout=_WAIT_SECONDS, isolation_level=None)
            ) as connection:
                yield connection, _prepare(connection)
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _DAMAGED:
                raise Damaged(f"The index of runs {self.path} can't be used: {error}.") from None
            raise InputError(f"The index of runs {self.path} can't be used: {error}.") from None
        except OSError as error:
            if error.filename != os.fspath(self.path):
                raise
            raise InputError(f"The index of runs {self.path} can't be used: {error.strerror}.") from None


def _name(output_root: Path) -> str:
    """Name the file by folder and machine: over a network, two machines must not share one."""
    place = f"{platform.node()}\n{output_root.expanduser().resolve()}"
    return hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _prepare(connection: sqlite3.Connection) -> bool:
    """Make the tables, unless they are there as this version has them; tell whether they were made."""
    connection.execute("PRAGMA synchronous = NORMAL")
    if _version(connection) == _VERSION:
        return False
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    is_old = _version(connection) != _VERSION  # another program may have been quicker
    if is_old:
        _drop_all(connection)
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")
    return is_old


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _drop_all(connection: sqlite3.Connection) -> None:
    """Take out the tables of another version, those first to which others belong."""
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY sql LIKE '%VIRTUAL%' DESC"
    )
    for (name,) in tables.fetchall():
        with suppress(sqlite3.OperationalError):  # it went with the one that it belonged to
            connection.execute('DROP TABLE "{}"'.format(name.replace('"', '""')))
