"""The way from a file's own voxel grid to the grid the network works on, and back."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segtrail.images.geometry import Affine, RasReorientation, spacing_mm
from segtrail.images.resample import Shape3D, resample_linear, resampled_shape


@dataclass(frozen=True)
class WorkingGrid:
    """How one volume maps onto its working grid: RAS axes at the spacing to train at.

    Attributes:
        reorientation: File axes to RAS.
        native_shape: Voxels of the reoriented file along x, y, z.
        native_spacing_mm: Spacing of the reoriented file.
        shape: Voxels of the working grid.
        spacing_mm: Spacing of the working grid.
    """

    reorientation: RasReorientation
    native_shape: Shape3D
    native_spacing_mm: tuple[float, float, float]
    shape: Shape3D
    spacing_mm: tuple[float, float, float]

    @classmethod
    def of(
        cls, affine: Affine, file_shape: tuple[int, int, int], target_mm: tuple[float, float, float]
    ) -> "WorkingGrid":
        """Plan the working grid of a volume.

        Args:
            affine: Affine of the file.
            file_shape: Voxels along the file's axes.
            target_mm: Spacing to work at, along x, y, z.

        Returns:
            The mapping.
        """
        reorientation = RasReorientation.of(affine)
        ras_spacing = spacing_mm(reorientation.apply_to_affine(affine, file_shape))
        x, y, z = reorientation.apply(np.empty(file_shape, dtype=np.bool_)).shape
        return cls(
            reorientation=reorientation,
            native_shape=(x, y, z),
            native_spacing_mm=ras_spacing,
            shape=resampled_shape((x, y, z), ras_spacing, target_mm),
            spacing_mm=target_mm,
        )

    @property
    def step(self) -> tuple[float, float, float]:
        """Distance between working voxels, in native voxels."""
        x, y, z = (want / have for want, have in zip(self.spacing_mm, self.native_spacing_mm, strict=True))
        return x, y, z

    def labels_on_file_grid(
        self, scores: NDArray[np.float32], origin: Shape3D = (0, 0, 0)
    ) -> NDArray[np.uint8]:
        """Turn class scores on the working grid into a label map on the file's own grid.

        The scores are interpolated one class at a time, so that memory does not grow with the classes.

        Args:
            scores: One map per class, background first, shape (classes, x, y, z); larger wins. They may cover a box
                of the grid alone; outside of it all is background.
            origin: First voxel of that box.

        Returns:
            The label map in file order, uint8.
        """
        labels = np.zeros(self.native_shape, dtype=np.uint8)
        box = self._native_box(scores.shape[1:], origin)
        best = self._at_native_spacing(scores[0], origin, box)
        inside = labels[box]
        for value in range(1, len(scores)):
            candidate = self._at_native_spacing(scores[value], origin, box)
            better = candidate > best
            inside[better] = value
            best = np.where(better, candidate, best)
        return np.asarray(self.reorientation.undo(labels), dtype=np.uint8)

    def score_on_file_grid(
        self, scores: NDArray[np.float32], value: int, origin: Shape3D = (0, 0, 0)
    ) -> NDArray[np.float32]:
        """Bring the score of one class to the file's own grid: what ``labels_on_file_grid`` compares.

        Args:
            scores: One map per class, background first, shape (classes, x, y, z), of the grid or a box of it;
                outside of it stand 1 for the background and 0 for the others.
            value: The class.
            origin: First voxel of that box.

        Returns:
            The map in file order, shape (x, y, z), float32. The class whose map is the largest is the one in the
            label map; of equal ones the first.
        """
        box = self._native_box(scores.shape[1:], origin)
        whole = np.full(self.native_shape, 1.0 if value == 0 else 0.0, dtype=np.float32)
        whole[box] = self._at_native_spacing(scores[value], origin, box)
        return np.asarray(self.reorientation.undo(whole), dtype=np.float32)

    def _native_box(self, shape: tuple[int, ...], origin: Shape3D) -> tuple[slice, ...]:
        """Return the native voxels whose nearest working voxel lies in a box; all of them for the whole grid."""
        box = []
        for first, n, whole, native, step in zip(
            origin, shape, self.shape, self.native_shape, self.step, strict=True
        ):
            start = max(math.ceil((first - 0.5) * step), 0)
            stop = min(math.floor((first + n - 0.5) * step) + 1, native)
            box.append(slice(start, native if first + n >= whole else stop))
        return tuple(box)

    def _at_native_spacing(
        self, score: NDArray[np.float32], origin: Shape3D, box: tuple[slice, ...]
    ) -> NDArray[np.float32]:
        x, y, z = (side.stop - side.start for side in box)
        start = [side.start / step - first for side, step, first in zip(box, self.step, origin, strict=True)]
        return resample_linear(score, tuple(1.0 / step for step in self.step), (x, y, z), start=start)
