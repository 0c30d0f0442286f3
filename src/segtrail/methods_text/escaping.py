"""Texts of the record in the Markdown of Pandoc, where they mark nothing up and cite nothing."""

import re

from segtrail.model_card.markdown import plain as plain_in_markdown

# What begins a citation, a formula, and a superscript or subscript there, besides what all Markdown knows.
_MARKUP_OF_PANDOC = re.compile(r"([@$^~])")


def plain(text: str) -> str:
    """Return a text for one line that reads as it is."""
    return _MARKUP_OF_PANDOC.sub(r"\\\1", plain_in_markdown(text))
