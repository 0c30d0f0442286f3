"""The parts of a report as Markdown; whatever a name holds, it marks nothing up."""

import re
from collections.abc import Iterable, Sequence

from segtrail.dataset.names import printable
from segtrail.report.parts import Bullets, Facts, Figure, Heading, Notice, Paragraph, Part, Table

# What would mark something up in the middle of a line.
_MARKUP = re.compile(r"([\\`*\[\]<>|])")


def plain(text: str) -> str:
    """Return a text for one line of Markdown that reads as it is."""
    return _MARKUP.sub(r"\\\1", printable(" ".join(text.split())))


def as_markdown(parts: Iterable[Part]) -> str:
    """Write parts of a report as Markdown, one level below the title; pictures are left out.

    Args:
        parts: The parts.

    Returns:
        Blocks with an empty line between them.
    """
    return "\n\n".join(block for part in parts if (block := _block(part)))


def bullets(texts: Iterable[str]) -> str:
    """Return sentences as a list."""
    return "\n".join(f"- {plain(text)}" for text in texts)


def _block(part: Part) -> str:
    match part:
        case Heading(text, level):
            return f"{'#' * (level + 1)} {plain(text)}"
        case Paragraph(text, _):
            return plain(text)
        case Notice(title, paragraphs, _):
            return "\n\n".join([f"**{plain(title)}**", *map(plain, paragraphs)])
        case Facts(rows, _):
            return "\n".join(f"- {plain(fact.label)}: {plain(fact.text)}" for fact in rows)
        case Bullets(items):
            return bullets(items)
        case Table():
            return _table(part)
        case Figure():
            return ""


def _table(table: Table) -> str:
    rules = ["---:" if column.align == "right" else "---" for column in table.columns]
    lines = [
        _line([plain(column.title) for column in table.columns]),
        _line(rules),
        *(_line([plain(cell) for cell in row.cells]) for row in table.rows),
    ]
    return "\n".join([*([plain(table.caption), ""] if table.caption else []), *lines])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
