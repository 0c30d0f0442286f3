"""A mask as a solid whose smooth surface can be looked at, and the distance of any point from that surface."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segtrail.evaluation.masks import Box, Mask
from segtrail.images.resample import Shape3D, resample_linear

Floats = NDArray[np.float32]
Vector = NDArray[np.float64]

_LONGEST_SIDE_POINTS = 200
# Of all classes together: on the grid that is looked at, and on the one where distances are measured.
_MOST_POINTS = 4_000_000
_MOST_DISTANCE_POINTS = 400_000
_MOST_POINTS_PER_VOXEL = 4
_SMOOTHING_VOXELS = 0.8
# A smoothed mask stays this far above or below one half at the centres of its own and of all other voxels.
_HELD_BY = 0.05
_PADDING_VOXELS = 2
# Takes out the steps of the grid.
_SMOOTHING_OF_DISTANCES_POINTS = 0.7
_SMOOTHING_OF_NORMALS_MM = 1.2


@dataclass(frozen=True)
class Canvas:
    """The grid of equal sides that all solids of a picture lie on.

    Attributes:
        low_mm: Its first point, from the middle of the volume's first voxel.
        step_mm: Distance between neighbouring points.
        shape: Points along x, y and z.
        stride: Distances are measured on every so many points.
    """

    low_mm: Vector
    step_mm: float
    shape: Shape3D
    stride: int

    @classmethod
    def around(cls, boxes: Sequence[Box], spacing_mm: Vector) -> "Canvas":
        """Lay a grid around the boxes of all classes, as fine as a picture needs and time allows.

        Args:
            boxes: In voxels of the volume, at least one.
            spacing_mm: Its voxel spacing.
        """
        corners_mm = np.array([_corners_mm(box, spacing_mm) for box in boxes])
        low_mm, high_mm = corners_mm[:, 0].min(axis=0), corners_mm[:, 1].max(axis=0)
        volume_mm3 = float((corners_mm[:, 1] - corners_mm[:, 0]).prod(axis=1).sum())
        step_mm = max(
            float((high_mm - low_mm).max()) / _LONGEST_SIDE_POINTS,
            math.cbrt(volume_mm3 / _MOST_POINTS),
            float(spacing_mm.min()) / _MOST_POINTS_PER_VOXEL,
        )
        stride = max(1, round(math.cbrt(volume_mm3 / _MOST_DISTANCE_POINTS) / step_mm))
        low_mm = low_mm - step_mm
        x, y, z = (int(n) for n in np.ceil((high_mm - low_mm) / step_mm) + 2)
        return cls(low_mm, step_mm, (x, y, z), stride)

    def cut(self, box: Box, spacing_mm: Vector) -> tuple[NDArray[np.intp], Shape3D]:
        """Find the points around a box of voxels, one step to spare: the first one, and how many there are."""
        low_mm, high_mm = _corners_mm(box, spacing_mm)
        start = np.floor((low_mm - self.low_mm) / self.step_mm).astype(np.intp) - 1
        stop = np.ceil((high_mm - self.low_mm) / self.step_mm).astype(np.intp) + 2
        start, stop = np.maximum(start, 0), np.minimum(stop, self.shape)
        x, y, z = (int(n) for n in stop - start)
        return start, (x, y, z)


def _corners_mm(box: Box, spacing_mm: Vector) -> tuple[Vector, Vector]:
    """The middles of the voxels just outside of a box, from the middle of the volume's first voxel."""
    low = np.array([side.start - 1 for side in box])
    high = np.array([side.stop for side in box])
    return low * spacing_mm, high * spacing_mm


