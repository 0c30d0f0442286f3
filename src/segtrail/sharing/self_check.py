"""A search through every byte of a shared copy for what must not stand there: the net below the rules."""

import io
import pickletools
import re
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path

from segtrail.dataset.names import comparable
from segtrail.methods_text.references import references
from segtrail.methods_text.text import BIBLIOGRAPHY_FILE, TEXT_FILE
from segtrail.sharing.words import (
    Words,
    hashes_in,
    holds_phrase,
    is_word,
    spellings,
    texts_of_json,
    tokens_of,
)

# In bytes that are no text, shorter names come up by chance.
_SHORTEST_IN_BYTES = 8
_MADE_OF_OTHERS = frozenset({"model_card.md", TEXT_FILE})
# Where the authors of the references stand, who may have the name of a person of the run.
_WITH_REFERENCES = (TEXT_FILE, BIBLIOGRAPHY_FILE, "/methods_text/references.bib")
_BLOCK, _END_OF_BLOCK = "```bibtex\n", "```\n"
_BLANKS = re.compile(r"\s+")
# Few bytes of a tensor are left of it, so that a thousand names are looked for quickly.
_BYTES_OF_TEXT = re.compile(rb"[\x20-\x7e]{8,}")
_BYTES_OF_WORDS = re.compile(rb"[\w\x80-\xff]+")


def find_leak(folder: Path, words: Words) -> str | None:
    """Search a copy.

    Args:
        folder: The copy.
        words: What is looked for.

    Returns:
        The file that holds some of it, and of which kind that is; None where none does.
    """
    for path in sorted(folder.rglob("*"), key=lambda one: (one.name in _MADE_OF_OTHERS, one)):
        if path.is_file():
            name, content = path.relative_to(folder).as_posix(), path.read_bytes()
            kind = _find_in_text(name, words) or _find(name, content, words)
            if kind is not None:
                return f"{name} holds {kind}"
    return None


def _find(name: str, content: bytes, words: Words) -> str | None:
    if name.endswith((".pt", ".zip")):
        return _find_in_zip(content, words)
    for text in _readings(name, content):
        if kind := _find_in_text(text, words):
            return kind
    return None


def _find_in_zip(content: bytes, words: Words) -> str | None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.namelist():
            part = archive.read(entry)
            if kind := _find_in_text(entry, words) or _find_in_member(entry, part, words):
                return kind
    return None


def _find_in_member(entry: str, part: bytes, words: Words) -> str | None:
    if entry.endswith(".pkl"):
        texts = (str(text) for _, text, _ in pickletools.genops(part) if isinstance(text, str))
        return next((kind for text in texts if (kind := _find_in_text(text, words))), None)
    if b"\0" in part or not _is_utf8(part):
        return _find_in_bytes(part, words)
    return _find(entry, part, words)


def _readings(name: str, content: bytes) -> Iterator[str]:
    """Read a file in every way in which it may hold a text."""
    text = content.decode("utf-8", "replace")
    if name.endswith(_WITH_REFERENCES):
        text = _without_known_references(text)
    yield text
    if name.endswith(".md"):
        yield text.replace("\\", "")
    if name.endswith(".json"):
        yield "\n".join(texts_of_json(content))
    if b"\0" in content:
        for encoding in ("utf-16-le", "utf-16-be"):
            yield from (content[start:].decode(encoding, "ignore") for start in (0, 1))


def _without_known_references(text: str) -> str:
    """Take the references out that the package brings along, to the byte."""
    known = set(references().values())
    before, mark, block = text.rpartition(_BLOCK)
    entries = block.removesuffix(_END_OF_BLOCK).rstrip("\n").split("\n\n")
    return before + mark + "\n\n".join(entry for entry in entries if entry not in known)


def _find_in_text(text: str, words: Words) -> str | None:
    plain = _BLANKS.sub(" ", unicodedata.normalize("NFC", text))
    if hashes_in(plain) & words.hashes:
        return "a hash that must stay"
    if any(holds_phrase(plain, path) for path in words.paths):
        return "a folder of this machine"
    folded = comparable(plain)
    tokens = tokens_of(folded)
    for name in words.names:
        if name in tokens or (not is_word(name) and holds_phrase(folded, name)):
            return "a name that must stay"
    return None


def _find_in_bytes(content: bytes, words: Words) -> str | None:
    """Search bytes that are no text, such as tensors; without zeros UTF-16 reads like UTF-8."""
    for reading in (content.lower(), content.replace(b"\0", b"").lower()):
        tokens = set(_BYTES_OF_WORDS.findall(reading))
        plain = b"\n".join(_BYTES_OF_TEXT.findall(reading))
        if any(sha256.encode() in tokens for sha256 in words.hashes):
            return "a hash that must stay"
        for name in words.names:
            searched = plain if name.isascii() else reading
            if any(_is_in_bytes(spelling, name, tokens, searched) for spelling in spellings(name)):
                return "a name that must stay"
    return None


def _is_in_bytes(spelling: bytes, name: str, tokens: set[bytes], searched: bytes) -> bool:
    if len(spelling) < _SHORTEST_IN_BYTES:
        return False
    return spelling in tokens if is_word(name) else spelling in searched


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
