"""A sheet with every case of a data set: one slice each, with the outlines of its labels."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from segtrail.report.parts import Tone
from segtrail.report.wording import printable, sans_font_files

# The montage that a run keeps of its data; of more cases it shows a sample.
FILE_NAME = "dataset_montage.png"
MOST_TILES_OF_RUN = 400
_LARGEST_SIDE = 192
_GAP = 6
_FRAME_SHARE = 1 / 64
_WIDTH_TO_HEIGHT = 1.4
_GREY = 235
_INK = (28, 36, 48)
# Okabe and Ito's palette, which people with any colour blindness can tell apart; text says the same as the frames.
_OUTLINES = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2")
_FRAMES = {"bad": "#D55E00", "warning": "#E69F00"}
_MARKS = {"bad": "error", "warning": "warning"}


@dataclass(frozen=True, eq=False)
class Tile:
    """One case of the sheet.

    Attributes:
        case: Its name.
        image: Slice to show, uint8, shape (rows, columns), each at most 192; None where the image can't be read.
        label: Label map of the same shape.
        tone: What the checks said: bad for an error, warning for a warning.
    """

    case: str
    image: NDArray[np.uint8] | None
    label: NDArray[np.uint8] | None
    tone: Tone = "neutral"


def draw_montage(tiles: Sequence[Tile], most_pixels: float) -> bytes:
    """Draw the sheet.

    Args:
        tiles: The cases in their order, from left to right and downwards; at least one.
        most_pixels: Size to keep the sheet below; with many cases each becomes smaller.

    Returns:
        A PNG; the same tiles give the same bytes.
    """
    side = max(16, min(_LARGEST_SIDE, int(math.sqrt(most_pixels / len(tiles))) - _GAP - 12))
    band = max(9, side // 9)
    font = ImageFont.truetype(str(sans_font_files()[0]), size=max(6, band * 2 // 3))
    width, height = side + _GAP, side + _GAP + band
    columns = max(1, min(len(tiles), round(math.sqrt(len(tiles) * _WIDTH_TO_HEIGHT * height / width))))
    sheet = Image.new("RGB", (columns * width, math.ceil(len(tiles) / columns) * height), "white")
    draw = ImageDraw.Draw(sheet)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        left, top = column * width + _GAP // 2, row * height + band
        sheet.paste(Image.fromarray(_draw_tile(tile, side)), (left, top))
        draw.text((left, top - 1), _name(tile, font, side), fill=_INK, font=font, anchor="ld")
    stream = io.BytesIO()
    sheet.save(stream, format="PNG")
    return stream.getvalue()


def _draw_tile(tile: Tile, side: int) -> NDArray[np.uint8]:
    square = np.full((side, side, 3), _GREY if tile.image is None else 0, dtype=np.uint8)
    if tile.image is not None:
        image = _shrunk(tile.image, side)
        height, width = image.shape
        top, left = (side - height) // 2, (side - width) // 2
        inner = square[top : top + height, left : left + width]
        inner[:] = image[:, :, np.newaxis]
        label = np.zeros_like(image) if tile.label is None else _shrunk(tile.label, side)
        for value in np.unique(label[label > 0]):
            inner[_outline(label == value)] = _rgb(_OUTLINES[(int(value) - 1) % len(_OUTLINES)])
    if tile.tone in _FRAMES:
        thick = max(1, round(side * _FRAME_SHARE))
        frame = np.ones((side, side), dtype=np.bool_)
        frame[thick:-thick, thick:-thick] = False
        square[frame] = _rgb(_FRAMES[tile.tone])
    return square


def _shrunk(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Take every so many pixels where a slice was taken for a larger tile."""
    step = _LARGEST_SIDE / side
    rows, columns = (((np.arange(max(1, int(n / step))) + 0.5) * step).astype(np.intp) for n in pixels.shape)
    return pixels[rows][:, columns]


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a mask that have a neighbour outside it; the edge of the picture counts as inside."""
    padded = np.pad(mask, 1, mode="edge")
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(mask & ~inside)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _name(tile: Tile, font: ImageFont.FreeTypeFont, side: int) -> str:
    """Return what stands above a tile, with as much of the name as there is room for."""
    mark = "unreadable" if tile.image is None else _MARKS.get(tile.tone, "")
    mark = f" ({mark})" if mark else ""
    name = printable(tile.case)
    shown = name
    while shown and font.getlength(shown + mark) > side:
        name = name[:-1]
        shown = f"{name}…" if name else ""
    return shown + mark
