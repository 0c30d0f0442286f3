"""What can be wrong with one case: its image, its label, and whether the two agree."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segtrail.images.geometry import axis_codes, largest_displacement_mm, voxel_volume_ml
from segtrail.images.nifti import Volume

# Called with the ID of a check and the evidence.
Find = Callable[[str, str], None]

_OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "S": "I", "I": "S"}
_SIDES = {
    **{"R": "right", "L": "left", "A": "anterior"},
    **{"P": "posterior", "S": "superior", "I": "inferior"},
}
_PARTS_SHOWN = 4
_VALUES_SHOWN = 5
_CHUNK_VOXELS = 1 << 20
_TOUCHING_DIAGONALLY = np.ones((3, 3, 3), dtype=np.bool_)


def check_header(volume: Volume, file: str, tolerance_mm: float, find: Find) -> None:
    """Look for two affines in one header that place the voxels differently."""
    sform, qform = volume.placement.sform, volume.placement.qform
    if qform is None and int(volume.placement.fields["qform_code"]) > 0:
        find("qform-sform", f"{file}: the qform is damaged; its quaternion is no rotation")
    if sform is None and qform is None:
        find(
            "qform-sform",
            f"{file}: the header has neither qform nor sform, so that programs place it differently",
        )
    if sform is None or qform is None:
        return
    apart = largest_displacement_mm(sform, qform, volume.spatial_shape)
    if not apart <= tolerance_mm:
        find("qform-sform", f"{file}: qform and sform lie up to {apart:.3g} mm apart; the sform is used")


def check_image(image: Volume, file: str, n_channels: int, find: Find) -> None:
    """Look at channels, dimensions and intensities of an image."""
    if image.data.shape[0] != n_channels:
        find("dimensions", f"{file} has {image.data.shape[0]} channels; dataset.json names {n_channels}")
    if min(image.spatial_shape) < 2:
        find("dimensions", f"{file} is {_size(image)} voxels; expected a volume")
    bad = int(image.data.size - np.count_nonzero(np.isfinite(image.data)))
    if bad:
        find("finite", f"{file} holds {bad} voxels that are NaN or infinite")


def check_label(label: Volume, file: str, names: Mapping[int, str], find: Find) -> None:
    """Look at the values of a label map, and at the shape of what each class marks."""
    if label.data.shape[0] != 1:
        find("dimensions", f"{file} has {label.data.shape[0]} channels; a label map has one")
    values = distinct_values(label.data)
    fractional = np.isfinite(values) & (values != np.rint(values))
    unknown = ~fractional & ~np.isin(values, list(names))
    if fractional.any():
        find("label-fractional", f"{file} holds {_listed(values[fractional])}; a label is a whole number")
    if unknown.any():
        known = ", ".join(map(str, names))
        find("label-values", f"{file} holds {_listed(values[unknown])}; dataset.json names {known}")
    if not np.any(np.isin(values, [value for value in names if value != 0])):
        find("label-empty", f"{file} marks no voxel of any class")
    absent = [name for value, name in names.items() if value not in (0, *values)]
    if 0 < len(absent) < len(names) - 1:
        find("label-absent", f"{file} marks no voxel of {', '.join(absent)}")
    if np.isfinite(values).all() and not fractional.any() and np.dtype(label.stored_dtype).kind == "f":
        find("label-float", f"{file} is stored as {label.stored_dtype}, though it holds whole numbers")
    if min(label.spatial_shape) < 2:
        return  # said of its image already
    for value, name in names.items():
        if value != 0 and value in values:
            _check_class(label.data[0] == value, name, label, find)


def check_agreement(image: Volume, label: Volume, tolerance_mm: float, find: Find) -> None:
    """Look whether image and label lie on one grid."""
    if image.spatial_shape != label.spatial_shape:
        find("shape", f"the image is {_size(image)} voxels, the label {_size(label)}")
        return
    if axis_codes(image.affine) != axis_codes(label.affine):
        find("geometry", f"the image lies {axis_codes(image.affine)}, the label {axis_codes(label.affine)}")
        return
    apart = largest_displacement_mm(image.affine, label.affine, image.spatial_shape)
    if apart > tolerance_mm:
        find("geometry", f"image and label lie up to {apart:.3g} mm apart; {tolerance_mm:g} mm are tolerated")


def distinct_values(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values that occur, sorted; quick where they are whole numbers below 256."""
    flat = data.ravel(order="K")
    found = np.zeros(256, dtype=np.bool_)
    for start in range(0, flat.size, _CHUNK_VOXELS):
        chunk = flat[start : start + _CHUNK_VOXELS]
        with np.errstate(invalid="ignore"):
            small = chunk.astype(np.uint8)
        if not np.array_equal(small, chunk):
            return np.unique(flat)
        found[small] = True
    return np.flatnonzero(found).astype(np.float32)


def _check_class(mask: NDArray[np.bool_], name: str, label: Volume, find: Find) -> None:
    box = _box_around(mask)
    sides = _sides_touched(box, mask.shape, axis_codes(label.affine))
    if sides:
        find("label-border", f"{name} touches the border of the image on the {' and '.join(sides)} side")
    parts, count = ndimage.label(mask[box], structure=_TOUCHING_DIAGONALLY)
    if count > 1:
        voxel_ml = voxel_volume_ml(label.affine)
        sizes = sorted((int(size) for size in np.bincount(parts.ravel())[1:]), reverse=True)
        find("label-parts", f"{name} lies in {count} parts: {_parts(sizes, voxel_ml)}")


def _box_around(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    sides = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        occupied = np.flatnonzero(mask.any(axis=others))
        sides.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
    return tuple(sides)


def _sides_touched(box: tuple[slice, ...], shape: tuple[int, ...], codes: str) -> list[str]:
    touched = []
    for side, length, code in zip(box, shape, codes, strict=True):
        if side.start == 0:
            touched.append(_SIDES[_OPPOSITE[code]])
        if side.stop == length:
            touched.append(_SIDES[code])
    return touched


def _parts(sizes: list[int], voxel_ml: float) -> str:
    largest = f"the largest of {sizes[0] * voxel_ml:.3g} mL"
    others = [f"{size}" for size in sizes[1 : 1 + _PARTS_SHOWN]]
    more = len(sizes) - 1 - len(others)
    return f"{largest}, then {', '.join(others)}{f' and {more} more' if more else ''} voxels"


def _listed(values: NDArray[np.float32]) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:_VALUES_SHOWN])
    more = len(values) - _VALUES_SHOWN
    return f"{shown} and {more} more values" if more > 0 else shown


def _size(volume: Volume) -> str:
    return "x".join(map(str, volume.spatial_shape))
