"""A hash of the program itself, since two working copies may carry the same version."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import segtrail

_SUFFIXES = (".py", ".typ", ".css", ".bib")


def hash_program() -> str:
    """Return the SHA-256 over names and contents of the package's sources, line ends as line feeds."""
    return hash_sources(program_sources())


def program_sources() -> dict[str, bytes]:
    """Read the package's sources, line ends as line feeds, by their path in the package."""
    root = Path(segtrail.__file__).parent
    return {
        path.relative_to(root).as_posix(): path.read_bytes().replace(b"\r\n", b"\n")
        for path in root.rglob("*")
        if path.suffix in _SUFFIXES
    }


def hash_sources(sources: Mapping[str, bytes]) -> str:
    """Return the SHA-256 over names and contents of sources."""
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(f"{name} {len(sources[name])}\n".encode())
        digest.update(sources[name])
    return digest.hexdigest()
