"""Distances between the surfaces of two masks, and the metrics made from them.

The points of a surface are the centres of the boundary voxels: those voxels of a mask that have at least
one of their six face neighbours outside the mask, where everything beyond the image's edge is outside. Every
boundary voxel weighs the same, and its distance is the Euclidean one to the nearest boundary voxel of the
other mask. MONAI measures the same surfaces (``use_subvoxels=False``); tools that mesh the surface report
other numbers for the same masks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segtrail.evaluation.masks import Mask, box_around_both, check_masks, check_spacing

HD95_PERCENTILE = 95.0

# Image files store spacing in single precision: 20 voxels of "0.1 mm" come out as 2.00000003 mm and would
# otherwise miss a tolerance of 2 mm.
ROUNDING_MM = 1e-5


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances between the surfaces of two masks, one value per boundary voxel.

    Attributes:
        prediction_to_reference_mm: From each boundary voxel of the prediction to the reference's surface.
        reference_to_prediction_mm: From each boundary voxel of the reference to the prediction's surface.
    """

    prediction_to_reference_mm: NDArray[np.float64]
    reference_to_prediction_mm: NDArray[np.float64]

    def pooled_mm(self) -> NDArray[np.float64]:
        """The distances of both directions in one array."""
        return np.concatenate([self.prediction_to_reference_mm, self.reference_to_prediction_mm])


def measure_surface_distances(
    prediction: Mask, reference: Mask, spacing_mm: Sequence[float]
) -> SurfaceDistances:
    """Measure how far the boundary voxels of each mask lie from those of the other.

    Only the box around both masks is looked at; no distance depends on what lies outside.

    Args:
        prediction: Predicted mask, boolean, shape (x, y, z), not empty.
        reference: Reference mask, boolean, of the same shape, not empty.
        spacing_mm: Distance between voxel centres along x, y and z, in millimetres.

    Returns:
        The distances of both directions, in millimetres.

    Raises:
        ValueError: If a mask is empty, not boolean or not 3D, if the shapes differ, or if the spacing is out
            of range.
    """
    check_masks(prediction, reference)
    check_spacing(spacing_mm)
    if not (prediction.any() and reference.any()):
        raise ValueError("Surface distances need a voxel in both masks, but at least one mask is empty.")
    box = box_around_both(prediction, reference)
    prediction_boundary = _boundary(prediction[box])
    reference_boundary = _boundary(reference[box])
    return SurfaceDistances(
        prediction_to_reference_mm=_directed_distances_mm(
            prediction_boundary, reference_boundary, spacing_mm
        ),
        reference_to_prediction_mm=_directed_distances_mm(
            reference_boundary, prediction_boundary, spacing_mm
        ),
    )


def compute_nsd(distances: SurfaceDistances, tolerance_mm: float) -> float:
    """Normalised surface distance: the share of boundary voxels of both masks within a tolerance.

    After Nikolov et al., J Med Internet Res 23, e26151 (2021), counting voxels in place of surface area. A
    distance equal to the tolerance is within it.

    Args:
        distances: Distances between the two surfaces.
        tolerance_mm: Greatest distance that counts as agreement, in millimetres.

    Returns:
        A share between 0 and 1.

    Raises:
        ValueError: If the tolerance is negative or not finite.
    """
    check_tolerances([tolerance_mm])
    return float(np.mean(distances.pooled_mm() <= tolerance_mm + ROUNDING_MM))


def compute_hd95(distances: SurfaceDistances) -> float:
    """95th-percentile Hausdorff distance: the larger of the two directed percentiles, in millimetres.

    Between two ranks the percentile is interpolated linearly.
    """
    return max(
        float(np.percentile(distances.prediction_to_reference_mm, HD95_PERCENTILE)),
        float(np.percentile(distances.reference_to_prediction_mm, HD95_PERCENTILE)),
    )


def compute_assd(distances: SurfaceDistances) -> float:
    """Average symmetric surface distance: the mean over the boundary voxels of both masks, in millimetres."""
    return float(np.mean(distances.pooled_mm()))


def check_tolerances(tolerances_mm: Sequence[float]) -> None:
    """Check that every tolerance of the NSD is a finite number, at least 0.

    Raises:
        ValueError: If one is not.
    """
    for tolerance_mm in tolerances_mm:
        if not (math.isfinite(tolerance_mm) and tolerance_mm >= 0):
            raise ValueError(
                f"A tolerance of the NSD is {float(tolerance_mm)}, but a finite number of millimetres, "
                "at least 0, is expected."
            )


def _boundary(mask: Mask) -> Mask:
    """The mask minus its erosion by the cross of six face neighbours."""
    # One voxel of margin makes what lies beyond the box, or beyond the image, an ordinary empty neighbour.
    padded = np.pad(mask, 1)
    interior = mask.copy()
    for axis in range(mask.ndim):
        for start in (0, 2):
            neighbours = [slice(1, -1)] * mask.ndim
            neighbours[axis] = slice(start, start + mask.shape[axis])
            interior &= padded[tuple(neighbours)]
    return mask & ~interior


def _directed_distances_mm(
    from_boundary: Mask, to_boundary: Mask, spacing_mm: Sequence[float]
) -> NDArray[np.float64]:
    """Distance from each voxel of one boundary to the nearest of the other, in millimetres."""
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    # The transform's own distance map would hold eight bytes for every voxel of the box; few are asked for.
    nearest = ndimage.distance_transform_edt(
        ~to_boundary, sampling=spacing, return_distances=False, return_indices=True
    )
    steps_mm = (nearest[:, from_boundary] - np.stack(np.nonzero(from_boundary))) * spacing[:, np.newaxis]
    distances: NDArray[np.float64] = np.sqrt(np.square(steps_mm).sum(axis=0))
    return distances
