"""Reading an image that is to be segmented, and saying what forbids it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segtrail.errors import InputError
from segtrail.images.geometry import is_singular
from segtrail.images.nifti import Volume, read_channels


def read_image(files: Sequence[Path], n_channels: int) -> Volume:
    """Read an image from its files and make sure that a network can segment it.

    Args:
        files: One file that holds all channels, or one for each channel in their order.
        n_channels: Channels that the network takes.

    Returns:
        The image.

    Raises:
        InputError: A file can't be read, or the image is not such that a network can segment it.
    """
    volume = read_channels(files)
    require_segmentable(volume, n_channels, ", ".join(file.name for file in files))
    return volume


def require_segmentable(volume: Volume, n_channels: int, name: str) -> None:
    """Make sure that a network can segment an image.

    Args:
        volume: The image.
        n_channels: Channels that the network takes.
        name: What the image is called in the message.

    Raises:
        InputError: It has other channels, less than two voxels along an axis, no place in space, or voxels that are
            not finite.
    """
    found = volume.data.shape[0]
    if found != n_channels:
        hint = ""
        if n_channels > 1:
            hint = " Give them in one 4D file, or in one file each: CASE_0000.nii.gz, CASE_0001.nii.gz and so on."
        raise InputError(
            f"{name} has {found} channel{'' if found == 1 else 's'}; the network takes {n_channels}.{hint}"
        )
    if min(volume.spatial_shape) < 2:
        size = "x".join(map(str, volume.spatial_shape))
        raise InputError(f"{name} is {size} voxels; expected a volume with two or more along each axis.")
    if is_singular(volume.affine):
        raise InputError(
            f"{name} has an affine that can't be inverted, so that its voxels have no place in space. "
            "Export it again from its source; the header is damaged."
        )
    bad = int(volume.data.size - np.isfinite(volume.data).sum())
    if bad:
        raise InputError(
            f"{name} holds voxels that are NaN or infinite ({bad} of {volume.data.size}). "
            "Replace them at the step that made them."
        )