@dataclass(frozen=True)
class Solid:
    """A mask on points of a canvas.

    Attributes:
        start: Its first point on the canvas.
        occupancy: How far each point lies inside, 0 to 1; the surface is where it is one half.
        step_mm: Distance between neighbouring points.
        stride: Distances are measured on every so many points.
        is_empty: Whether the mask holds no voxel.
    """

    start: NDArray[np.intp]
    occupancy: Floats
    step_mm: float
    stride: int
    is_empty: bool

    @classmethod
    def of(cls, mask: Mask, box: Box, spacing_mm: Vector, canvas: Canvas) -> "Solid":
        """Smooth a mask and sample it; no part that holds a point of the canvas is smoothed away.

        Args:
            mask: The mask inside the box.
            box: Where it lies in the volume, in voxels.
            spacing_mm: Voxel spacing of the volume.
            canvas: The grid to sample on.
        """
        start, shape = canvas.cut(box, spacing_mm)
        if not mask.any():
            return cls(start, np.zeros((1, 1, 1), np.float32), canvas.step_mm, canvas.stride, True)
        factors = np.maximum(1, canvas.step_mm // spacing_mm).astype(int)
        padded = np.pad(mask, [(_PADDING_VOXELS * int(factor),) * 2 for factor in factors])
        smooth = _smoothed(_pooled(padded, factors))
        pooled_mm = factors * spacing_mm
        box_low = np.array([side.start for side in box])
        first_mm = (box_low - _PADDING_VOXELS * factors + (factors - 1) / 2) * spacing_mm
        points_mm = canvas.low_mm + start * canvas.step_mm
        occupancy = resample_linear(
            smooth, tuple(canvas.step_mm / pooled_mm), shape, start=tuple((points_mm - first_mm) / pooled_mm)
        )
        if not (occupancy >= 0.5).any():
            _mark_voxels(occupancy, (np.argwhere(mask) + box_low) * spacing_mm - points_mm, canvas.step_mm)
        return cls(start, occupancy, canvas.step_mm, canvas.stride, False)

    @cached_property
    def inside(self) -> Mask:
        """The points inside."""
        return np.asarray(self.occupancy >= 0.5)

    @cached_property
    def distance_mm(self) -> Floats:
        """Signed distance from the surface, negative inside, at every so many points."""
        inside, step_mm = self._every(self.inside), self.step_mm * self._stride
        outwards = ndimage.distance_transform_edt(~inside)
        inwards = ndimage.distance_transform_edt(inside)
        # The surface lies half way between the last point inside and the first one outside.
        signed = np.where(inside, 0.5 - inwards, outwards - 0.5).astype(np.float32)
        smooth = ndimage.gaussian_filter(signed, _SMOOTHING_OF_DISTANCES_POINTS, mode="nearest")
        return np.asarray(smooth * step_mm, dtype=np.float32)

    def distance_at(self, places: Floats) -> Floats:
        """Sample the signed distance.

        Args:
            places: Places in points of the solid, a row for each axis.

        Returns:
            Distances in mm.
        """
        return _sampled(self.distance_mm, places / self._stride)

    def distances_of(self, other: "Solid") -> Floats:
        """Signed distances of another solid's surface on the same points from this one's, in mm."""
        own = self.distance_mm
        at_surface = np.abs(other.distance_mm) <= 0.51 * other.step_mm * other._stride
        # The smoothed distances of a part of a few points reach nowhere near its surface.
        inside = other._every(other.inside)
        at_surface |= inside & ~ndimage.binary_erosion(inside)
        if own.shape == at_surface.shape:
            return np.asarray(own[at_surface])
        return self.distance_at(np.stack(np.nonzero(at_surface)).astype(np.float32) * other._stride)

    def normals_at(self, places: Floats) -> Floats:
        """Give the unit vectors that point outwards.

        Args:
            places: Places in points of the solid, a row for each axis.

        Returns:
            The vectors, a row for each axis.
        """
        normals = np.stack([-_sampled(along, places / self.stride) for along in self._gradient])
        return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=0), 1e-6), dtype=np.float32)

    @cached_property
    def _gradient(self) -> list[Floats]:
        step_mm = self.step_mm * self.stride
        coarse = self.occupancy[(slice(None, None, self.stride),) * 3]
        sigma = max(1.0, _SMOOTHING_OF_NORMALS_MM / step_mm)
        smooth = np.pad(ndimage.gaussian_filter(coarse, sigma, mode="constant"), 1)
        return [np.asarray(along)[1:-1, 1:-1, 1:-1] for along in np.gradient(smooth)]

    @cached_property
    def _stride(self) -> int:
        """The stride, or 1 where it would pass over all that is inside."""
        return self.stride if self.inside[(slice(None, None, self.stride),) * 3].any() else 1

    def _every(self, points: Mask) -> Mask:
        return points[(slice(None, None, self._stride),) * 3]


def _pooled(mask: Mask, factors: NDArray[np.int_]) -> Floats:
    """Share of a mask in blocks of voxels; what lies beyond its end is outside."""
    if (factors == 1).all():
        return mask.astype(np.float32)
    blocks = [-(-n // int(factor)) for n, factor in zip(mask.shape, factors, strict=True)]
    full = np.pad(mask, [(0, n * int(f) - m) for n, f, m in zip(blocks, factors, mask.shape, strict=True)])
    parts = [size for pair in zip(blocks, map(int, factors), strict=True) for size in pair]
    return np.asarray(full.reshape(parts).mean(axis=(1, 3, 5), dtype=np.float32))


def _smoothed(occupancy: Floats) -> Floats:
    """Smooth without moving the surface past the centre of a voxel, so that nothing is lost or joined."""
    smooth = ndimage.gaussian_filter(occupancy, _SMOOTHING_VOXELS, mode="constant")
    held = np.where(occupancy >= 0.5, np.maximum(smooth, 0.5 + _HELD_BY), np.minimum(smooth, 0.5 - _HELD_BY))
    return np.asarray(held, dtype=np.float32)


def _mark_voxels(occupancy: Floats, places_mm: Vector, step_mm: float) -> None:
    """Put voxels that fell between the points onto the nearest ones."""
    nearest = np.clip(np.rint(places_mm / step_mm).astype(np.intp), 1, np.array(occupancy.shape) - 2)
    occupancy[tuple(nearest.T)] = 0.75


def _sampled(values: Floats, places: NDArray[np.floating[Any]]) -> Floats:
    return np.asarray(ndimage.map_coordinates(values, places, order=1, mode="nearest"), dtype=np.float32)
