"""The outline of boxes where a plane cuts them, drawn as one shape where they overlap."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segtrail.inference.regions import Box

Segment = tuple[tuple[float, float], tuple[float, float]]

# Edges nearer to each other than this are one edge.
_SAME_EDGE_DECIMALS = 3


def outline_in_plane(
    boxes: Sequence[Box], normal: int, place_mm: float, across: int, up: int
) -> list[Segment]:
    """Cut boxes by a plane and return the edge of all they cover there.

    Args:
        boxes: The boxes.
        normal: Axis that the plane stands on.
        place_mm: Where it stands, in the boxes' coordinates.
        across: Axis of the first coordinate of the result.
        up: Axis of the second one.

    Returns:
        Start and end of each straight piece, in mm; none where the plane misses every box.
    """
    cut = [box for box in boxes if box.low_mm[normal] <= place_mm <= box.high_mm[normal]]
    if not cut:
        return []
    columns, rows = _edges(cut, across), _edges(cut, up)
    covered = np.zeros((len(columns) + 1, len(rows) + 1), dtype=np.bool_)
    for box in cut:
        first, last = (np.searchsorted(columns, _rounded(end[across])) for end in (box.low_mm, box.high_mm))
        bottom, top = (np.searchsorted(rows, _rounded(end[up])) for end in (box.low_mm, box.high_mm))
        covered[first + 1 : last + 1, bottom + 1 : top + 1] = True
    upright = [
        ((columns[i], rows[j - 1]), (columns[i], rows[j]))
        for i, j in np.argwhere(covered[1:] != covered[:-1])
    ]
    level = [
        ((columns[i - 1], rows[j]), (columns[i], rows[j]))
        for i, j in np.argwhere(covered[:, 1:] != covered[:, :-1])
    ]
    return [((float(x0), float(y0)), (float(x1), float(y1))) for (x0, y0), (x1, y1) in (*upright, *level)]


def _edges(boxes: Sequence[Box], axis: int) -> NDArray[np.float64]:
    ends = [end[axis] for box in boxes for end in (box.low_mm, box.high_mm)]
    return np.unique(_rounded(np.asarray(ends)))


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.round(values, _SAME_EDGE_DECIMALS)
