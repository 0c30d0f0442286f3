"""Zip files whose bytes follow from their content alone."""

import io
import zipfile
from collections.abc import Mapping

# The first moment that the format knows.
_MOMENT = (1980, 1, 1, 0, 0, 0)
_RIGHTS = 0o644 << 16


def stored_zip(content: Mapping[str, bytes]) -> bytes:
    """Pack files, sorted and uncompressed: what compressing gives depends on the library.

    Args:
        content: The files by path, with forward slashes.

    Returns:
        The zip file.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as opened:
        for name in sorted(content):
            opened.writestr(zip_entry(name), content[name])
    return stream.getvalue()


def zip_entry(name: str) -> zipfile.ZipInfo:
    """Return an entry that is the same on every system, whenever it is made."""
    entry = zipfile.ZipInfo(name, _MOMENT)
    entry.create_system = 3  # Unix, on Windows too
    entry.external_attr = _RIGHTS
    return entry
