"""Regions: where a first network finds organs, and the windows in which a second one looks at them.

Lengths are in mm along RAS, from the first voxel of the volume. Working grids of any spacing share that voxel.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segtrail.images.windows import clamp_start
from segtrail.inference.scores import largest_class

Vector = NDArray[np.float64]
Start = tuple[int, int, int]

# A part of a class counts when it has this share of the volume of the class's largest part.
_SMALLEST_PART = 0.1
_NEIGHBOURHOOD = np.ones((3, 3, 3), dtype=np.bool_)


@dataclass(frozen=True)
class Box:
    """A box, by its two outer corners in mm."""

    low_mm: Vector
    high_mm: Vector

    @classmethod
    def of_record(cls, entry: Mapping[str, Sequence[float]]) -> "Box":
        """Read a box as records give it, by its lowest corner ``low_mm`` and its ``size_mm``."""
        low = np.asarray(entry["low_mm"], dtype=np.float64)
        return cls(low, low + np.asarray(entry["size_mm"], dtype=np.float64))

    @property
    def size_mm(self) -> Vector:
        """Length of the sides."""
        return self.high_mm - self.low_mm

    @property
    def centre_mm(self) -> Vector:
        """Middle of the box."""
        return (self.low_mm + self.high_mm) / 2

    @property
    def volume(self) -> float:
        """Volume in cubic millimetres."""
        return float(np.prod(self.size_mm))

    def joined(self, other: "Box") -> "Box":
        """Return the smallest box around both."""
        return Box(np.minimum(self.low_mm, other.low_mm), np.maximum(self.high_mm, other.high_mm))


@dataclass(frozen=True)
class Found:
    """What a network found in a volume.

    Attributes:
        boxes: Around every part of every class that counts.
        volumes_ml: Volume of each class, those parts alone, by label value.
        confidence: Mean probability of the voxels found; 0 where none was.
        peak: Highest probability of any class in the volume.
    """

    boxes: tuple[Box, ...]
    volumes_ml: dict[int, float]
    confidence: float
    peak: float

    @property
    def volume_ml(self) -> float:
        """Volume of all classes together."""
        return sum(self.volumes_ml.values())


def find_organs(scores: NDArray[np.float32], spacing_mm: Sequence[float], threshold: float = 0.5) -> Found:
    """Find the parts of each class in a network's probabilities.

    Args:
        scores: Shape (classes, x, y, z), background first.
        spacing_mm: Spacing of their grid.
        threshold: A voxel belongs to an organ when its probability of any class is above this.

    Returns:
        What was found; small islands beside a larger part of the same class are left out.
    """
    foreground = 1.0 - scores[0]
    found = foreground > threshold
    classes = largest_class(scores[1:]) + 1
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    boxes: list[Box] = []
    volumes = {}
    for value in range(1, len(scores)):
        parts, voxels = _parts_that_count(found & (classes == value))
        boxes += [_box_of(part, spacing_mm) for part in parts]
        volumes[value] = voxels * voxel_ml
    confidence = float(foreground[found].mean()) if found.any() else 0.0
    return Found(tuple(boxes), volumes, confidence, float(foreground.max()))


def organ_boxes(labels: NDArray[np.uint8], spacing_mm: Sequence[float]) -> tuple[Box, ...]:
    """Return the boxes around the parts of each class of a label map, small islands left out.

    Args:
        labels: Shape (x, y, z).
        spacing_mm: Its spacing.
    """
    values = [value for value in np.unique(labels) if value != 0]
    return tuple(
        _box_of(part, spacing_mm) for value in values for part in _parts_that_count(labels == value)[0]
    )


def gather(boxes: Sequence[Box], room_mm: Vector) -> list[Box]:
    """Join boxes that fit into one window together: the largest first, each to the group that grows least by it.

    Args:
        boxes: The boxes.
        room_mm: What a window has room for, along each axis.

    Returns:
        The joined boxes.
    """
    groups: list[Box] = []
    for box in sorted(boxes, key=lambda box: box.volume, reverse=True):
        joined = [(group.joined(box), place) for place, group in enumerate(groups)]
        fitting = [(whole, place) for whole, place in joined if (whole.size_mm <= room_mm).all()]
        if fitting:
            whole, place = min(fitting, key=lambda pair: pair[0].volume - groups[pair[1]].volume)
            groups[place] = whole
        else:
            groups.append(box)
    return groups


def plan_windows(
    boxes: Sequence[Box],
    spacing_mm: Sequence[float],
    window: Sequence[int],
    shape: Sequence[int],
    margin_mm: float,
    overlap: float,
) -> list[Start]:
    """Place windows around organs: one where it holds them, several that overlap where it does not.

    Args:
        boxes: Around the organs' parts.
        spacing_mm: Spacing of the grid that the windows lie on.
        window: Voxels of one window.
        shape: Voxels of the volume.
        margin_mm: Room around the organs where several windows are needed, and half of it where one holds several.
        overlap: Share by which neighbouring windows overlap at least.

    Returns:
        First voxel of each window; a window lies inside the volume along every axis where that is long enough.
    """
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    room_mm = np.asarray(window) * spacing - margin_mm
    starts: dict[Start, None] = {}
    for box in gather(boxes, room_mm):
        along = [
            _starts_along(
                box.low_mm[axis] / spacing[axis],
                box.high_mm[axis] / spacing[axis],
                window[axis],
                shape[axis],
                margin_mm / spacing[axis],
                overlap,
            )
            for axis in range(3)
        ]
        starts |= dict.fromkeys((x, y, z) for x, y, z in product(*along))
    return list(starts)


def _starts_along(
    low: float, high: float, window: int, length: int, margin: float, overlap: float
) -> list[int]:
    """Place windows along one axis so that they hold ``low`` to ``high``, all in voxels from a voxel's middle."""
    low, high = low + 0.5, high + 0.5  # as voxel edges
    if high - low <= window:
        return [clamp_start((low + high - window) / 2, window, length)]
    first, last = max(low - margin, 0.0), min(high + margin, float(length)) - window
    count = max(2, math.ceil((last - first) / (window * (1.0 - overlap))) + 1)
    return [clamp_start(start, window, length) for start in np.linspace(first, last, count)]


def _parts_that_count(mask: NDArray[np.bool_]) -> tuple[list[tuple[slice, ...]], int]:
    """Return the boxes, in voxels, of the parts of a mask that count, and how many voxels these have."""
    around = next(iter(ndimage.find_objects(mask.view(np.uint8))), None)
    if around is None:
        return [], 0
    numbered, _ = ndimage.label(mask[around], _NEIGHBOURHOOD)
    sizes = np.bincount(numbered.ravel())[1:]
    kept = np.flatnonzero(sizes >= _SMALLEST_PART * sizes.max())
    boxes = ndimage.find_objects(numbered)
    return [_moved(boxes[place], around) for place in kept], int(sizes[kept].sum())


def _moved(part: Sequence[slice], around: Sequence[slice]) -> tuple[slice, ...]:
    return tuple(
        slice(side.start + outer.start, side.stop + outer.start)
        for side, outer in zip(part, around, strict=True)
    )


def _box_of(part: tuple[slice, ...], spacing_mm: Sequence[float]) -> Box:
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    low = np.array([side.start for side in part]) - 0.5
    high = np.array([side.stop for side in part]) - 0.5
    return Box(low * spacing, high * spacing)
