"""NIfTI files: read to the last byte, written on the grid they belong to."""

import hashlib
import logging
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from isal import igzip, igzip_lib
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from segtrail.atomic import write_bytes
from segtrail.errors import InputError
from segtrail.images.geometry import Affine, largest_displacement_mm

# nibabel talks of each oddity of a header on standard error; what matters is said by the errors here.
logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)


_TEXT_FIELDS = ("descrip", "aux_file", "intent_name", "db_name", "data_type")
_PLACING_FIELDS = (
    *(
        "qform_code",
        "sform_code",
        "quatern_b",
        "quatern_c",
        "quatern_d",
        "qoffset_x",
        "qoffset_y",
        "qoffset_z",
    ),
    *("srow_x", "srow_y", "srow_z", "pixdim"),
)
_CHANNEL_TOLERANCE_MM = 0.01


@dataclass(frozen=True)
class Placement:
    """How a NIfTI header places its voxels in space; programs differ in which of the two affines they take.

    Attributes:
        sform: 4x4 affine in mm, RAS+; None where the header gives none.
        qform: The same as a rotation with spacing; None where the header gives none, or a damaged one.
        fields: The header's own fields for both, to be copied as they are.
        nifti_version: 1 or 2.
    """

    sform: Affine | None
    qform: Affine | None
    fields: Mapping[str, NDArray[Any]]
    nifti_version: int = 1

    @classmethod
    def of_header(cls, header: nibabel.Nifti1Header) -> "Placement":
        """Take the placement out of a header."""
        try:
            qform = header.get_qform(coded=True)[0]
        except (ValueError, HeaderDataError):  # a quaternion longer than 1
            qform = None
        return cls(
            sform=header.get_sform(coded=True)[0],
            qform=qform,
            fields={name: np.array(header[name]) for name in _PLACING_FIELDS},
            nifti_version=2 if isinstance(header, nibabel.Nifti2Header) else 1,
        )

    @classmethod
    def of_affine(cls, affine: Affine) -> "Placement":
        """Place voxels by one affine, in scanner space."""
        header = nibabel.Nifti1Header()
        header.set_data_shape((1, 1, 1))
        header.set_qform(affine, code=0)
        header.set_sform(affine, code=1)
        return cls.of_header(header)


@dataclass(frozen=True)
class HeaderNotes:
    """What a header says that is neither voxels nor place: free texts, and extensions by their code."""

    texts: Mapping[str, str] = field(default_factory=dict)
    extensions: tuple[tuple[int, bytes], ...] = ()


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
    notes: HeaderNotes = HeaderNotes()

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
        placement=Placement.of_header(image.header),
        notes=_notes(image.header),
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
            raise InputError(
                f"The channels do not share one grid: {names[0]} is {sizes[0]} voxels, {name} {sizes[1]}."
            )
        apart = largest_displacement_mm(first.affine, volume.affine, first.spatial_shape)
        if not apart <= _CHANNEL_TOLERANCE_MM:
            raise InputError(
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
    image.header.set_xyzt_units("mm")
    write_bytes(path, igzip.compress(image.to_bytes(), compresslevel=2, mtime=0))


def _notes(header: nibabel.Nifti1Header) -> HeaderNotes:
    texts = {
        name: bytes(header[name]).rstrip(b"\0 ").decode("latin-1") for name in _TEXT_FIELDS if name in header
    }
    extensions = tuple((int(item.get_code()), bytes(item.content)) for item in header.extensions)
    return HeaderNotes({name: text for name, text in texts.items() if text}, extensions)


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
    if not content:
        raise InputError(f"{path.name} is empty.")
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
