"""What a command prints: to the terminal as it comes, and to ``train.log`` line by line, without machine paths."""

from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from segtrail.record.redaction import Redactor

# A line without an end is cut here, or a program that prints none would fill the memory.
_LONGEST_LINE_BYTES = 1 << 20


class CommandLog:
    """Takes pieces of output and keeps whole lines; of a line that was drawn over, such as a bar, the last state.

    Args:
        path: The log; appended to.
        redactor: Takes machine paths out.
        terminal: Where the pieces go on to; None for nowhere.
    """

    def __init__(self, path: Path, redactor: Redactor, terminal: BinaryIO | None) -> None:
        self._redactor, self._terminal = redactor, terminal
        self._stream = path.open("a", encoding="utf-8", newline="\n")
        self._begun = b""
        self.failure: OSError | None = None

    def __enter__(self) -> "CommandLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._begun:
            self._write([self._begun])
        self._stream.close()

    def hear(self, piece: bytes) -> None:
        """Take a piece of output; where the log can't be written any more, the command goes on all the same."""
        self._show(piece)
        *lines, self._begun = (self._begun + piece).split(b"\n")
        if len(self._begun) > _LONGEST_LINE_BYTES:
            lines, self._begun = [*lines, self._begun], b""
        self._write(lines)

    def _show(self, piece: bytes) -> None:
        if self._terminal is None:
            return
        try:
            self._terminal.write(piece)
            self._terminal.flush()
        except OSError:  # whoever read it has seen enough; the command goes on
            self._terminal = None

    def _write(self, lines: list[bytes]) -> None:
        if self.failure is not None or not lines:
            return
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            for line in lines:
                text = line.removesuffix(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace")
                self._stream.write(f"{moment} {self._redactor.redact(text)}\n")
            self._stream.flush()
        except OSError as error:
            self.failure = error
