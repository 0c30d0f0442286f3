"""A journal: what happened, one line each, chained by hashes so that no line can be changed without a trace."""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segtrail.errors import InputError

FILE_NAME = "journal.jsonl"
# Of predictions and evaluations: which data were used for them.
DATA_ACCESS = "data_access.jsonl"
SCHEMA_VERSION = 1
# What stands before the first line, where it is not chained to another journal.
NOTHING_BEFORE = "0" * 64


@dataclass(frozen=True)
class Entry:
    """One line of a journal.

    Attributes:
        number: Its place, from 1.
        time_utc: When it was written, ISO 8601 in UTC, to the millisecond.
        actor: Who answers for it: ``project.operator``; None where nobody is named.
        action: What happened, in one or two words.
        details: The facts.
        previous: SHA-256 of the line before.
        sha256: SHA-256 of this line.
    """

    number: int
    time_utc: str
    actor: str | None
    action: str
    details: Mapping[str, Any]
    previous: str
    sha256: str


class Journal:
    """A journal that is being written; only one program may hold it.

    A line that a kill cut is dropped when the journal is opened again, and a line says so.

    Args:
        path: The file; made with the first line.
        actor: Who answers for the lines.
        previous: What the first line is chained to.

    Raises:
        InputError: The file is no journal.
        OSError: It can't be read.
    """

    def __init__(self, path: Path, actor: str | None, previous: str = NOTHING_BEFORE) -> None:
        self.path, self._actor, self._beginning = path, actor, previous
        self._number, self._previous, self._bytes = 0, previous, 0
        lost = self._take_up()
        if lost:
            self.write("line dropped", bytes=lost, because="it was cut by a kill")

    @property
    def n_lines(self) -> int:
        """How many lines it has."""
        return self._number

    def write(self, action: str, **details: Any) -> None:
        """Append a line and flush it to the disk.

        Args:
            action: What happened.
            details: The facts: plain values.
        """
        self.write_all([(action, details)])

    def write_all(self, events: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Append lines of one moment and flush them together."""
        if self._size() != self._bytes:  # Ctrl-C came between a line and the note of it here
            self._take_up()
        time_utc = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        lines, number, previous = [], self._number, self._previous
        for action, details in events:
            number += 1
            line = _encode(number, time_utc, self._actor, action, details, previous)
            previous = hash_line(line)
            lines.append(line + b"\n")
        self._append(b"".join(lines))
        self._number, self._previous, self._bytes = number, previous, self._size()

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _append(self, content: bytes) -> None:
        """Append and flush; what a full disk took only in part is taken back, so that the next line is whole."""
        try:
            with self.path.open("ab") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            with suppress(OSError):
                os.truncate(self.path, self._bytes)
            raise

    def _take_up(self) -> int:
        """Go on behind the last whole line; return the bytes behind it, which are dropped."""
        if not self.path.exists():
            return 0
        lines, cut = _split(self.path.read_bytes())
        if cut:
            with self.path.open("r+b") as stream:
                stream.truncate(self._size() - len(cut))
        self._number, self._previous, self._bytes = 0, self._beginning, self._size()
        if lines:
            self._number, self._previous = _decode(lines[-1], len(lines)).number, hash_line(lines[-1])
        return len(cut)


def read_journal(path: Path) -> list[Entry]:
    """Read a journal, without judging its chain.

    Args:
        path: The file.

    Returns:
        Its whole lines; one that was cut by a kill is left out.

    Raises:
        InputError: It is missing, or a line is no entry.
    """
    return [_decode(line, number) for number, line in enumerate(_read_lines(path), start=1)]


def find_entries(path: Path, actions: Collection[str]) -> list[Entry]:
    """Read the lines of some actions alone, which is quick in a long journal.

    Args:
        path: The file.
        actions: What happened.

    Returns:
        These lines, without judging their chain.

    Raises:
        InputError: The file is missing, or such a line is no entry.
    """
    marks = [f'"action":{json.dumps(action)}'.encode() for action in actions]
    candidates = [
        _decode(line, number)
        for number, line in enumerate(_read_lines(path), start=1)
        if any(mark in line for mark in marks)
    ]
    return [entry for entry in candidates if entry.action in actions]


def find_cut(path: Path) -> list[str]:
    """Say what stands behind the last whole line of a journal that is closed.

    Args:
        path: The file.

    Returns:
        A sentence, or nothing.
    """
    _, cut = _split(path.read_bytes())
    return [f"{len(cut)} bytes stand behind its last whole line"] if cut else []


def _read_lines(path: Path) -> list[bytes]:
    try:
        lines, _ = _split(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path.name} can't be read: {error.strerror}.") from None
    return lines


def _split(content: bytes) -> tuple[list[bytes], bytes]:
    """Part a journal into its lines, without their ends, and what a kill cut behind them."""
    *lines, cut = content.split(b"\n")
    return [line.removesuffix(b"\r") for line in lines], cut


def find_breaks(entries: Iterable[Entry], previous: str = NOTHING_BEFORE) -> list[str]:
    """Say where the chain of a journal is broken.

    Args:
        entries: Its lines.
        previous: What the first one is chained to.

    Returns:
        A sentence for each place; nothing where it is whole.
    """
    breaks, number = [], 0
    for entry in entries:
        number += 1
        if entry.number != number:
            breaks.append(
                f"line {number} has the number {entry.number}: a line was taken out, put in or moved"
            )
            number = entry.number
        if entry.previous != previous:
            breaks.append(
                f"line {number} does not follow on the line before it, which was changed or replaced"
            )
        previous = entry.sha256
    return breaks


def hash_line(line: bytes) -> str:
    """Return the SHA-256 of a line without its end."""
    return hashlib.sha256(line).hexdigest()


def _encode(
    number: int, time_utc: str, actor: str | None, action: str, details: Mapping[str, Any], previous: str
) -> bytes:
    values = {
        "schema_version": SCHEMA_VERSION,
        "number": number,
        "time_utc": time_utc,
        "actor": actor,
        "action": action,
        "details": dict(details),
        "previous": previous,
    }
    return json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _decode(line: bytes, place: int) -> Entry:
    try:
        values = json.loads(line, parse_constant=_refuse_constant)
        version = values["schema_version"]
        if type(values["number"]) is not int:
            raise TypeError("number")
        entry = Entry(
            values["number"],
            str(values["time_utc"]),
            values["actor"],
            str(values["action"]),
            dict(values["details"]),
            str(values["previous"]),
            hash_line(line),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"Line {place} of {FILE_NAME} is no entry of a journal: it was changed.") from None
    if version != SCHEMA_VERSION:
        raise InputError(
            f"Line {place} of {FILE_NAME} has schema_version {version}; this segtrail reads {SCHEMA_VERSION}."
        )
    return entry


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
