"""What a report takes over from ``model_card.md``, which is made before it."""

import re
from dataclasses import dataclass
from pathlib import Path

from segtrail.record.manifest import ADDENDA

FILE_NAME = "model_card.md"
_ESCAPED = re.compile(r"\\(.)")
_OPEN = re.compile(r"^<!-- to be written by a person: ([a-z-]+) -->$", re.MULTILINE)


@dataclass(frozen=True)
class CardText:
    """A part of a model card.

    Attributes:
        intended_use: What the program says of it; empty where it says nothing.
        limitations: One sentence or two each.
        open_questions: IDs of the questions that only a person can answer, and that nobody answered.
    """

    intended_use: str
    limitations: tuple[str, ...]
    open_questions: tuple[str, ...]


def read_card_text(run_dir: Path) -> CardText | None:
    """Read a model card.

    Args:
        run_dir: The run folder.

    Returns:
        Its intended use and limitations, of the latest card where a person answered questions; None where there is no
        card that can be read.
    """
    completed = sorted((run_dir / ADDENDA).glob("model_card_*.md"))
    try:
        text = [run_dir / FILE_NAME, *completed][-1].read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    use = [line for line in _section(text, "Intended use") if line and not line.startswith(("<", "*"))]
    limitations = [line.removeprefix("- ") for line in _section(text, "Limitations") if line.startswith("- ")]
    return CardText(
        _unescaped(use[0]) if use else "", tuple(map(_unescaped, limitations)), tuple(_OPEN.findall(text))
    )


def _section(text: str, title: str) -> list[str]:
    """Return the lines under a heading of the second level."""
    _, _, rest = text.partition(f"\n## {title}\n")
    return [line.strip() for line in rest.partition("\n## ")[0].splitlines()]


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
