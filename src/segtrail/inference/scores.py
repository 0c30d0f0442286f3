"""Probabilities of the classes, and the labels they mean."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]


def largest_class(scores: Scores) -> NDArray[np.uint8]:
    """Return for each voxel the class with the largest score; of equal ones the first.

    Args:
        scores: Shape (classes, x, y, z), finite.

    Returns:
        Shape (x, y, z), uint8.
    """
    labels = np.zeros(scores.shape[1:], dtype=np.uint8)
    best = scores[0]
    for value in range(1, len(scores)):  # NumPy's argmax along the first axis is many times slower
        np.copyto(labels, value, where=scores[value] > best)
        if value + 1 < len(scores):
            best = np.maximum(best, scores[value])
    return labels


@dataclass(frozen=True)
class BoxScores:
    """Probabilities inside a box of the working grid; outside of it all is background.

    Attributes:
        values: Shape (classes, x, y, z), float32, background first.
        origin: First voxel of the box on the working grid.
    """

    values: Scores
    origin: tuple[int, int, int]

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """Class of each voxel, shape (x, y, z)."""
        return largest_class(self.values)
