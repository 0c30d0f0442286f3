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
    """Print the log, and on a terminal what its metrics mean."""
    titles = [column.title for column in log.columns]
    longs = [column.is_long for column in log.columns]
    print_table(titles, longs, [log.texts(row) for row in log.rows], stream)
    console = _console(stream)
    if console.is_terminal:
        for metric, texts in log.definitions.items():
            console.print(f"\n{metric}, mean over cases, then over classes: {' Or: '.join(texts)}")


def print_table(
    titles: Sequence[str], longs: Sequence[bool], rows: Sequence[Sequence[str]], stream: TextIO
) -> None:
    """Print a table as wide as the terminal; where that is too narrow a few lines for each row.

    Off a terminal nothing is cut or wrapped: each row is one line.

    Args:
        titles: The heading of each column.
        longs: Whether a column may be wrapped.
        rows: The cells; an empty one is shown as a gap.
        stream: Where to print.
    """
    console = _console(stream)
    filled = [[text or _GAP for text in row] for row in rows]
    if not console.is_terminal:
        _print_plain(titles, filled, stream)
    elif _total(_least_widths(titles, longs, filled)) <= console.width:
        console.print(_table(titles, longs, filled, console.width))
    else:
        _print_stacked(titles, filled, console)


def _console(stream: TextIO) -> Console:
    return Console(file=stream, markup=False, highlight=False)


def _table(titles: Sequence[str], longs: Sequence[bool], rows: Sequence[Sequence[str]], width: int) -> Table:
    """Draw a table; where not all columns have the room that they want, long texts share what the others leave."""
    is_tight = _total(_widths(titles, rows)) > width
    table = Table(box=None, pad_edge=False, padding=(0, _BETWEEN, 0, 0), expand=is_tight and any(longs))
    for title, is_long, least in zip(titles, longs, _least_widths(titles, longs, rows), strict=True):
        if is_long and is_tight:
            table.add_column(title, min_width=least, ratio=1, overflow="fold")
        else:
            table.add_column(title, width=least if is_tight else None)
    for row in rows:
        table.add_row(*row)
    return table


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _BETWEEN * (len(widths) - 1)


def _least_widths(titles: Sequence[str], longs: Sequence[bool], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return how narrow each column may be: no word is broken but in long texts."""
    words = _widths(
        ["\n".join(title.split()) for title in titles],
        [["\n".join(text.split()) for text in row] for row in rows],
    )
    return [min(width, _NARROWEST) if is_long else width for is_long, width in zip(longs, words, strict=True)]


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
