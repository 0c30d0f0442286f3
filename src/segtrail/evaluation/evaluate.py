"""Measuring predictions against references on the files' own grids."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segtrail.dataset.description import CaseFiles
from segtrail.evaluation.calibration import ClassCalibration, Reliability, compute_reliability
from segtrail.evaluation.metrics import ClassMetrics, compute_class_metrics, compute_dice
from segtrail.images.geometry import shear_factor, spacing_mm
from segtrail.images.nifti import Volume, read_channels, read_volume

if TYPE_CHECKING:  # these import torch, which reading a table of results does not need
    from segtrail.inference.predictor import ClassProbabilities, Predictor, Segmentation


@dataclass(frozen=True)
class ClassResult:
    """The metrics of one class of one case."""

    case: str
    split: str
    class_name: str
    metrics: ClassMetrics


@dataclass(frozen=True)
class CaseEvaluation:
    """One case: its image, its reference and its segmentation on the image's grid, and what was measured of each class.

    A class that is neither in the reference nor in the prediction has no calibration.
    """

    case: str
    volume: Volume
    reference: NDArray[np.uint8]
    segmentation: "Segmentation"
    results: tuple[ClassResult, ...]
    calibration: tuple[ClassCalibration, ...]

    @property
    def prediction(self) -> NDArray[np.uint8]:
        """The predicted label map, shape (x, y, z)."""
        return self.segmentation.labels


def evaluate_cases(
    predictor: "Predictor",
    root: Path,
    cases: Iterable[tuple[CaseFiles, str]],
    class_names: Mapping[int, str],
    tolerances_mm: Sequence[float],
) -> Iterator[CaseEvaluation]:
    """Segment cases from their files and measure every class, one case at a time.

    Args:
        predictor: The trained network.
        root: Folder of the data set.
        cases: Each case's files and the name of its side.
        class_names: Names of the classes without background, by label value.
        tolerances_mm: Tolerances of the normalised surface Dice.

    Yields:
        Each case's evaluation.
    """
    for files, side in cases:
        volume = read_channels(files.image_paths(root))
        reference = read_volume(root / files.label).data[0].astype(np.uint8)
        segmentation, probabilities = predictor.predict(volume)
        measured = measure_classes(segmentation.labels, reference, volume.affine, class_names, tolerances_mm)
        results = tuple(ClassResult(files.case, side, name, metrics) for name, metrics in measured.items())
        reliabilities = _calibrate(probabilities, segmentation.labels, reference, volume.affine, class_names)
        calibration = tuple(ClassCalibration(files.case, side, *found) for found in reliabilities)
        del probabilities  # or those of two cases would lie in memory
        yield CaseEvaluation(files.case, volume, reference, segmentation, results, calibration)


def _calibrate(
    probabilities: "ClassProbabilities",
    prediction: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    affine: NDArray[np.float64],
    class_names: Mapping[int, str],
) -> Iterator[tuple[str, Reliability]]:
    for value, name in class_names.items():
        predicted, there = prediction == value, reference == value
        if predicted.any() or there.any():
            probability = probabilities.of_class(value)
            yield name, compute_reliability(probability, predicted, there, spacing_mm(affine))


def measure_classes(
    prediction: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    affine: NDArray[np.float64],
    class_names: Mapping[int, str],
    tolerances_mm: Sequence[float],
) -> dict[str, ClassMetrics]:
    """Measure every class of a label map.

    Args:
        prediction: Predicted label map, shape (x, y, z).
        reference: Reference label map on the same grid.
        affine: Affine of that grid.
        class_names: Names of the classes without background, by label value.
        tolerances_mm: Tolerances of the normalised surface Dice.

    Returns:
        The metrics by class name.
    """
    spacing, shear = spacing_mm(affine), shear_factor(affine)
    return {
        name: compute_class_metrics(prediction == value, reference == value, spacing, tolerances_mm, shear)
        for value, name in class_names.items()
    }


def mean_dice(prediction: NDArray[np.uint8], reference: NDArray[np.uint8], values: Iterable[int]) -> float:
    """Average Dice over the classes that reference or prediction hold.

    Args:
        prediction: Label map.
        reference: Label map on the same grid.
        values: Label values of the classes.

    Returns:
        The mean; NaN when no class is in either.
    """
    scores = [compute_dice(prediction == value, reference == value) for value in values]
    counted = [score for score in scores if not np.isnan(score)]
    return float(np.mean(counted)) if counted else float("nan")
