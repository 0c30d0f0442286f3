"""Choosing columns of a table by name."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from segtrail.dataset.names import shown
from segtrail.errors import InputError


class Named(Protocol):
    """A column that is asked for by its name."""

    @property
    def name(self) -> str:
        """Its name."""


AnyColumn = TypeVar("AnyColumn", bound=Named)


def choose_columns(
    asked: str | None, usual: Sequence[AnyColumn], known: Mapping[str, AnyColumn]
) -> list[AnyColumn]:
    """Read ``--columns``.

    Args:
        asked: Names parted by commas; each with a plus in front adds to the usual ones, none with one is the full list.
        usual: What is shown where nothing is asked for.
        known: All columns there are, by name.

    Returns:
        The columns, each once.

    Raises:
        InputError: A name is unknown, or only some have a plus.
    """
    if asked is None:
        return list(usual)
    names = [name.strip() for name in asked.split(",") if name.strip()]
    added = [name.startswith("+") for name in names]
    if not names or any(added) != all(added):
        raise InputError(
            f"--columns is {shown(asked)!r}. Name all columns that you want (run_id,dice,seed), or, each with a plus, "
            f"those that you want more (+seed,+fingerprint). There are: {', '.join(known)}."
        )
    wanted = [known_column(name.removeprefix("+").strip(), known, "--columns") for name in names]
    return list(dict.fromkeys([*(usual if all(added) else ()), *wanted]))


def known_column(name: str, known: Mapping[str, AnyColumn], where: str) -> AnyColumn:
    """Look a column up.

    Args:
        name: Its name.
        known: All columns there are, by name.
        where: Where it was named, for the message.

    Raises:
        InputError: There is none; the message says the nearest one.
    """
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    nearest = f"the nearest known one is {close[0]}. All" if close else "known ones"
    raise InputError(f"{where} names {shown(name)!r}, which is no column; {nearest}: {', '.join(known)}.")
