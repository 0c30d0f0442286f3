"""The experiment log on a terminal, or as plain text where it is piped."""

from collections.abc import Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from segtrail.experiment_log.make_log import Log

_GAP = "-"
# What a column that may be wrapped needs, and what stands between columns.
_NARROWEST, _BETWEEN = 12, 2


def print_log(log: Log, stream: TextIO) -> None:
    """Print the log: a table as wide as the terminal, where that is too narrow a few lines for each run.

    Off a terminal nothing is cut or wrapped: each run is one line.
    """
    console = Console(file=stream, markup=False, highlight=False)
    titles = [column.title for column in log.columns]
    rows = [[text or _GAP for text in log.texts(row)] for row in log.rows]
    if not console.is_terminal:
        _print_plain(titles, rows, stream)
        return
    if _total(_least_widths(log, rows)) <= console.width:
        console.print(_table(log, rows, console.width))
    else:
        _print_stacked(titles, rows, console)
    for metric, texts in log.definitions.items():
        console.print(f"\n{metric}, mean over cases, then over classes: {' Or: '.join(texts)}")


def _table(log: Log, rows: Sequence[Sequence[str]], width: int) -> Table:
    """Draw a table; where not all columns have the room that they want, long texts share what the others leave."""
    natural = _widths([column.title for column in log.columns], rows)
    is_tight = _total(natural) > width
    has_long = any(column.is_long for column in log.columns)
    table = Table(box=None, pad_edge=False, padding=(0, _BETWEEN, 0, 0), expand=is_tight and has_long)
    for column, least in zip(log.columns, _least_widths(log, rows), strict=True):
        if column.is_long and is_tight:
            table.add_column(column.title, min_width=least, ratio=1, overflow="fold")
        else:
            table.add_column(column.title, width=least if is_tight else None)
    for row in rows:
        table.add_row(*row)
    return table


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _BETWEEN * (len(widths) - 1)


def _least_widths(log: Log, rows: Sequence[Sequence[str]]) -> list[int]:
    """Return how narrow each column may be: no word is broken but in long texts."""
    titles = ["\n".join(column.title.split()) for column in log.columns]
    words = _widths(titles, [["\n".join(text.split()) for text in row] for row in rows])
    return [
        min(width, _NARROWEST) if column.is_long else width
        for column, width in zip(log.columns, words, strict=True)
    ]


def _print_plain(titles: Sequence[str], rows: Sequence[Sequence[str]], stream: TextIO) -> None:
    lines = [list(titles), *[[" / ".join(text.splitlines()) for text in row] for row in rows]]
    widths = _widths(titles, lines)
    for line in lines:
        cells = [text + " " * (width - cell_len(text)) for text, width in zip(line, widths, strict=True)]
        stream.write("  ".join(cells).rstrip() + "\n")


def _print_stacked(titles: Sequence[str], rows: Sequence[Sequence[str]], console: Console) -> None:
    for row in rows:
        for place, (title, text) in enumerate(zip(titles, row, strict=True)):
            indented = text.replace("\n", "\n    ")
            console.print(f"{'' if place == 0 else '  '}{title}: {indented}", soft_wrap=True)


def _widths(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the width of each column; a text of several lines is as wide as its longest."""
    return [
        max(
            cell_len(line)
            for text in (title, *(row[place] for row in rows))
            for line in text.splitlines() or [""]
        )
        for place, title in enumerate(titles)
    ]
