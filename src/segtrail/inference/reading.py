"""Taking an image that is to be segmented, from files or from memory, and saying what forbids it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrail.errors import InputError
from segtrail.images.geometry import Affine, is_singular
from segtrail.images.nifti import Volume, read_channels
from segtrail.images.nifti_header import Placement, in_millimetres


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


def volume_of_nibabel(image: Any) -> Volume:
    """Take an image that nibabel has opened; a fourth dimension becomes the channels.

    Raises:
        InputError: It holds no numbers, or has no place in space.
    """
    if image.affine is None:
        raise InputError("The nibabel image has no affine, so that its voxels have no place in space.")
    try:
        data = _real(np.asarray(image.dataobj))
    except (ValueError, TypeError, OSError, EOFError) as error:
        raise InputError(f"The nibabel image can't be read: {error}.") from None
    in_mm = hasattr(image.header, "get_xyzt_units")
    affine = (
        in_millimetres(image.header, image.affine) if in_mm else np.asarray(image.affine, dtype=np.float64)
    )
    return _volume(np.moveaxis(data, -1, 0) if data.ndim == 4 else data, affine)


def volume_of_array(array: Any, affine: Any) -> Volume:
    """Take an image that lies in memory.

    Args:
        array: Intensities, shape (x, y, z) or (C, x, y, z).
        affine: 4x4 matrix from voxel indices to millimetres in RAS+ world space.

    Raises:
        InputError: Array or affine is of another form.
    """
    if not hasattr(array, "__array__"):
        raise InputError(
            f"The image is neither a file, a list of files, a nibabel image nor an array: its type is "
            f"{type(array).__name__}."
        )
    if affine is None:
        raise InputError(
            "The image is an array, which has no place in space. Give affine=..., the 4x4 matrix from voxel indices "
            "to millimetres; numpy.diag([x, y, z, 1]) where only the spacing is known and the axes are RAS."
        )
    try:
        data = _real(np.asarray(array))
        matrix = np.asarray(affine, dtype=np.float64)
    except (ValueError, TypeError):
        raise InputError(
            "The image is neither a file, a list of files, a nibabel image nor an array of numbers with an affine."
        ) from None
    if matrix.shape != (4, 4):
        raise InputError(f"The affine has shape {matrix.shape}; expected (4, 4).")
    return _volume(data, matrix)


def _real(array: NDArray[Any]) -> NDArray[np.float32]:
    if array.dtype.fields is not None or array.dtype.kind not in "biuf":
        raise InputError(f"The image holds values of the type {array.dtype}; expected real numbers.")
    return array.astype(np.float32, copy=False)


def _volume(data: NDArray[np.float32], affine: Affine) -> Volume:
    if data.ndim not in (3, 4):
        raise InputError(f"The image has shape {data.shape}; expected (x, y, z) or (C, x, y, z).")
    _require_place(affine, "The image")
    return Volume(
        data=data if data.ndim == 4 else data[np.newaxis],
        affine=affine,
        stored_dtype=data.dtype.name,
        file_sha256="",
        placement=Placement.of_affine(affine),
    )


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
    _require_place(volume.affine, name)
    bad = int(volume.data.size - np.isfinite(volume.data).sum())
    if bad:
        raise InputError(
            f"{name} holds voxels that are NaN or infinite ({bad} of {volume.data.size}). "
            "Replace them at the step that made them."
        )


def _require_place(affine: Affine, name: str) -> None:
    if is_singular(affine):
        raise InputError(
            f"{name} has an affine that can't be inverted, so that its voxels have no place in space. "
            "Export it again from its source; the header is damaged."
        )
