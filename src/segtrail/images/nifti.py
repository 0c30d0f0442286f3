"""NIfTI files: read to the last byte, written on the grid they belong to."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from isal import igzip
from numpy.typing import NDArray

from segtrail.atomic import write_bytes
from segtrail.errors import InputError
from segtrail.images.geometry import Affine, largest_displacement_mm
from segtrail.images.nifti_bytes import read_bytes, unpack
from segtrail.images.nifti_header import HeaderNotes, Placement, in_millimetres, names_a_unit

# nibabel talks of each oddity of a header on standard error; what matters is said by the errors here.
logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)


_CHANNEL_TOLERANCE_MM = 0.01


class UnsuitableVolume(InputError):
    """A whole file that holds something else than a 3D image of real numbers, with channels or without."""


@dataclass(frozen=True)
class Volume:
    """One image or label map as its file holds it.

    Attributes:
        data: Scaled values, float32 for images, shape (C, x, y, z) in the file's own axis order.
        affine: 4x4 matrix from voxel indices to millimetres in RAS+ world space.
        stored_dtype: Data type inside the file, for example ``uint8``.
        file_sha256: SHA-256 of the file's bytes; of several files, of their hashes one after the other.
        placement: How the header places the voxels; ``affine`` is what follows from it.
        notes: What else the header says.
    """

    data: NDArray[np.float32]
    affine: Affine
    stored_dtype: str
    file_sha256: str
    placement: Placement
    notes: HeaderNotes = field(default_factory=HeaderNotes)

    @property
    def spatial_shape(self) -> tuple[int, int, int]:
        """Number of voxels along the file's three axes."""
        x, y, z = self.data.shape[1:]
        return int(x), int(y), int(z)


def read_volume(path: Path) -> Volume:
    """Read a ``.nii`` or ``.nii.gz`` file whole, gzip checksum included.

    nibabel alone reads many damaged gzip files without a word, because it stops before their checksum.

    Args:
        path: The file.

    Returns:
        The volume; a fourth dimension becomes the channels.

    Raises:
        UnsuitableVolume: It holds colours, complex numbers, or neither 3D nor 3D with channels.
        InputError: The file is missing, damaged, no ordinary file or no NIfTI.
    """
    try:
        raw = read_bytes(path)
        image = _parse(unpack(raw, path), path)
        _require_real_volume(image, path)
        data = np.asarray(image.dataobj, dtype=np.float32)
    except MemoryError:
        raise InputError(
            f"{path.name} holds more voxels than the memory here can take, or its header is damaged."
        ) from None
    except (ValueError, TypeError, OSError, OverflowError) as error:
        raise InputError(
            f"{path.name} holds fewer voxels than its header says, or of an unknown kind."
        ) from error
    return Volume(
        data=data[np.newaxis] if data.ndim == 3 else np.moveaxis(data, -1, 0),
        affine=in_millimetres(image.header, image.affine),
        stored_dtype=np.dtype(image.get_data_dtype()).name,
        file_sha256=hashlib.sha256(raw).hexdigest(),
        placement=Placement.of_header(image.header),
        notes=HeaderNotes.of_header(image.header),
    )


def read_channels(paths: Sequence[Path]) -> Volume:
    """Read an image whose channels lie in one file, or in one file each.

    Args:
        paths: The files, in the order of the channels.

    Returns:
        The volume; its place and notes are those of the first file.

    Raises:
        InputError: A file can't be read, or the files do not share one grid.
    """
    return stack_channels([read_volume(path) for path in paths], [path.name for path in paths])


def stack_channels(volumes: Sequence[Volume], names: Sequence[str]) -> Volume:
    """Join the channels of volumes on one grid; see ``read_channels``.

    Args:
        volumes: The volumes, in the order of the channels.
        names: Their files, for the message.

    Raises:
        InputError: The volumes do not share one grid.
    """
    first = volumes[0]
    if len(volumes) == 1:
        return first
    for volume, name in zip(volumes[1:], names[1:], strict=True):
        if volume.spatial_shape != first.spatial_shape:
            sizes = ["x".join(map(str, shape)) for shape in (first.spatial_shape, volume.spatial_shape)]
            raise UnsuitableVolume(
                f"The channels do not share one grid: {names[0]} is {sizes[0]} voxels, {name} {sizes[1]}."
            )
        apart = largest_displacement_mm(first.affine, volume.affine, first.spatial_shape)
        if not apart <= _CHANNEL_TOLERANCE_MM:
            raise UnsuitableVolume(
                f"The channels do not share one grid: {names[0]} and {name} lie up to {apart:.3g} mm apart."
            )
    return replace(
        first,
        data=np.concatenate([volume.data for volume in volumes]),
        file_sha256=hashlib.sha256("".join(volume.file_sha256 for volume in volumes).encode()).hexdigest(),
    )


def write_label_map(path: Path, labels: NDArray[np.integer], placement: Placement) -> None:
    """Write a label map as ``.nii.gz``, atomically and with the same bytes every time.

    Args:
        path: File to write.
        labels: Integer labels, shape (x, y, z).
        placement: Where the voxels lie: that of the image they belong to, so that both overlay in every program.
    """
    dtype = np.uint8 if labels.max(initial=0) <= np.iinfo(np.uint8).max else np.uint16
    write_volume(path, labels.astype(dtype), placement)


def write_volume(path: Path, data: NDArray[Any], placement: Placement) -> None:
    """Write an array as ``.nii.gz`` in its own data type, atomically and with the same bytes every time.

    Args:
        path: File to write.
        data: Values, shape (x, y, z), or (x, y, z, C) with channels.
        placement: Where the voxels lie.
    """
    kind = nibabel.Nifti2Image if placement.nifti_version == 2 else nibabel.Nifti1Image
    image = kind(data, None)
    for name, value in placement.fields.items():
        image.header[name] = value
    image.header["pixdim"][4:] = 1.0
    if not names_a_unit(image.header):
        image.header.set_xyzt_units("mm")
    write_bytes(path, igzip.compress(image.to_bytes(), compresslevel=2, mtime=0))


def _parse(content: bytes, path: Path) -> nibabel.Nifti1Image:
    if not content:
        raise InputError(f"{path.name} is empty.")
    for kind in (nibabel.Nifti1Image, nibabel.Nifti2Image):
        try:
            return kind.from_bytes(content)
        except Exception:  # noqa: S112 (nibabel raises many kinds for bytes that are no NIfTI)
            continue
    raise InputError(f"{path.name} is no NIfTI file: its header can't be understood.")


def _require_real_volume(image: nibabel.Nifti1Image, path: Path) -> None:
    dtype = np.dtype(image.get_data_dtype())
    if dtype.fields is not None:
        raise UnsuitableVolume(f"{path.name} holds colours (RGB); expected intensities or labels.")
    if dtype.kind == "c":
        raise UnsuitableVolume(f"{path.name} holds complex numbers; expected real intensities or labels.")
    shape = image.shape
    if len(shape) not in (3, 4):
        raise UnsuitableVolume(
            f"{path.name} has {len(shape)} dimensions; expected a 3D volume, or 3D with channels."
        )
    if 0 in shape:
        raise UnsuitableVolume(f"{path.name} is {'x'.join(map(str, shape))} voxels; expected a volume.")
