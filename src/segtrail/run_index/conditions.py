"""Searches as conditions of SQL: what a user wrote reaches the database as a parameter alone."""

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from segtrail.dataset.names import shown
from segtrail.errors import InputError
from segtrail.experiment_log.column_choice import known_column
from segtrail.run_index.indexed_run import COLUMNS, Column, Kind
from segtrail.run_index.search_text import Term

SINCE, UNTIL, CASE = "since", "until", "case"
_OTHER_NAMES = {"id": "run_id", "note": "notes", "data": "dataset", "lr": "learning_rate"}
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")
_TIME = re.compile(r"\d{4}(?:-\d\d(?:-\d\d(?:T\d\d(?::\d\d(?::\d\dZ?)?)?)?)?)?")


@dataclass(frozen=True)
class Condition:
    """A condition of SQL with its parameters."""

    sql: str
    parameters: tuple[str | float, ...] = ()


def all_of(terms: Sequence[Term]) -> Condition:
    """Return the condition that a row of ``runs`` matches all terms.

    Args:
        terms: The search.

    Raises:
        InputError: A column is unknown, or can't be compared with what is given.
    """
    conditions = [_condition(term) for term in terms]
    # A gap is not equal to anything, so a run with one is found where equal ones are left out.
    parts = [
        f"{'NOT ' if term.is_negated else ''}COALESCE({condition.sql}, 0)"
        for term, condition in zip(terms, conditions, strict=True)
    ]
    return Condition(
        " AND ".join(parts) or "1", tuple(value for condition in conditions for value in condition.parameters)
    )


def column_of(name: str, where: str) -> Column:
    """Return a column by its name in any case, or by another one that it has.

    Args:
        name: The name.
        where: Where it was named, for the message.

    Raises:
        InputError: There is none; the message has the nearest one.
    """
    lower = name.lower()
    return known_column(_OTHER_NAMES.get(lower, lower), COLUMNS, where)


def _condition(term: Term) -> Condition:
    if term.column is None:
        return _words(term)
    name = term.column.lower()
    if name in (SINCE, UNTIL, CASE) and term.sign != "=":
        raise InputError(f"The search has {name}{term.sign}; write {name}={shown(term.text) or '...'}.")
    if name == CASE:
        return _case(term)
    if name in (SINCE, UNTIL):
        return _time(COLUMNS["created"], ">=" if name == SINCE else "<=", term.text, name)
    column = column_of(name, "The search")
    if not term.text:
        return _gap(column, term)
    if column.kind == Kind.TIME:
        return _time(column, term.sign, term.text, column.name)
    if column.kind == Kind.YES_NO:
        return _yes_no(column, term)
    return _number(column, term) if column.is_number else _text(column, term)


def _words(term: Term) -> Condition:
    if not any(map(_is_searched, term.text)):
        raise InputError(f"{shown(term.text)!r} in the search has neither a letter nor a digit to look for.")
    return Condition("id IN (SELECT rowid FROM words WHERE words MATCH ?)", (_as_phrase(term),))


def _as_phrase(term: Term) -> str:
    """Write words for FTS5, where nothing between quotation marks is syntax; unquoted ones may go on."""
    phrase = '"' + term.text.replace('"', '""') + '"'
    return phrase if term.is_quoted else f"{phrase}*"


def _is_searched(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "LN"


def _case(term: Term) -> Condition:
    if not term.text:
        raise InputError("The search has case= without a name. Write case=NAME.")
    sql = "case_list IN (SELECT id FROM case_lists WHERE instr(names, char(10) || ? || char(10)))"
    return Condition(sql, (term.text,))


def _gap(column: Column, term: Term) -> Condition:
    if term.sign != "=":
        raise InputError(f"The search has {column.name}{term.sign} without a value.")
    return Condition(f"{column.name} IS NULL")


def _text(column: Column, term: Term) -> Condition:
    if term.sign == "=" and "*" in term.text and not term.is_quoted:
        pattern = re.sub(r"([%_\\])", r"\\\1", term.text).replace("*", "%")
        return Condition(f"{column.name} LIKE ? ESCAPE '\\'", (pattern,))
    return Condition(f"{column.name} {term.sign} ? COLLATE NOCASE", (term.text,))


def _number(column: Column, term: Term) -> Condition:
    try:
        number = float(term.text)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise InputError(f"The search compares {column.name} with {shown(term.text)!r}; expected a number.")
    return Condition(f"{column.name} {term.sign} ?", (number,))


def _yes_no(column: Column, term: Term) -> Condition:
    word = term.text.lower()
    if term.sign != "=" or word not in (*_YES, *_NO):
        raise InputError(
            f"The search has {column.name}{term.sign}{shown(term.text)}; expected {column.name}=yes or "
            f"{column.name}=no."
        )
    return Condition(f"{column.name} = ?", (int(word in _YES),))


def _time(column: Column, sign: str, text: str, name: str) -> Condition:
    """Compare as far as a time is given: 2026-01 is all of January."""
    if not _TIME.fullmatch(text):
        raise InputError(
            f"The search compares {name} with {shown(text)!r}; expected a time in UTC, or the beginning of one: 2026, "
            "2026-01, 2026-01-31 or 2026-01-31T12:00."
        )
    return Condition(f"substr({column.name}, 1, {len(text)}) {sign} ?", (text,))
