"""NIfTI files: read to the last byte, written on the grid they belong to."""

import hashlib
import logging
import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from isal import igzip, igzip_lib
from numpy.typing import NDArray

from segtrail.atomic import write_bytes
from segtrail.errors import InputError

# nibabel talks of each oddity of a header on standard error; what matters is said by the errors here.
logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Volume:
    """One image or label map as its file holds it.

    Attributes:
        data: Scaled values, float32 for images, shape (C, x, y, z) in the file's own axis order.
        affine: 4x4 matrix from voxel indices to millimetres in RAS+ world space.
        stored_dtype: Data type inside the file, for example ``uint8``.
        file_sha256: SHA-256 of the file's bytes.
    """

    data: NDArray[np.float32]
    affine: NDArray[np.float64]
    stored_dtype: str
    file_sha256: str

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
        InputError: The file is missing, damaged, no NIfTI, or neither 3D nor 3D with channels.
    """
    raw = _read_bytes(path)
    content = _decompress(raw, path) if path.name.endswith(".gz") else raw
    image = _parse(content, path)
    if np.dtype(image.get_data_dtype()).kind == "c":
        raise InputError(f"{path.name} holds complex numbers; expected real intensities or labels.")
    try:
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
        data=_with_channels(data, path),
        affine=np.asarray(image.affine, dtype=np.float64),
        stored_dtype=np.dtype(image.get_data_dtype()).name,
        file_sha256=hashlib.sha256(raw).hexdigest(),
    )


def write_label_map(path: Path, labels: NDArray[np.integer], affine: NDArray[np.float64]) -> None:
    """Write a label map as ``.nii.gz``, atomically and with the same bytes every time.

    Args:
        path: File to write.
        labels: Integer labels, shape (x, y, z), on the grid that affine describes.
        affine: 4x4 matrix from voxel indices to millimetres in RAS+ world space.
    """
    dtype = np.uint8 if labels.max(initial=0) <= np.iinfo(np.uint8).max else np.uint16
    image = nibabel.Nifti1Image(labels.astype(dtype), affine)
    image.header.set_xyzt_units("mm")
    write_bytes(path, igzip.compress(image.to_bytes(), compresslevel=2, mtime=0))


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path.name} is not there.") from None
    except OSError as error:
        raise InputError(f"{path.name} can't be read: {error.strerror}.") from None


def _decompress(raw: bytes, path: Path) -> bytes:
    try:
        return bytes(igzip.decompress(raw))
    except (EOFError, OSError, zlib.error, igzip_lib.IsalError) as error:  # type: ignore[misc] # isal declares its error class as an instance
        raise InputError(
            f"{path.name} is damaged: its gzip stream is cut off or fails its checksum ({error})."
        ) from None


def _parse(content: bytes, path: Path) -> nibabel.Nifti1Image:
    for kind in (nibabel.Nifti1Image, nibabel.Nifti2Image):
        try:
            return kind.from_bytes(content)
        except Exception:  # noqa: S112 (nibabel raises many kinds for bytes that are no NIfTI)
            continue
    raise InputError(f"{path.name} is no NIfTI file: its header can't be understood.")


def _with_channels(data: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
    if data.ndim == 3:
        return data[np.newaxis]
    if data.ndim == 4:
        return np.moveaxis(data, -1, 0)
    raise InputError(f"{path.name} has {data.ndim} dimensions; expected a 3D volume, or 3D with channels.")
