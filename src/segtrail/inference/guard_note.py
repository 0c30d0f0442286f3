"""What the guard of a search in regions notes down of a case, and the words for it."""

from dataclasses import dataclass
from typing import Literal, Protocol

Reason = Literal[
    "nothing_found",
    "low_confidence",
    "volume",
    "border",
    "class_missing",
    "disagreement",
    "image_edge",
    "other_part",
]
Action = Literal[
    "lowered_threshold", "widened", "searched_everywhere", "left_empty", "kept", "marked", "left_out"
]

# In a few words, for tables.
REASON_NAMES: dict[str, str] = {
    "nothing_found": "nothing found at first",
    "low_confidence": "unsure",
    "volume": "unusual volume",
    "border": "reached the region's border",
    "class_missing": "a class is missing",
    "disagreement": "the two networks disagree",
    "image_edge": "reaches the image's edge",
    "other_part": "a second part left out",
}
_ACTIONS: dict[str, str] = {
    "lowered_threshold": "It was looked at there.",
    "widened": "The region was widened.",
    "searched_everywhere": "The whole volume was searched, and that result taken.",
    "left_empty": "The map was left empty.",
    "kept": "Searching the whole volume gave nothing better, so the result was kept: look at it.",
    "marked": "Look at it.",
    "left_out": "It was left out.",
}


@dataclass(frozen=True)
class GuardNote:
    """Something that was out of the ordinary in one case, and what was done about it."""

    reason: Reason
    evidence: str
    action: Action


def format_ml(volume: float) -> str:
    """Write a volume with three significant digits, never as a power of ten."""
    return f"{volume:,.0f} mL" if volume >= 100 else f"{volume:.3g} mL"


class _Note(Protocol):
    """A note, or what was read of one in a record."""

    @property
    def evidence(self) -> str: ...

    @property
    def action(self) -> str: ...


def describe_note(note: _Note) -> str:
    """Put a note into sentences: what was out of the ordinary, and what was done."""
    return f"{note.evidence} {_ACTIONS.get(note.action, f'What was done: {note.action}.')}"
