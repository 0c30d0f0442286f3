"""Telling a person how far long work is: bars on a terminal, plain lines elsewhere, and a log in the run."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from segtrail.atomic import append_line
from segtrail.record.redaction import Redactor

# Narrower than this, a table is harder to read than lines.
_NARROWEST_TABLE = 70
# How often long work is heard of off a terminal.
_LINE_SECONDS = 30.0


class Tracker:
    """One piece of long work; see ``Narrator.track``."""

    def __init__(self, progress: Progress | None, task: TaskID | None) -> None:
        self._progress, self._task = progress, task

    def advance(self, detail: str = "") -> None:
        """Note that one more part is done; ``detail`` is shown beside the bar on a terminal."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, advance=1, detail=detail)


class _LineTracker(Tracker):
    """Says now and then how far long work is."""

    def __init__(self, print_line: Callable[[str], None], description: str, total: int) -> None:
        super().__init__(None, None)
        self._print_line, self._description, self._total = print_line, description, total
        self._done, self._said = 0, time.monotonic()

    def advance(self, detail: str = "") -> None:
        self._done += 1
        if time.monotonic() - self._said >= _LINE_SECONDS:
            self._said = time.monotonic()
            self._print_line(f"{self._description}: {self._done} of {self._total}, {detail}".rstrip(", "))


class ByteTracker:
    """Bytes that come one after the other; see ``Narrator.track_bytes``."""

    def begin(self, done: int, total: int | None) -> None:
        """Note how many bytes were there before, and how many there will be where that is known."""

    def advance(self, n_bytes: int) -> None:
        """Note that more bytes have come."""


class _ByteBar(ByteTracker):
    """A bar on a terminal."""

    def __init__(self, progress: Progress, description: str) -> None:
        self._progress = progress
        self._task = progress.add_task(description, total=None, start=False)

    def begin(self, done: int, total: int | None) -> None:
        # A reset, since the speed must not count the bytes that were there before.
        self._progress.reset(self._task, completed=done, total=total)

    def advance(self, n_bytes: int) -> None:
        self._progress.update(self._task, advance=n_bytes)


class _ByteLines(ByteTracker):
    """A line for every tenth."""

    def __init__(self, say: Callable[[str], None], description: str) -> None:
        self._say, self._description = say, description
        self.begin(0, None)

    def begin(self, done: int, total: int | None) -> None:
        self._done, self._total = done, total
        self._tenths = self._full_tenths()

    def advance(self, n_bytes: int) -> None:
        self._done += n_bytes
        if (tenths := self._full_tenths()) > self._tenths and self._total is not None:
            self._tenths = tenths
            self._say(
                f"{self._description}: {10 * tenths} % ({decimal(self._done)} of {decimal(self._total)})"
            )

    def _full_tenths(self) -> int:
        return 10 * self._done // self._total if self._total else 0


class Narrator:
    """Says what happens, to the person at the terminal and to the run's log.

    Args:
        stream: Where lines go: standard error when standard output is kept for JSON.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._console = Console(file=stream or sys.stdout, soft_wrap=True, markup=False, highlight=False)
        self._log: Path | None = None
        self._redactor = Redactor({})
        self._waiting: list[str] = []

    def say(self, text: str, *, logged: bool = True) -> None:
        """Print one line, and keep it in the log with its time unless it is not to be logged."""
        text = without_controls(text)
        self._console.print(text)
        if not logged:
            return
        entry = f"{datetime.now(UTC).isoformat(timespec='seconds')} {text}"
        if self._log is None:
            self._waiting.append(entry)
        else:
            append_line(self._log, self._redactor.redact(entry))

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table: drawn on a terminal, elsewhere one line for each row; it is not kept in the log."""
        if not self._console.is_terminal or self._console.width < _NARROWEST_TABLE:
            for row in rows:
                self._console.print(", ".join(map(without_controls, row)))
            return
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for place, title in enumerate(titles):
            table.add_column(title, no_wrap=place < len(titles) - 1)
        for row in rows:
            table.add_row(*map(without_controls, row))
        self._console.print(table, soft_wrap=False)

    def attach_log(self, path: Path, redactor: Redactor) -> None:
        """Write what was said so far, and all that follows, to a log without machine paths."""
        self._log, self._redactor = path, redactor
        for entry in self._waiting:
            append_line(path, redactor.redact(entry))
        self._waiting.clear()

    def detach_log(self) -> None:
        """Write no more to the log, because its run has ended or is given up; what follows waits for the next."""
        self._log = None

    @contextmanager
    def track(self, description: str, total: int) -> Iterator[Tracker]:
        """Show progress over a known number of parts; off a terminal a line is printed twice a minute."""
        if not self._console.is_terminal:
            yield _LineTracker(self._console.print, description, total)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}"),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            yield Tracker(progress, progress.add_task(description, total=total, detail=""))

    @contextmanager
    def track_bytes(self, description: str, lines: bool = True) -> Iterator[ByteTracker]:
        """Show bytes that come, with their speed and the time left.

        Args:
            description: What they are.
            lines: Whether every tenth is said off a terminal too; otherwise nothing is.
        """
        if not self._console.is_terminal:
            yield _ByteLines(self.say, description) if lines else ByteTracker()
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            yield _ByteBar(progress, description)


def without_controls(text: str) -> str:
    """Replace control characters, with which a file's name could take over a terminal; line breaks stay."""
    if text.isprintable():
        return text
    return "".join(letter if letter == "\n" or letter.isprintable() else "\ufffd" for letter in text)
