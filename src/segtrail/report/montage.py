"""A sheet with every case of a data set: one slice each, with the outlines of its labels."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from segtrail.report.parts import Tone
from segtrail.report.wording import printable

_BAND = 20
_GAP = 6
_FRAME = 3
_DOTS_PER_INCH = 100
_LONGEST_NAME = 24
_GREY = 235
# Okabe and Ito's palette, which people with any colour blindness can tell apart; text says the same as the frames.
_OUTLINES = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2")
_FRAMES = {"bad": "#D55E00", "warning": "#E69F00"}
_MARKS = {"bad": "error", "warning": "warning"}


@dataclass(frozen=True, eq=False)
class Tile:
    """One case of the sheet.

    Attributes:
        case: Its name.
        image: Slice to show, uint8, shape (rows, columns); None where the image can't be read.
        label: Label map of the same shape.
        tone: What the checks said: bad for an error, warning for a warning.
    """

    case: str
    image: NDArray[np.uint8] | None
    label: NDArray[np.uint8] | None
    tone: Tone = "neutral"


def draw_montage(tiles: Sequence[Tile], side: int, width_to_height: float = 1.4) -> bytes:
    """Draw the sheet.

    Args:
        tiles: The cases in their order, from left to right and downwards; at least one.
        side: Pixels of a tile; slices are at most so large.
        width_to_height: Wanted shape of the sheet.

    Returns:
        A PNG; the same tiles give the same bytes.
    """
    cell_width, cell_height = side + _GAP, side + _GAP + _BAND
    columns = max(
        1, min(len(tiles), round(math.sqrt(len(tiles) * width_to_height * cell_height / cell_width)))
    )
    rows = math.ceil(len(tiles) / columns)
    canvas = np.full((rows * cell_height, columns * cell_width, 3), 255, dtype=np.uint8)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        top, left = row * cell_height + _BAND, column * cell_width + _GAP // 2
        canvas[top : top + side, left : left + side] = _draw_tile(tile, side)
    return _with_names(canvas, tiles, columns, cell_width, cell_height)


def _draw_tile(tile: Tile, side: int) -> NDArray[np.uint8]:
    square = np.full((side, side, 3), _GREY if tile.image is None else 0, dtype=np.uint8)
    if tile.image is not None:
        height, width = tile.image.shape
        top, left = (side - height) // 2, (side - width) // 2
        inner = square[top : top + height, left : left + width]
        inner[:] = tile.image[:, :, np.newaxis]
        if tile.label is not None:
            for value in np.unique(tile.label[tile.label > 0]):
                inner[_outline(tile.label == value)] = _rgb(_OUTLINES[(int(value) - 1) % len(_OUTLINES)])
    if tile.tone in _FRAMES:
        frame = np.ones((side, side), dtype=np.bool_)
        frame[_FRAME:-_FRAME, _FRAME:-_FRAME] = False
        square[frame] = _rgb(_FRAMES[tile.tone])
    return square


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a mask that have a neighbour outside it; the edge of the picture counts as inside."""
    padded = np.pad(mask, 1, mode="edge")
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(mask & ~inside)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _with_names(
    canvas: NDArray[np.uint8], tiles: Sequence[Tile], columns: int, cell_width: int, cell_height: int
) -> bytes:
    height, width = canvas.shape[:2]
    with matplotlib.style.context("default"):
        figure = Figure(figsize=(width / _DOTS_PER_INCH, height / _DOTS_PER_INCH), dpi=_DOTS_PER_INCH)
        FigureCanvasAgg(figure)
        figure.figimage(canvas, origin="upper")
        for place, tile in enumerate(tiles):
            row, column = divmod(place, columns)
            x = (column * cell_width + _GAP // 2) / width
            y = 1 - (row * cell_height + _BAND - 5) / height
            figure.text(x, y, _name(tile), fontsize=9, va="baseline", parse_math=False, color="#1c2430")
        stream = io.BytesIO()
        figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _name(tile: Tile) -> str:
    mark = "unreadable" if tile.image is None else _MARKS.get(tile.tone, "")
    longest = _LONGEST_NAME - (len(mark) + 2 if mark else 0)
    name = printable(tile.case)
    shortened = name if len(name) <= longest else f"{name[: longest - 1]}…"
    return f"{shortened} ({mark})" if mark else shortened
