"""Hashes of whole files."""

import hashlib
from pathlib import Path
from typing import IO

_PIECE_BYTES = 1 << 20


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read piece by piece.

    Raises:
        OSError: It can't be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_text_file(path: Path) -> str:
    """Return the SHA-256 of a text file as it was written, with line feeds, whatever line ends it was given since.

    Raises:
        OSError: It can't be read.
    """
    digest, kept = hashlib.sha256(), b""
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE_BYTES):
            piece = kept + piece
            kept = b"\r" if piece.endswith(b"\r") else b""  # its line feed may follow in the next piece
            digest.update(piece.removesuffix(kept).replace(b"\r\n", b"\n"))
    digest.update(kept)
    return digest.hexdigest()


def copy_and_hash(source: IO[bytes], target: IO[bytes] | None) -> str:
    """Copy a stream piece by piece.

    Args:
        source: Where to read.
        target: Where to write; None hashes alone.

    Returns:
        The SHA-256 of what was read, and written.

    Raises:
        OSError: It can't be read or written.
    """
    digest = hashlib.sha256()
    while piece := source.read(_PIECE_BYTES):
        digest.update(piece)
        if target is not None:
            target.write(piece)
    return digest.hexdigest()
