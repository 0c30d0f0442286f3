"""Zip files whose bytes follow from their content alone."""

import io
import stat
import zipfile
from collections.abc import Mapping

# The first moment that the format knows.
_MOMENT = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_ATTRIBUTES = (stat.S_IFREG | 0o644) << 16


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
            opened.writestr(zip_entry(name, len(content[name])), content[name])
    return stream.getvalue()


def zip_entry(name: str, n_bytes: int) -> zipfile.ZipInfo:
    """Return an entry that is the same on every system, whenever it is made.

    Args:
        name: Its path, with forward slashes.
        n_bytes: Its size, which says whether it needs the fields of zip64.
    """
    entry = zipfile.ZipInfo(name, _MOMENT)
    entry.create_system = _UNIX
    entry.external_attr = _ATTRIBUTES
    entry.file_size = n_bytes
    return entry
