"""Where voxels lie in space: spacing, orientation, and the distance between two grids."""

from dataclasses import dataclass
from itertools import product

import nibabel.orientations as orientations
import numpy as np
from numpy.typing import NDArray

Affine = NDArray[np.float64]
Array = NDArray[np.generic]


def spacing_mm(affine: Affine) -> tuple[float, float, float]:
    """Return the distance between neighbouring voxels along each axis, in mm."""
    x, y, z = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return float(x), float(y), float(z)


def voxel_volume_ml(affine: Affine) -> float:
    """Return the volume of one voxel in mL, that of a sheared one too (as a tilted gantry gives)."""
    return float(np.prod(spacing_mm(affine))) * shear_factor(affine) / 1000.0


def shear_factor(affine: Affine) -> float:
    """Return by what the volume of a voxel differs from the product of its spacings; 1 where its axes are upright."""
    factor = abs(float(np.linalg.det(affine[:3, :3] / np.asarray(spacing_mm(affine)))))
    return 1.0 if abs(factor - 1.0) < 1e-6 else factor  # rounding must not come into the figures


def axis_codes(affine: Affine) -> str:
    """Return the direction each axis points to, for example ``RAS`` or ``LPS``."""
    return "".join(str(code) for code in orientations.aff2axcodes(affine))


def is_singular(affine: Affine) -> bool:
    """Tell whether an affine can't be inverted, so that voxels have no place in space."""
    return not np.isfinite(affine).all() or abs(float(np.linalg.det(affine[:3, :3]))) < 1e-9


def largest_displacement_mm(first: Affine, second: Affine, shape: tuple[int, int, int]) -> float:
    """Measure how far two affines place the same voxel from each other.

    An affine map takes its extremes at the corners, so that the eight corners tell for all voxels.

    Args:
        first: 4x4 affine.
        second: 4x4 affine.
        shape: Number of voxels along each axis.

    Returns:
        The largest distance over all voxels, in mm.
    """
    corners = np.array([(*corner, 1.0) for corner in product(*((0, n - 1) for n in shape))])
    return float(np.linalg.norm((corners @ (first - second).T)[:, :3], axis=1).max())


@dataclass(frozen=True)
class RasReorientation:
    """The flips and transpositions that bring a volume's axes nearest to RAS, and back."""

    transform: NDArray[np.float64]

    @classmethod
    def of(cls, affine: Affine) -> "RasReorientation":
        """Find the reorientation for a volume with this affine."""
        return cls(orientations.io_orientation(affine))

    def apply(self, array: Array) -> Array:
        """Turn an array (x, y, z) in file order to RAS order."""
        return np.asarray(orientations.apply_orientation(array, self.transform))

    def undo(self, array: Array) -> Array:
        """Turn an array (x, y, z) in RAS order back to file order."""
        ras = np.array([[0, 1], [1, 1], [2, 1]], dtype=np.float64)
        return np.asarray(
            orientations.apply_orientation(array, orientations.ornt_transform(ras, self.transform))
        )

    def apply_to_affine(self, affine: Affine, shape: tuple[int, int, int]) -> Affine:
        """Return the affine of the reoriented volume whose shape was ``shape`` in file order."""
        return np.asarray(affine @ orientations.inv_ornt_aff(self.transform, shape), dtype=np.float64)
