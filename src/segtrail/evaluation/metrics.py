"""The metrics of one class in one case, and what each of them means.

What an empty mask means is decided here, and nowhere else:

* both masks empty: there is nothing to score, so every metric is NaN and the status is ``left_out``;
* one mask empty: Dice and NSD are 0, HD95 and ASSD are the diagonal of the image, which no measured
  distance reaches, and the status is ``missed`` or ``false_positive``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from segtrail.evaluation.masks import Mask, box_around_both, check_masks, check_spacing
from segtrail.evaluation.surface_distance import (
    check_tolerances,
    compute_assd,
    compute_hd95,
    compute_nsd,
    measure_surface_distances,
)

Status = Literal["ok", "missed", "false_positive", "left_out"]

CUBIC_MILLIMETRES_PER_MILLILITRE = 1000.0


@dataclass(frozen=True)
class ClassMetrics:
    """The metrics of one class in one case; an undefined value is NaN.

    Attributes:
        dice: Dice, 0 to 1.
        nsd: Normalised surface distance, 0 to 1, by its tolerance in millimetres.
        hd95_mm: 95th-percentile Hausdorff distance.
        assd_mm: Average symmetric surface distance.
        reference_volume_ml: Volume of the reference.
        predicted_volume_ml: Volume of the prediction.
        volume_error_ml: Predicted minus reference volume.
        volume_error_percent: The same in per cent of the reference volume; NaN when the reference is empty.
        status: ``ok``, ``missed`` (in the reference only), ``false_positive`` (in the prediction only) or
            ``left_out`` (in neither: not to be counted).
    """

    dice: float
    nsd: dict[float, float]
    hd95_mm: float
    assd_mm: float
    reference_volume_ml: float
    predicted_volume_ml: float
    volume_error_ml: float
    volume_error_percent: float
    status: Status

    def by_column(self) -> dict[str, float]:
        """The values under the names that `metric_definitions` explains, in the same order."""
        return {
            "dice": self.dice,
            **{nsd_column(tolerance_mm): value for tolerance_mm, value in self.nsd.items()},
            "hd95_mm": self.hd95_mm,
            "assd_mm": self.assd_mm,
            "reference_volume_ml": self.reference_volume_ml,
            "predicted_volume_ml": self.predicted_volume_ml,
            "volume_error_ml": self.volume_error_ml,
            "volume_error_percent": self.volume_error_percent,
        }


@dataclass(frozen=True)
class MetricDefinition:
    """What a reported number means.

    Attributes:
        name: The name to print.
        definition: A full sentence or more: boundary, percentile rule, tolerance and empty-mask rule.
        unit: ``mm``, ``mL``, ``%``, or empty for a plain ratio.
        better: Where a good value lies; None for a measurement that is neither good nor bad.
    """

    name: str
    definition: str
    unit: str
    better: Literal["higher", "lower", "zero"] | None


def compute_class_metrics(
    prediction: Mask,
    reference: Mask,
    spacing_mm: Sequence[float],
    tolerances_mm: Sequence[float],
    shear_factor: float = 1.0,
) -> ClassMetrics:
    """Compute every metric of one class in one case, measuring the surface distances once.

    Args:
        prediction: Predicted mask, boolean, shape (x, y, z).
        reference: Reference mask, boolean, of the same shape.
        spacing_mm: Distance between voxel centres along x, y and z, in millimetres.
        tolerances_mm: Tolerances of the NSD, in millimetres; may be empty.
        shear_factor: Volume of one voxel over the product of the spacing; 1 where its axes are upright.

    Returns:
        The metrics, with the module's rule for empty masks applied.

    Raises:
        ValueError: If a mask is not boolean or not 3D, if the shapes differ, or if a spacing or tolerance
            is out of range.
    """
    check_masks(prediction, reference)
    check_spacing(spacing_mm)
    check_tolerances(tolerances_mm)
    box = box_around_both(prediction, reference)
    if box is None:
        return _left_out(tolerances_mm)
    diagonal_mm = math.hypot(*(n * step for n, step in zip(reference.shape, spacing_mm, strict=True)))
    prediction, reference = prediction[box], reference[box]

    status = _status(prediction, reference)
    if status == "ok":
        distances = measure_surface_distances(prediction, reference, spacing_mm)
        nsd = {tolerance: compute_nsd(distances, tolerance) for tolerance in tolerances_mm}
        hd95_mm, assd_mm = compute_hd95(distances), compute_assd(distances)
    else:
        nsd = dict.fromkeys(tolerances_mm, 0.0)
        hd95_mm = assd_mm = diagonal_mm

    reference_volume_ml = compute_volume_ml(reference, spacing_mm) * shear_factor
    predicted_volume_ml = compute_volume_ml(prediction, spacing_mm) * shear_factor
    return ClassMetrics(
        dice=compute_dice(prediction, reference),
        nsd=nsd,
        hd95_mm=hd95_mm,
        assd_mm=assd_mm,
        reference_volume_ml=reference_volume_ml,
        predicted_volume_ml=predicted_volume_ml,
        volume_error_ml=predicted_volume_ml - reference_volume_ml,
        volume_error_percent=compute_volume_error_percent(predicted_volume_ml, reference_volume_ml),
        status=status,
    )


def compute_dice(prediction: Mask, reference: Mask) -> float:
    """Twice the voxels in both masks over the sum of the voxels of each (Dice, Ecology 26, 1945).

    Args:
        prediction: Predicted mask, boolean, shape (x, y, z).
        reference: Reference mask, boolean, of the same shape.

    Returns:
        Dice between 0 and 1; NaN when both masks are empty.

    Raises:
        ValueError: If a mask is not boolean or not 3D, or if the shapes differ.
    """
    check_masks(prediction, reference)
    voxels_of_both = int(np.count_nonzero(prediction)) + int(np.count_nonzero(reference))
    if voxels_of_both == 0:
        return math.nan
    return 2.0 * int(np.count_nonzero(prediction & reference)) / voxels_of_both


def compute_volume_ml(mask: Mask, spacing_mm: Sequence[float]) -> float:
    """Volume of a boolean mask in millilitres: its voxels times the volume of one."""
    return int(np.count_nonzero(mask)) * math.prod(map(float, spacing_mm)) / CUBIC_MILLIMETRES_PER_MILLILITRE


def compute_volume_error_percent(predicted_volume_ml: float, reference_volume_ml: float) -> float:
    """Predicted minus reference volume, in per cent of the reference; NaN when the reference is empty."""
    if reference_volume_ml == 0:
        return math.nan
    return 100.0 * (predicted_volume_ml - reference_volume_ml) / reference_volume_ml


def nsd_column(tolerance_mm: float) -> str:
    """Name of the NSD's column at a tolerance: ``nsd_1mm`` for 1.0, ``nsd_1.5mm`` for 1.5."""
    return f"nsd_{_plain_number(tolerance_mm)}mm"


