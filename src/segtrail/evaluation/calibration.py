"""Calibration: whether of the voxels that a network gives 70% to a class, 70% are of that class."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILE_NAME = "calibration.json"
N_BINS = 10
# Far from an organ all is certain and right, and would hide what happens at its edge.
MARGIN_MM = 10.0
DEFINITION = (
    f"Voxels are sorted by the probability that the network gives to the class, into {N_BINS} bins of equal width. A "
    "bin is calibrated where the mean probability of its voxels is the share of them that the reference gives to the "
    "class. error is the mean of the absolute differences over the bins, weighted by their voxels (expected "
    "calibration error, ECE); bias the mean probability minus the share of all voxels. Voxels are those in the box "
    f"around reference and prediction of the class, widened by at least {MARGIN_MM:g} mm on each side, in whole "
    "voxels, within the image."
)


@dataclass(frozen=True)
class Reliability:
    """The voxels of one class, sorted by the probability that the network gives to the class.

    Attributes:
        voxels: Number of voxels of each bin; the bins have equal width from 0 to 1.
        probability_sums: Sum of the probabilities in each bin.
        class_voxels: How many voxels of each bin are of the class in the reference.
    """

    voxels: tuple[int, ...]
    probability_sums: tuple[float, ...]
    class_voxels: tuple[int, ...]

    @property
    def n_voxels(self) -> int:
        """Number of all voxels."""
        return sum(self.voxels)

    @property
    def error(self) -> float:
        """Expected calibration error (Naeini et al., AAAI 2015; Guo et al., ICML 2017)."""
        gaps = (
            abs(total - found) for total, found in zip(self.probability_sums, self.class_voxels, strict=True)
        )
        return math.fsum(gaps) / self.n_voxels

    @property
    def bias(self) -> float:
        """Mean probability minus the share of voxels of the class; positive where too much is called the class."""
        return (math.fsum(self.probability_sums) - sum(self.class_voxels)) / self.n_voxels

    def __add__(self, other: "Reliability") -> "Reliability":
        """Pool the voxels of both."""
        return Reliability(
            tuple(a + b for a, b in zip(self.voxels, other.voxels, strict=True)),
            tuple(a + b for a, b in zip(self.probability_sums, other.probability_sums, strict=True)),
            tuple(a + b for a, b in zip(self.class_voxels, other.class_voxels, strict=True)),
        )


@dataclass(frozen=True)
class ClassCalibration:
    """How well one class of one case is calibrated."""

    case: str
    split: str
    class_name: str
    reliability: Reliability


def compute_reliability(
    probability: NDArray[np.float32],
    prediction: NDArray[np.bool_],
    reference: NDArray[np.bool_],
    spacing_mm: Sequence[float],
) -> Reliability:
    """Sort the voxels around an organ by their probability.

    Args:
        probability: Probability of the class, shape (x, y, z), 0 to 1.
        prediction: What was segmented as the class, of the same shape.
        reference: What is of the class, of the same shape.
        spacing_mm: Voxel spacing (x, y, z).

    Returns:
        The bins.

    Raises:
        ValueError: Neither mask holds a voxel.
    """
    box = _box_around(prediction, reference, spacing_mm)
    values, inside = probability[box].ravel(), reference[box].ravel()
    edges = np.linspace(0.0, 1.0, N_BINS + 1, dtype=np.float32)[1:-1]
    bins = np.searchsorted(edges, values, side="right")
    return Reliability(
        tuple(np.bincount(bins, minlength=N_BINS).tolist()),
        tuple(np.bincount(bins, weights=values, minlength=N_BINS).tolist()),
        tuple(np.bincount(bins[inside], minlength=N_BINS).tolist()),
    )


def _box_around(
    prediction: NDArray[np.bool_], reference: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> tuple[slice, ...]:
    box = []
    for axis, spacing in enumerate(spacing_mm):
        others = tuple(other for other in range(3) if other != axis)
        seen = np.flatnonzero(prediction.any(axis=others) | reference.any(axis=others))
        if not len(seen):
            raise ValueError("Neither mask holds a voxel.")
        margin = math.ceil(MARGIN_MM / spacing)
        box.append(slice(max(int(seen[0]) - margin, 0), int(seen[-1]) + margin + 1))
    return tuple(box)


def describe_calibration(cases: Sequence[ClassCalibration]) -> dict[str, Any]:
    """Say how well cases are calibrated, each for itself and pooled.

    Args:
        cases: The calibrations; a class that is neither in the reference nor in the prediction of a case has none.

    Returns:
        The content of ``calibration.json`` but its ``schema_version``.
    """
    return {
        "definition": DEFINITION,
        "margin_mm": MARGIN_MM,
        "cases": [
            {
                "case": one.case,
                "split": one.split,
                "class": one.class_name,
                "voxels": one.reliability.n_voxels,
                "error": one.reliability.error,
                "bias": one.reliability.bias,
            }
            for one in cases
        ],
        "pooled": [
            {
                "split": split,
                "class": name,
                "cases": len(members),
                "voxels": pooled.n_voxels,
                "error": pooled.error,
                "bias": pooled.bias,
                "bins": _describe_bins(pooled),
            }
            for (split, name), members in _grouped(cases).items()
            for pooled in [_pool(one.reliability for one in members)]
        ],
    }


def _grouped(cases: Iterable[ClassCalibration]) -> Mapping[tuple[str, str], list[ClassCalibration]]:
    groups: dict[tuple[str, str], list[ClassCalibration]] = {}
    for one in cases:
        groups.setdefault((one.split, one.class_name), []).append(one)
    return groups


def _pool(parts: Iterable[Reliability]) -> Reliability:
    first, *others = parts
    for other in others:
        first += other
    return first


def _describe_bins(pooled: Reliability) -> list[dict[str, Any]]:
    edges = [place / N_BINS for place in range(N_BINS + 1)]
    rows = zip(pairwise(edges), pooled.voxels, pooled.probability_sums, pooled.class_voxels, strict=True)
    return [
        {
            "from": low,
            "to": high,
            "voxels": voxels,
            "mean_probability": total / voxels if voxels else None,
            "share_of_class": found / voxels if voxels else None,
        }
        for (low, high), voxels, total, found in rows
    ]
