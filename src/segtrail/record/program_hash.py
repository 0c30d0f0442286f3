"""A hash of the program itself, since two working copies may carry the same version."""

import hashlib
from pathlib import Path

import segtrail

_SUFFIXES = (".py", ".typ")


def hash_program() -> str:
    """Return the SHA-256 over names and contents of the package's sources, line ends as line feeds."""
    root = Path(segtrail.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*"), key=lambda path: path.relative_to(root).as_posix()):
        if path.suffix in _SUFFIXES:
            content = path.read_bytes().replace(b"\r\n", b"\n")
            digest.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()