def metric_definitions(tolerances_mm: Sequence[float]) -> dict[str, MetricDefinition]:
    """Define every reported metric, by the column that holds it.

    Args:
        tolerances_mm: Tolerances of the NSD, in millimetres.

    Returns:
        The definitions, in the order of the columns.

    Raises:
        ValueError: If a tolerance is negative or not finite.
    """
    check_tolerances(tolerances_mm)
    return {
        "dice": _DICE,
        **{nsd_column(tolerance_mm): _nsd_definition(tolerance_mm) for tolerance_mm in tolerances_mm},
        "hd95_mm": _HD95,
        "assd_mm": _ASSD,
        "reference_volume_ml": _REFERENCE_VOLUME,
        "predicted_volume_ml": _PREDICTED_VOLUME,
        "volume_error_ml": _VOLUME_ERROR,
        "volume_error_percent": _VOLUME_ERROR_PERCENT,
    }


_BOUNDARY_RULE = (
    "Boundary voxels are those with at least one of their six face neighbours outside the mask, the image's "
    "outside included; distances run between voxel centres."
)
_BOTH_EMPTY_RULE = "Left out when both masks are empty."
_ZERO_RULE = f"0 when exactly one mask is empty. {_BOTH_EMPTY_RULE}"
_DIAGONAL_RULE = f"The diagonal of the image when exactly one mask is empty. {_BOTH_EMPTY_RULE}"

_DICE = MetricDefinition(
    name="Dice",
    definition=(
        "Twice the number of voxels in both masks, divided by the sum of the voxels of the prediction and of "
        f"the reference. {_ZERO_RULE}"
    ),
    unit="",
    better="higher",
)
_HD95 = MetricDefinition(
    name="HD95",
    definition=(
        "The larger of two 95th percentiles (linear interpolation): of the distances from the prediction's "
        "boundary voxels to the reference's nearest ones, and of those the other way. "
        f"{_BOUNDARY_RULE} {_DIAGONAL_RULE}"
    ),
    unit="mm",
    better="lower",
)
_ASSD = MetricDefinition(
    name="ASSD",
    definition=(
        "The mean distance to the nearest boundary voxel of the other mask, over the boundary voxels of "
        f"prediction and reference pooled. {_BOUNDARY_RULE} {_DIAGONAL_RULE}"
    ),
    unit="mm",
    better="lower",
)
_REFERENCE_VOLUME = MetricDefinition(
    name="Reference volume",
    definition=f"The voxels of the reference times the volume of one voxel. {_BOTH_EMPTY_RULE}",
    unit="mL",
    better=None,
)
_PREDICTED_VOLUME = MetricDefinition(
    name="Predicted volume",
    definition=f"The voxels of the prediction times the volume of one voxel. {_BOTH_EMPTY_RULE}",
    unit="mL",
    better=None,
)
_VOLUME_ERROR = MetricDefinition(
    name="Volume error",
    definition=f"The predicted volume minus the reference volume. {_BOTH_EMPTY_RULE}",
    unit="mL",
    better="zero",
)
_VOLUME_ERROR_PERCENT = MetricDefinition(
    name="Relative volume error",
    definition=(
        "The predicted volume minus the reference volume, in per cent of the reference volume. "
        f"Undefined when the reference is empty. {_BOTH_EMPTY_RULE}"
    ),
    unit="%",
    better="zero",
)


def _nsd_definition(tolerance_mm: float) -> MetricDefinition:
    tolerance = f"{_plain_number(tolerance_mm)} mm"
    return MetricDefinition(
        name=f"NSD at {tolerance}",
        definition=(
            f"The share of the boundary voxels of prediction and reference that lie at most {tolerance} from "
            f"the nearest boundary voxel of the other mask, every voxel weighing the same. {_BOUNDARY_RULE} "
            f"{_ZERO_RULE}"
        ),
        unit="",
        better="higher",
    )


def _plain_number(value: float) -> str:
    return np.format_float_positional(value, trim="-")


def _left_out(tolerances_mm: Sequence[float]) -> ClassMetrics:
    return ClassMetrics(
        dice=math.nan,
        nsd=dict.fromkeys(tolerances_mm, math.nan),
        hd95_mm=math.nan,
        assd_mm=math.nan,
        reference_volume_ml=math.nan,
        predicted_volume_ml=math.nan,
        volume_error_ml=math.nan,
        volume_error_percent=math.nan,
        status="left_out",
    )


def _status(prediction: Mask, reference: Mask) -> Status:
    """Status of a class that is in at least one of the masks."""
    if not prediction.any():
        return "missed"
    return "ok" if reference.any() else "false_positive"
