"""Reading every file of a data set once, whole: facts, hashes and what is wrong with them."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segtrail.dataset.containment import lies_inside
from segtrail.dataset.description import CaseFiles, DatasetDescription
from segtrail.dataset.findings import Finding
from segtrail.dataset.reading.case_checks import (
    Find,
    check_agreement,
    check_header,
    check_image,
    check_label,
)
from segtrail.dataset.reading.privacy import check_names, check_privacy
from segtrail.dataset.reading.quick_look import QuickLook, take_quick_look
from segtrail.errors import InputError
from segtrail.images.geometry import RasReorientation, axis_codes, is_singular, spacing_mm, voxel_volume_ml
from segtrail.images.nifti import UnsuitableVolume, Volume, read_volume, stack_channels
from segtrail.images.nifti_bytes import count_values
from segtrail.parallel import count_at_once

PERCENTILES = (0.0, 0.5, 5.0, 50.0, 95.0, 99.5, 100.0)
# Measured: file, float32 values, and what percentiles and the coarse view need beside them.
_BYTES_PER_VALUE = 16
_PLANES = 16


@dataclass(frozen=True)
class FileFacts:
    """What is known of an image or label. Shape, spacing and orientation are those of the file's own axes."""

    files: tuple[str, ...]
    sha256_file: str
    sha256_voxels: str
    dtype: str
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    orientation: str
    affine: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class CaseScan:
    """What reading one case gave; facts are None where a file could not be used.

    Attributes:
        intensity_percentiles: For each channel, intensity by percentile.
        volumes_ml: Volume of each class by name.
        quick_look: Small views of the case; None where the image could not be used.
        read_now: Whether the files were read, not remembered from a reading before.
    """

    case: str
    group: str | None
    image: FileFacts | None
    label: FileFacts | None
    intensity_percentiles: tuple[dict[str, float], ...]
    volumes_ml: dict[str, float]
    findings: tuple[Finding, ...]
    quick_look: QuickLook | None = field(default=None, compare=False, repr=False)
    read_now: bool = field(default=True, compare=False)

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of the bytes of its files: ``image`` and ``label``, as far as they can be used."""
        files = {"image": self.image, "label": self.label}
        return {name: facts.sha256_file for name, facts in files.items() if facts is not None}


def scan_dataset(
    description: DatasetDescription,
    geometry_tolerance_mm: float,
    on_case: Callable[[str], None] = lambda _: None,
    scan_one: Callable[[DatasetDescription, CaseFiles, float], CaseScan] | None = None,
) -> tuple[CaseScan, ...]:
    """Read every case of a data set and note its facts and faults.

    Args:
        description: The data set.
        geometry_tolerance_mm: Largest distance allowed between the grids of image and label.
        on_case: Called with each case's name when it has been read.
        scan_one: Gives the scan of one case; by default ``scan_case`` reads it.

    Returns:
        One scan per case, in the description's order.
    """

    def scan(files: CaseFiles) -> CaseScan:
        result = (scan_one or scan_case)(description, files, geometry_tolerance_mm)
        on_case(files.case)
        return result

    with ThreadPoolExecutor(max_workers=_count_readers(description)) as pool:
        return tuple(pool.map(scan, description.cases))


def _count_readers(description: DatasetDescription) -> int:
    largest = max((_count_values(description, case) for case in description.cases), default=0)
    return count_at_once(_BYTES_PER_VALUE * largest)


def _count_values(description: DatasetDescription, case: CaseFiles) -> int:
    return sum(
        count_values(path) for path in (*case.image_paths(description.root), description.root / case.label)
    )


def scan_case(description: DatasetDescription, files: CaseFiles, geometry_tolerance_mm: float) -> CaseScan:
    """Read the image and the label of one case; see ``scan_dataset``."""
    findings: list[Finding] = []

    def find(check: str, evidence: str) -> None:
        findings.append(Finding(check, files.case, evidence))

    check_names(files, find)
    image = _read_image(description, files.images, geometry_tolerance_mm, find)
    label = _read(description, files.label, geometry_tolerance_mm, find)
    if image is not None:
        check_image(image, ", ".join(files.images), description.n_channels, find)
    if label is not None:
        check_label(label, files.label, description.labels, find)
    if image is not None and label is not None:
        check_agreement(image, label, geometry_tolerance_mm, find)
    return CaseScan(
        case=files.case,
        group=files.group,
        image=_facts(image, files.images) if image else None,
        label=_facts(label, (files.label,)) if label else None,
        intensity_percentiles=_percentiles(image) if image else (),
        volumes_ml=_volumes_ml(label, description.class_names) if label else {},
        findings=tuple(findings),
        quick_look=take_quick_look(image, label) if image else None,
    )


def voxel_hash(volume: Volume) -> str:
    """Hash the voxels of a volume in RAS order, whatever the file's name, type, compression or axis order.

    Args:
        volume: An image or label map with an affine that can be inverted.

    Returns:
        SHA-256 of the shape and the float32 values.
    """
    reorientation = RasReorientation.of(volume.affine)
    digest = hashlib.sha256()
    for channel in volume.data:
        array = reorientation.apply(channel)
        digest.update(repr(array.shape).encode())
        for start in range(0, len(array), _PLANES):  # in slabs, so that no second volume is made
            digest.update(_in_c_order(array[start : start + _PLANES]).data)
    return digest.hexdigest()


def _in_c_order(slab: NDArray[np.generic]) -> NDArray[np.float32]:
    """Copy a slab in tiles, which is four times as fast as at once where x comes first in memory, as in NIfTI."""
    copied = np.empty(slab.shape, dtype="<f4")
    for start in range(0, slab.shape[2], _PLANES):
        copied[:, :, start : start + _PLANES] = slab[:, :, start : start + _PLANES]
    copied += np.float32(0)  # no -0.0
    return copied


def _read_image(
    description: DatasetDescription, files: tuple[str, ...], tolerance_mm: float, find: Find
) -> Volume | None:
    channels = [_read(description, file, tolerance_mm, find) for file in files]
    whole = [channel for channel in channels if channel is not None]
    if len(whole) < len(files):
        return None
    try:
        return stack_channels(whole, files)
    except InputError as error:
        find("dimensions", str(error).rstrip("."))
        return None


def _read(description: DatasetDescription, file: str, tolerance_mm: float, find: Find) -> Volume | None:
    path = description.root / file
    if not lies_inside(path, description.root):
        find("files-inside", f"{file} is a link out of the data set's folder")
        return None
    try:
        volume = read_volume(path)
    except UnsuitableVolume as error:
        find("dimensions", str(error).replace(path.name, file, 1).rstrip("."))
        return None
    except InputError as error:
        find("files-readable", str(error).replace(path.name, file, 1).rstrip("."))
        return None
    check_privacy(file, volume.notes, find)
    if is_singular(volume.affine):
        find("affine", f"{file}: its affine can't be inverted, so that its voxels have no place in space")
        return None
    check_header(volume, file, tolerance_mm, find)
    return volume


def _facts(volume: Volume, files: tuple[str, ...]) -> FileFacts:
    return FileFacts(
        files=files,
        sha256_file=volume.file_sha256,
        sha256_voxels=voxel_hash(volume),
        dtype=volume.stored_dtype,
        shape=volume.spatial_shape,
        spacing_mm=spacing_mm(volume.affine),
        orientation=axis_codes(volume.affine),
        affine=tuple(tuple(float(value) for value in row) for row in volume.affine),
    )


def _percentiles(image: Volume) -> tuple[dict[str, float], ...]:
    return tuple(_channel_percentiles(channel, PERCENTILES) for channel in image.data)


def _channel_percentiles(channel: NDArray[np.float32], percentiles: Sequence[float]) -> dict[str, float]:
    values_in_memory_order = channel.ravel(order="K")
    finite = np.isfinite(values_in_memory_order)
    if not finite.any():
        return {}
    known = values_in_memory_order if finite.all() else values_in_memory_order[finite]
    values = np.percentile(known, percentiles)
    return {f"{key:g}": float(value) for key, value in zip(percentiles, values, strict=True)}


def _volumes_ml(label: Volume, class_names: dict[int, str]) -> dict[str, float]:
    voxel_ml = voxel_volume_ml(label.affine)
    return {name: int((label.data[0] == value).sum()) * voxel_ml for value, name in class_names.items()}
