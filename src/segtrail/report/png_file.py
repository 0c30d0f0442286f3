"""Pictures of a run folder that come into its report."""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image

from segtrail.errors import InputError

# What Pillow raises of damaged files; the last is of one whose size would fill the memory.
_DAMAGES = (
    OSError,
    SyntaxError,
    ValueError,
    IndexError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def read_png(path: Path) -> tuple[bytes, tuple[int, int]] | None:
    """Read a PNG and make sure that it can be shown.

    Args:
        path: The file.

    Returns:
        Its bytes, and its width and height in pixels; None where it is not there.

    Raises:
        InputError: It is damaged.
    """
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            picture.load()
            return content, picture.size
    except FileNotFoundError:
        return None
    except _DAMAGES as error:
        raise InputError(
            f"{path} is damaged and can't be shown ({error}). Restore it from a copy of the run folder."
        ) from None
