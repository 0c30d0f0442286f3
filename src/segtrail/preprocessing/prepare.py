"""Preparing one volume: reorient, resample, normalise. Training and inference share it."""

import numpy as np
from numpy.typing import NDArray

from segtrail.config.schema import PreprocessConfig
from segtrail.images.nifti import Volume
from segtrail.images.resample import resample_labels, resample_linear
from segtrail.preprocessing.grid import WorkingGrid
from segtrail.preprocessing.normalise import normalise


def working_grid(volume: Volume, config: PreprocessConfig) -> WorkingGrid:
    """Plan the working grid of a volume; ``preprocess.spacing`` must be resolved."""
    assert config.spacing is not None
    return WorkingGrid.of(volume.affine, volume.spatial_shape, config.spacing)


def prepare_image(volume: Volume, grid: WorkingGrid, config: PreprocessConfig) -> NDArray[np.float32]:
    """Bring an image to its working grid and intensity scale.

    Args:
        volume: The image.
        grid: Its working grid.
        config: Method of normalisation, and whether to smooth before sampling down.

    Returns:
        Intensities, shape (C, x, y, z), float32.
    """
    channels = []
    for channel in volume.data:
        ras = grid.reorientation.apply(channel).astype(np.float32, copy=False)
        sampled = resample_linear(ras, grid.step, grid.shape, antialias=config.antialias)
        # the order of the voxels decides the last bits of mean and deviation
        channels.append(normalise(np.ascontiguousarray(sampled), config))
    return np.stack(channels)


def prepare_label(volume: Volume, grid: WorkingGrid) -> NDArray[np.uint8]:
    """Bring a label map to its image's working grid.

    Args:
        volume: The label map.
        grid: The image's working grid.

    Returns:
        Labels, shape (x, y, z), uint8.
    """
    labels = grid.reorientation.apply(volume.data[0]).astype(np.uint8)
    return np.ascontiguousarray(resample_labels(labels, grid.step, grid.shape))
