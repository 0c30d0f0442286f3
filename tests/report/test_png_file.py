"""A damaged picture of a run is named, whatever is wrong with it."""

import struct
import zlib
from pathlib import Path

import pytest

from segtrail.errors import InputError
from segtrail.report.png_file import read_png

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def header(side: int = 2, length: int = 13) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)[:length])


PIXELS = chunk(b"IDAT", zlib.compress(b"\0\1\2" * 2))
END = chunk(b"IEND", b"")


def test_a_whole_picture_is_read_with_its_size(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(_SIGNATURE + header() + PIXELS + END)
    assert read_png(path) == (path.read_bytes(), (2, 2))
    assert read_png(tmp_path / "b.png") is None


@pytest.mark.parametrize(
    "content",
    [
        _SIGNATURE + header(side=60_000) + PIXELS + END,
        _SIGNATURE + header(length=9) + PIXELS + END,
        _SIGNATURE + header() + chunk(b"pHYs", b"\0") + PIXELS + END,
        _SIGNATURE + header() + chunk(b"IDAT", b"no pixels") + END,
        _SIGNATURE + header(),
        _SIGNATURE,
        b"no picture",
    ],
)
def test_a_damaged_picture_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.png is damaged and can't be shown"):
        read_png(path)
