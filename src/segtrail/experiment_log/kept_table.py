"""The experiment log as a table in a Markdown file that git keeps: a marked block, and a person's text around it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segtrail.atomic import write_bytes
from segtrail.errors import InputError
from segtrail.experiment_log.columns import COLUMNS, Column
from segtrail.experiment_log.make_log import Log
from segtrail.experiment_log.markdown import definition_lines, escape, split_line, table_lines

_HEADING = "# Experiments\n\n"
_BEGIN, _END = "<!-- segtrail log: begin -->", "<!-- segtrail log: end -->"
_ABOUT = "<!-- `segtrail log --write` writes anew what stands between these two marks. -->"
_MARK = re.compile(r"^<!-- segtrail log: (begin|end) -->[ \t]*\r?$", re.MULTILINE)
_DEFINITION = re.compile(r"^- `[^`]+`, mean over ")
_REASON = re.compile(r" \((?:gone|unreadable)\)$")
_FOOTNOTE = "(gone): no folder of the run was found. (unreadable): not all of it could be read. The row is from before."


@dataclass(frozen=True)
class _Earlier:
    """What stood in the block.

    Attributes:
        columns: Its columns; none where there was no table.
        rows: The cells by column, as Markdown, by run ID.
        definitions: The lines that say what metrics mean.
    """

    columns: Sequence[Column]
    rows: Mapping[str, Mapping[str, str]]
    definitions: Sequence[str]


class KeptTable:
    """A Markdown file with the experiment log in it; it need not exist.

    Args:
        path: The file.

    Raises:
        InputError: It can't be read, or its block is broken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()  # the file that a link leads to is written, and the link stays
        text = _read(self.path)
        self._before, block, self._after = _split_at_marks(path, _HEADING if text is None else text)
        self._newline = "\r\n" if "\r\n" in (text or "") else "\n"
        self._old_text = text
        self._earlier = _parse(path, block.splitlines())

    @property
    def columns(self) -> Sequence[Column]:
        """The columns that the table has; none where there is no table yet."""
        return self._earlier.columns

    def write(self, log: Log) -> None:
        """Replace the block; rows of runs that are gone are kept and marked. The same log gives the same bytes.

        Args:
            log: What to write; ``run_id`` is among its columns.

        Raises:
            InputError: A row that is kept would lose a cell, or the file can't be written.
        """
        lines = [_BEGIN, _ABOUT, "", *self._lines(log), _END]
        text = self._before + self._newline.join(lines) + self._newline + self._after
        if text == self._old_text:
            return
        try:
            write_bytes(self.path, text.encode("utf-8"))
        except OSError as error:
            raise InputError(f"{self.path} can't be written: {error.strerror}.") from None

    def _lines(self, log: Log) -> Iterator[str]:
        rows = self._merge(log)
        yield from table_lines([column.title for column in log.columns], rows)
        definitions = {*definition_lines(log), *self._earlier.definitions}
        if definitions:
            yield ""
            yield from sorted(definitions)
        if any(_REASON.search(cell) for row in rows for cell in row):
            yield ""
            yield _FOOTNOTE
        yield ""

    def _merge(self, log: Log) -> list[list[str]]:
        """Return the rows, the newest first; what can't be read now does not replace what could be read earlier."""
        earlier = self._earlier.rows
        keyed = [(escape(row.run_id), row) for row in log.rows]
        merged = [
            (run_id, self._keep(run_id, "unreadable", log))
            if row.problems and run_id in earlier
            else (run_id, [escape(text) for text in log.texts(row)])
            for run_id, row in keyed
        ]
        present = {run_id for run_id, _ in keyed}
        merged += [(run_id, self._keep(run_id, "gone", log)) for run_id in earlier if run_id not in present]
        return [cells for _, cells in sorted(merged, key=lambda item: item[0], reverse=True)]

    def _keep(self, run_id: str, reason: str, log: Log) -> list[str]:
        cells = self._earlier.rows[run_id]
        names = [column.name for column in log.columns]
        lost = [name for name, cell in cells.items() if cell and name not in names]
        if lost:
            raise InputError(
                f"The table in {self.path} has {', '.join(lost)} of {run_id}, whose folder is {reason}, and would lose "
                f"that. Keep the column: --columns {','.join([*names, *lost])}. Nothing was written."
            )
        return [f"{run_id} ({reason})" if name == "run_id" else cells.get(name, "") for name in names]


def _read(path: Path) -> str | None:
    """Read a file with its own line ends; None where there is none."""
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent} for {path.name} (--write). Make it first.")
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise InputError(f"{path} (--write) is no text in UTF-8. It was left as it is.") from None
    except OSError as error:
        raise InputError(f"{path} (--write) can't be read: {error.strerror}.") from None


def _split_at_marks(path: Path, text: str) -> tuple[str, str, str]:
    """Part a text into what stands before, in and behind the block; without one, it comes to the end."""
    marks = list(_MARK.finditer(text))
    if [mark[1] for mark in marks] == ["begin", "end"]:
        begin, end = marks
        behind = text[end.end() :].removeprefix("\n")
        return text[: begin.start()], text[begin.end() : end.start()], behind
    if marks:
        raise InputError(
            f"{path} has not one line {_BEGIN} with one line {_END} behind it, so nobody can say what is to be "
            "replaced. Bring the other one back, or take all such lines out. Nothing was written."
        )
    newline = "\r\n" if "\r\n" in text else "\n"
    gap = "" if text.endswith(newline * 2) or not text else newline if text.endswith("\n") else newline * 2
    return text + gap, "", ""


def _parse(path: Path, lines: Sequence[str]) -> _Earlier:
    table = [split_line(line) for line in lines if line.lstrip().startswith("|")]
    definitions = [line for line in lines if _DEFINITION.match(line)]
    if not table:
        return _Earlier((), {}, definitions)
    columns = [_column_of(path, title) for title in table[0]]
    names = [column.name for column in columns]
    if "run_id" not in names or len(set(names)) < len(names):
        raise InputError(
            f"The table in {path} has not each column once, with Run ID among them. Mend its heading."
        )
    rows = {}
    for cells in table[2:]:
        if len(cells) != len(names):
            raise InputError(
                f"A row of the table in {path} has {len(cells)} cells where its heading has {len(names)}: "
                f"{cells[0]}. Mend it. Nothing was written."
            )
        row = dict(zip(names, cells, strict=True))
        rows[_REASON.sub("", row["run_id"])] = row
    return _Earlier(columns, rows, definitions)


def _column_of(path: Path, title: str) -> Column:
    for column in COLUMNS.values():
        if column.title == title:
            return column
    raise InputError(
        f"The table in {path} has a column {title!r}, which `segtrail log` does not know and would lose. Move what it "
        "holds out of the block, into `segtrail note` for instance. Nothing was written."
    )
