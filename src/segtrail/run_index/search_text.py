"""The language of searches: a text taken apart into terms."""

import re
import unicodedata
from dataclasses import dataclass

from segtrail.dataset.names import shown
from segtrail.errors import InputError

_LONGEST, _MOST_TERMS = 2_000, 50
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_TERM = re.compile(
    rf"""(?P<minus>-?)
    (?:
        (?P<column>[^\W\d]\w*) (?P<sign><=|>=|!=|=|<|>) (?: {_QUOTED} | (?P<value>[^\s"]*) ) (?=\s|$)
        | {_QUOTED} (?=\s|$)
        | (?P<word>[^\s"]+) (?=\s|$)
    )""",
    re.VERBOSE | re.DOTALL,
)
_SIGNS = ("<", ">", "=", "!=")


@dataclass(frozen=True)
class Term:
    """One part of a search.

    Attributes:
        text: What is looked for.
        column: The column that is compared; None for words that may stand in any text.
        sign: How it is compared: ``=``, ``<``, ``<=``, ``>`` or ``>=``.
        is_negated: Whether a run that matches is left out.
        is_quoted: Whether the text stood between quotation marks, and is taken letter by letter.
    """

    text: str
    column: str | None = None
    sign: str = "="
    is_negated: bool = False
    is_quoted: bool = False


def parse(text: str) -> list[Term]:
    """Take a search apart.

    Args:
        text: Terms with blanks between them, as ``docs/runs.md`` describes them.

    Returns:
        The terms; a run must match all of them.

    Raises:
        InputError: It is too long, or a part of it is no term.
    """
    clean = "".join(map(_without_fault, text)).strip()
    if len(clean) > _LONGEST:
        raise InputError(f"The search has {len(clean)} characters; at most {_LONGEST} are taken.")
    terms, place = [], 0
    while place < len(clean):
        found = _TERM.match(clean, place)
        if found is None:
            raise InputError(
                f"The search can't be understood from {shown(clean[place:])!r} on: a quotation mark stands alone or "
                'within a word. Texts with quotation marks in them are written as "a \\"b\\" c".'
            )
        terms.append(_term(found))
        place = found.end()
        place += len(clean[place:]) - len(clean[place:].lstrip())
    if len(terms) > _MOST_TERMS:
        raise InputError(f"The search has {len(terms)} parts; at most {_MOST_TERMS} are taken.")
    return terms


def quoted(text: str) -> str:
    """Return a text as a search takes it letter by letter."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _term(found: re.Match[str]) -> Term:
    column, sign, in_quotes, value, phrase, word = found.groups()[1:]
    is_negated = bool(found["minus"])
    if word is not None:
        if word.startswith(_SIGNS):
            raise InputError(
                f"{shown(word)!r} in the search has no column before it. Write them without blanks between, as in "
                "dice>0.8; words with such signs stand between quotation marks."
            )
        return Term(word, is_negated=is_negated)
    if column is None:
        return Term(_unescape(phrase), is_negated=is_negated, is_quoted=True)
    return Term(
        value if in_quotes is None else _unescape(in_quotes),
        column,
        sign.removeprefix("!"),
        is_negated=is_negated != (sign == "!="),
        is_quoted=in_quotes is not None,
    )


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _without_fault(letter: str) -> str:
    """Take out what no database takes: controls become blanks, and halves of characters a mark."""
    category = unicodedata.category(letter)
    return " " if category == "Cc" else "\ufffd" if category == "Cs" else letter
