"""Choosing the size of patches that a configuration leaves to the data and the memory."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segtrail.compute import Compute
from segtrail.config.schema import StageConfig
from segtrail.errors import InputError
from segtrail.images.resample import Shape3D
from segtrail.inference.regions import gather, organ_boxes
from segtrail.networks.build import BuiltNetwork
from segtrail.networks.footprint import activation_bytes_per_voxel
from segtrail.preprocessing.cache import PreparedCase

# Share of the device's memory that a training may be expected to take.
_MEMORY_SHARE = 0.35
# Outputs of all layers are kept for the gradient, their gradients beside them, and what the loss makes of the last.
_TRAINING_FACTOR = 3.0
_DEFAULT_DIVISOR = (16, 16, 16)


def whole_volume_size(
    config: StageConfig, built: BuiltNetwork, compute: Compute, cases: Sequence[PreparedCase]
) -> Shape3D:
    """Choose patches that hold the largest training volume, as far as the memory allows.

    Args:
        config: The stage's configuration, spacing resolved.
        built: Its network.
        compute: Device and precision.
        cases: The training cases.

    Returns:
        Voxels of a patch.
    """
    largest = np.max([case.label().shape for case in cases], axis=0)
    return _fit(largest, config, built, compute, cases)


def region_size(
    config: StageConfig, built: BuiltNetwork, compute: Compute, cases: Sequence[PreparedCase]
) -> Shape3D:
    """Choose patches that hold the organs of every training case and room around them, as far as the memory allows.

    Where the organs of a case lie too far apart for one patch, it holds the largest of them that can be joined.

    Args:
        config: The stage's configuration, spacing resolved.
        built: Its network.
        compute: Device and precision.
        cases: The training cases.

    Returns:
        Voxels of a patch.

    Raises:
        InputError: No training case holds an organ.
    """
    spacing = np.asarray(config.preprocess.spacing)
    boxes = [organ_boxes(np.asarray(case.label()), spacing.tolist()) for case in cases]
    boxes = [of_case for of_case in boxes if of_case]
    if not boxes:
        raise InputError("No training case has a labelled voxel, so that no region can be chosen.")
    margin = 2 * config.region.margin_mm
    together = np.max([gather(of_case, np.full(3, np.inf))[0].size_mm for of_case in boxes], axis=0)
    wanted = (together + margin) / spacing
    fitting = _fit(wanted, config, built, compute, cases)
    if (np.asarray(fitting) >= np.minimum(wanted, _largest(cases))).all():
        return fitting
    room = np.asarray(fitting) * spacing - margin
    apart = np.max([group.size_mm for of_case in boxes for group in gather(of_case, room)], axis=0)
    return _fit((apart + margin) / spacing, config, built, compute, cases)


def _fit(
    wanted: NDArray[np.floating] | NDArray[np.integer],
    config: StageConfig,
    built: BuiltNetwork,
    compute: Compute,
    cases: Sequence[PreparedCase],
) -> Shape3D:
    """Round a size up to what the network takes; shorten the longest side for as long as it needs too much memory."""
    divisor = np.asarray(built.size_divisor or _DEFAULT_DIVISOR)
    size = np.ceil(np.minimum(wanted, _largest(cases)) / divisor).astype(int) * divisor
    n_channels = len(cases[0].image())
    bytes_per_voxel = _TRAINING_FACTOR * activation_bytes_per_voxel(built, n_channels, compute)
    most = _MEMORY_SHARE * compute.memory_bytes() / (bytes_per_voxel * config.train.batch_size)
    while np.prod(size) > most and (size > divisor).any():
        longest = int(np.where(size > divisor, size, 0).argmax())
        size[longest] -= divisor[longest]
    return int(size[0]), int(size[1]), int(size[2])


def _largest(cases: Sequence[PreparedCase]) -> NDArray[np.int64]:
    return np.asarray(np.max([case.label().shape for case in cases], axis=0), dtype=np.int64)
