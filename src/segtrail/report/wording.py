"""Numbers, times and names as a report prints them."""

import math
import re
import unicodedata
from datetime import datetime
from functools import lru_cache
from pathlib import Path

MISSING = "–"
SIDE_NAMES = {"train": "training", "val": "validation", "test": "test", "unused": "not used"}
# Not from the locale, so that a report reads the same everywhere.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DECIMALS = {"": 3, "mm": 2, "mL": 1, "%": 1}
_UNPRINTABLE_CATEGORIES = {"Cc", "Cs", "Co", "Cn"}


def format_number(value: float | None, unit: str = "") -> str:
    """Round for reading: three decimals without a unit, two for mm, one for mL and %; a dash for nothing."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:,.{_DECIMALS.get(unit, 3)}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def format_count(value: int, singular: str, plural: str = "") -> str:
    """A number with its noun, for example "1 case" and "1,200 cases"."""
    return f"{value:,} {singular if value == 1 else plural or singular + 's'}"


def format_confidence(confidence: float) -> str:
    """A share as a percentage with the digits that it needs, for example "95%" and "97.5%"."""
    return f"{confidence * 100:.3g}%"


def format_duration(seconds: float) -> str:
    """A duration in its two largest units, for example "4 min 10 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def format_time(moment: datetime) -> str:
    """A moment in UTC, in words that no country reads as another day."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M} UTC"


def join_words(words: list[str]) -> str:
    """Join as a sentence does: "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def as_sentence(text: str) -> str:
    """A text with a capital letter first and a full stop last."""
    text = text.strip()
    if not text:
        return ""
    return text[:1].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def printable(text: str) -> str:
    """Replace characters that no font of the report holds by U+FFFD, and line breaks by blanks.

    PDF/A forbids text without a glyph, so one such character in a case name would stop the report.
    """
    covered = _covered_characters()
    flat = re.sub(r"\s+", " ", text)
    return "".join(
        character
        if ord(character) in covered and unicodedata.category(character) not in _UNPRINTABLE_CATEGORIES
        else "\ufffd"
        for character in flat
    )


def shorten_name(name: str, longest: int) -> str:
    """Cut a long name in its middle, since names often differ at their end."""
    if len(name) <= longest:
        return name
    tail = (longest - 1) // 2
    return f"{name[: longest - 1 - tail]}…{name[-tail:]}"


def breakable(text: str, longest: int) -> str:
    """Let words longer than `longest` characters break: after punctuation, else where they are too long."""
    return re.sub(rf"\S{{{longest + 1},}}", lambda match: _with_breaks(match.group(), longest), text)


def _with_breaks(word: str, longest: int) -> str:
    pieces = re.findall(rf"[^_\-./\\:,]{{1,{longest}}}[_\-./\\:,]*|[_\-./\\:,]+", word)
    return "\u200b".join(pieces)


def sans_font_files() -> list[Path]:
    """The files of DejaVu Sans, regular and bold, that matplotlib brings along."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return [folder / "DejaVuSans.ttf", folder / "DejaVuSans-Bold.ttf"]


@lru_cache(maxsize=1)
def _covered_characters() -> frozenset[int]:
    """The characters of DejaVu Sans, which comes with matplotlib and is the report's last font."""
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(sans_font_files()[0])).get_charmap())
