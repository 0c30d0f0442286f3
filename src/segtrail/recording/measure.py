"""Measuring label maps that another program made, by the metrics of every run."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segtrail.config.schema import InferConfig
from segtrail.errors import InputError
from segtrail.evaluation.evaluate import ClassResult
from segtrail.evaluation.metrics import compute_class_metrics
from segtrail.images.geometry import shear_factor, spacing_mm
from segtrail.images.nifti import Volume, read_volume
from segtrail.recording.foreign_training import ForeignTraining, LabelPair

TOLERANCES_MM = tuple(InferConfig().nsd_tolerances_mm)
# Voxels that both place within this of each other, in mm, lie on one grid.
_SAME_PLACE_MM = 1e-3


def find_label_values(pairs: Sequence[LabelPair]) -> list[int]:
    """Collect the label values of all references but background."""
    values: set[int] = set()
    for pair in pairs:
        values |= set(map(int, np.unique(_labels(pair.reference)[0])))
    return sorted(values - {0})


def measure_pairs(training: ForeignTraining) -> Iterator[tuple[LabelPair, list[ClassResult]]]:
    """Measure each label map against its reference, on the grid that both share.

    Args:
        training: Whose classes and label maps are taken.

    Yields:
        Each pair with the metrics of its classes.

    Raises:
        InputError: A label map can't be read, or lies on another grid than its reference.
    """
    for pair in training.validation:
        yield pair, measure_pair(pair, training.classes, training.ignored_label)


def measure_pair(
    pair: LabelPair, classes: Mapping[str, tuple[int, ...]], ignored_label: int | None
) -> list[ClassResult]:
    """Measure one label map.

    Args:
        pair: The label map and its reference.
        classes: Label values of each class.
        ignored_label: A label value of the reference whose voxels count for nothing.

    Returns:
        The metrics of each class.

    Raises:
        InputError: A file can't be read, or the grids differ.
    """
    prediction, volume = _labels(pair.prediction)
    reference, of_reference = _labels(pair.reference)
    _require_same_grid(pair, volume, of_reference)
    counts = reference != ignored_label if ignored_label is not None else np.ones(reference.shape, bool)
    spacing, shear = spacing_mm(of_reference.affine), shear_factor(of_reference.affine)
    return [
        ClassResult(
            pair.case,
            "val",
            name,
            compute_class_metrics(
                np.isin(prediction, values) & counts,
                np.isin(reference, values) & counts,
                spacing,
                TOLERANCES_MM,
                shear,
            ),
        )
        for name, values in classes.items()
    ]


def _labels(path: Path) -> tuple[NDArray[np.int64], Volume]:
    volume = read_volume(path)
    data = volume.data[0]
    labels = np.rint(data)
    if not np.array_equal(labels, data):
        raise InputError(f"{path.name} holds fractions, where a label map holds whole numbers.")
    return labels.astype(np.int64), volume


def _require_same_grid(pair: LabelPair, prediction: Volume, reference: Volume) -> None:
    if prediction.spatial_shape != reference.spatial_shape:
        sizes = [" x ".join(map(str, shape)) for shape in (prediction.spatial_shape, reference.spatial_shape)]
        raise InputError(
            f"The label map of {pair.case} has {sizes[0]} voxels, its reference {sizes[1]}: they can't be compared."
        )
    corners = np.array(np.meshgrid(*[(0, size - 1) for size in reference.spatial_shape])).reshape(3, -1)
    moved = (prediction.affine - reference.affine) @ np.vstack([corners, np.ones(corners.shape[1])])
    if float(np.abs(moved[:3]).max()) > _SAME_PLACE_MM:
        raise InputError(
            f"The label map of {pair.case} lies elsewhere than its reference: their headers differ by up to "
            f"{float(np.abs(moved[:3]).max()):.3g} mm. They can't be compared."
        )
