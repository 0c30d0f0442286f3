"""The parts a report is built of: each says what stands there, none how it looks."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Tone = Literal["neutral", "good", "warning", "bad"]


@dataclass(frozen=True)
class Heading:
    """A heading, which is a bookmark too; it may start a page."""

    text: str
    level: int = 1
    starts_page: bool = False


@dataclass(frozen=True)
class Paragraph:
    """Running text; `small` for what is said beside the point, `missing` where a part is not there."""

    text: str
    style: Literal["body", "small", "missing"] = "body"


@dataclass(frozen=True)
class Notice:
    """A box that nobody should miss."""

    title: str
    paragraphs: Sequence[str]
    tone: Tone = "neutral"


@dataclass(frozen=True)
class Fact:
    """A label with its value; `code` for hashes and commands."""

    label: str
    text: str
    code: bool = False


@dataclass(frozen=True)
class Facts:
    """Labels with values, in one or two columns."""

    rows: Sequence[Fact]
    columns: Literal[1, 2] = 1


@dataclass(frozen=True)
class Bullets:
    """Sentences below each other, each with a bullet."""

    items: Sequence[str]


@dataclass(frozen=True)
class Column:
    """A column of a table; its width is a share of the line."""

    title: str
    share: float = 1.0
    align: Literal["left", "right"] = "left"
    code: bool = False


@dataclass(frozen=True)
class Row:
    """A row of a table, tinted by its tone."""

    cells: Sequence[str]
    tone: Tone = "neutral"


@dataclass(frozen=True)
class Table:
    """A table that breaks over pages and repeats its header; the caption tells how to read it."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    caption: str = ""
    side_by_side: bool = False
    keep_together: bool = False


@dataclass(frozen=True)
class Figure:
    """A picture with what it shows (alt) and how to read it (caption).

    It may take what is left of its page (``fills_page``), or stay on one page with the next part (``keeps_with_next``).
    """

    file: str
    alt: str
    caption: str
    content: bytes = field(repr=False)
    width_percent: int = 100
    fills_page: bool = False
    keeps_with_next: bool = False


Part = Heading | Paragraph | Notice | Facts | Bullets | Table | Figure


def as_data(part: Part) -> dict[str, Any]:
    """Give a part as what JSON can hold, with the name of its kind.

    Args:
        part: The part.

    Returns:
        Its fields, without a figure's content.
    """
    values = asdict(part)
    values.pop("content", None)
    return {"kind": type(part).__name__.lower(), **values}
