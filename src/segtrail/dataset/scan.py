"""Reading every file of a data set once, whole: facts, hashes and what is wrong with them."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segtrail.dataset.description import CaseFiles, DatasetDescription
from segtrail.dataset.findings import Finding
from segtrail.errors import InputError
from segtrail.images.geometry import (
    RasReorientation,
    axis_codes,
    is_singular,
    largest_displacement_mm,
    spacing_mm,
)
from segtrail.images.nifti import Volume, read_volume, stack_channels

PERCENTILES = (0.0, 0.5, 5.0, 50.0, 95.0, 99.5, 100.0)


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
    """

    case: str
    group: str | None
    image: FileFacts | None
    label: FileFacts | None
    intensity_percentiles: tuple[dict[str, float], ...]
    volumes_ml: dict[str, float]
    findings: tuple[Finding, ...]


def scan_dataset(
    description: DatasetDescription,
    geometry_tolerance_mm: float,
    on_case: Callable[[str], None] = lambda _: None,
) -> tuple[CaseScan, ...]:
    """Read every case of a data set and note its facts and faults.

    Args:
        description: The data set.
        geometry_tolerance_mm: Largest distance allowed between the grids of image and label.
        on_case: Called with each case's name when it has been read.

    Returns:
        One scan per case, in the description's order.
    """

    def scan(files: CaseFiles) -> CaseScan:
        result = scan_case(description, files, geometry_tolerance_mm)
        on_case(files.case)
        return result

    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, 4)) as pool:
        return tuple(pool.map(scan, description.cases))


def scan_case(description: DatasetDescription, files: CaseFiles, geometry_tolerance_mm: float) -> CaseScan:
    """Read the image and the label of one case; see ``scan_dataset``."""
    findings: list[Finding] = []

    def find(check: str, evidence: str) -> None:
        findings.append(Finding(check, files.case, evidence))

    image = _read_image(description, files.images, find)
    label = _read(description, files.label, find)
    if image is not None:
        _check_image(image, ", ".join(files.images), description.n_channels, find)
    if label is not None:
        _check_label(label, files.label, description.labels, find)
    if image is not None and label is not None:
        _check_agreement(image, label, geometry_tolerance_mm, find)
    return CaseScan(
        case=files.case,
        group=files.group,
        image=_facts(image, files.images) if image else None,
        label=_facts(label, (files.label,)) if label else None,
        intensity_percentiles=_percentiles(image) if image else (),
        volumes_ml=_volumes_ml(label, description.class_names) if label else {},
        findings=tuple(findings),
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
        array = np.ascontiguousarray(reorientation.apply(channel), dtype="<f4") + np.float32(0)  # no -0.0
        digest.update(repr(array.shape).encode())
        digest.update(array.data)
    return digest.hexdigest()


def _read_image(
    description: DatasetDescription, files: tuple[str, ...], find: Callable[[str, str], None]
) -> Volume | None:
    channels = [_read(description, file, find) for file in files]
    whole = [channel for channel in channels if channel is not None]
    if len(whole) < len(files):
        return None
    try:
        return stack_channels(whole, files)
    except InputError as error:
        find("dimensions", str(error).rstrip("."))
        return None


def _read(description: DatasetDescription, file: str, find: Callable[[str, str], None]) -> Volume | None:
    path = description.root / file
    if not path.resolve().is_relative_to(description.root.resolve()):
        find(
            "files-readable",
            f"{file} is a link out of the data set's folder; put the file itself there",
        )
        return None
    try:
        volume = read_volume(path)
    except InputError as error:
        find("files-readable", str(error).replace(path.name, file, 1).rstrip("."))
        return None
    if is_singular(volume.affine):
        find("affine", f"{file}: its affine can't be inverted, so that its voxels have no place in space")
        return None
    return volume


def _check_image(image: Volume, file: str, n_channels: int, find: Callable[[str, str], None]) -> None:
    if image.data.shape[0] != n_channels:
        find("dimensions", f"{file} has {image.data.shape[0]} channels; dataset.json names {n_channels}")
    if min(image.spatial_shape) < 2:
        find("dimensions", f"{file} is {_size(image)} voxels; expected a volume")
    bad = int(image.data.size - np.isfinite(image.data).sum())
    if bad:
        find("finite", f"{file} holds {bad} voxels that are NaN or infinite")


def _check_label(label: Volume, file: str, names: dict[int, str], find: Callable[[str, str], None]) -> None:
    if label.data.shape[0] != 1:
        find("dimensions", f"{file} has {label.data.shape[0]} channels; a label map has one")
    values = np.unique(label.data)
    unknown = [float(value) for value in values if float(value) not in names]
    if unknown:
        shown = ", ".join(f"{value:g}" for value in unknown[:5])
        find("label-values", f"{file} holds {shown}; dataset.json names {', '.join(map(str, names))}")
    if not np.any(np.isin(values, [value for value in names if value != 0])):
        find("label-empty", f"{file} marks no voxel of any class")


def _check_agreement(
    image: Volume, label: Volume, tolerance_mm: float, find: Callable[[str, str], None]
) -> None:
    if image.spatial_shape != label.spatial_shape:
        find("geometry", f"the image is {_size(image)} voxels, the label {_size(label)}")
        return
    if axis_codes(image.affine) != axis_codes(label.affine):
        find("geometry", f"the image lies {axis_codes(image.affine)}, the label {axis_codes(label.affine)}")
        return
    apart = largest_displacement_mm(image.affine, label.affine, image.spatial_shape)
    if apart > tolerance_mm:
        find("geometry", f"image and label lie up to {apart:.3g} mm apart; {tolerance_mm:g} mm are tolerated")


def _size(volume: Volume) -> str:
    return "x".join(map(str, volume.spatial_shape))


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
    finite = channel[np.isfinite(channel)]
    if finite.size == 0:
        return {}
    values = np.percentile(finite, percentiles)
    return {f"{key:g}": float(value) for key, value in zip(percentiles, values, strict=True)}


def _volumes_ml(label: Volume, class_names: dict[int, str]) -> dict[str, float]:
    voxel_ml = float(np.prod(spacing_mm(label.affine))) / 1000.0
    return {name: int((label.data[0] == value).sum()) * voxel_ml for value, name in class_names.items()}
