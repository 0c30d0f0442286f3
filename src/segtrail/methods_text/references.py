"""BibTeX for what a text cites."""

import re
from importlib import resources

_CITED = re.compile(r"\[@([a-z0-9; @]+)\]")
_KEY = re.compile(r"@[a-z]+\{([a-z0-9]+),")


def cite(*keys: str) -> str:
    """Return a citation in the form of Pandoc, with a blank before it."""
    return f" [{'; '.join(f'@{key}' for key in keys)}]"


def cited_keys(text: str) -> list[str]:
    """Return the keys that a text cites, each once, sorted."""
    return sorted({key.strip(" @") for group in _CITED.findall(text) for key in group.split(";")})


def references() -> dict[str, str]:
    """Return the BibTeX entries of the package by their keys."""
    source = resources.files("segtrail.methods_text").joinpath("references.bib").read_text(encoding="utf-8")
    return {match[1]: entry for entry in source.strip().split("\n\n") if (match := _KEY.match(entry))}


def bibliography(text: str) -> str:
    """Return an entry for each key that a text cites, in the order of the keys.

    Args:
        text: Text with citations of ``cite``.

    Returns:
        BibTeX.

    Raises:
        KeyError: It cites what ``references.bib`` does not have.
    """
    entries = references()
    return "\n\n".join(entries[key] for key in cited_keys(text)) + "\n"
