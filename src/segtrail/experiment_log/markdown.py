"""The experiment log as a table in Markdown, as GitHub and GitLab read it."""

import re
from collections.abc import Iterable, Sequence

from segtrail.experiment_log.make_log import Log

_MARKS = re.compile(r"[\\`*\[\]<>|~$&]|(?<!\w)_|_(?!\w)")
_UNESCAPED_BAR = re.compile(r"(?<!\\)\|")


def as_markdown(log: Log) -> str:
    """Return the log as Markdown: the table, and what its metrics mean."""
    titles = [column.title for column in log.columns]
    rows = [[escape(text) for text in log.texts(row)] for row in log.rows]
    lines = table_lines(titles, rows)
    definitions = definition_lines(log)
    return "\n".join([*lines, *(["", *definitions] if definitions else [])]) + "\n"


def table_lines(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; cells are Markdown already."""
    return [_line(titles), _line(["---"] * len(titles)), *map(_line, rows)]


def definition_lines(log: Log) -> list[str]:
    """Say what the metrics of a log mean, a line for each."""
    return [
        f"- `{metric}`, mean over cases, then over classes: {escape(text)}"
        for metric, texts in log.definitions.items()
        for text in texts
    ]


def escape(text: str) -> str:
    """Return a text as one cell: nothing in it is markup or ends the cell, and lines are parted by ``<br>``."""
    return _MARKS.sub(lambda mark: f"\\{mark[0]}", text.strip()).replace("\n", "<br>")


def split_line(line: str) -> list[str]:
    """Part a line of a table into its cells, which stay Markdown."""
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [cell.strip() for cell in _UNESCAPED_BAR.split(inner)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
