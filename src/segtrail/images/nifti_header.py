"""What a NIfTI header says beside voxels and their type: where they lie, free texts, extensions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import nibabel
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from segtrail.images.geometry import Affine

_TEXT_FIELDS = ("descrip", "aux_file", "intent_name", "db_name", "data_type")
_PLACING_FIELDS = (
    *("qform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("sform_code", "srow_x", "srow_y", "srow_z", "pixdim", "xyzt_units"),
)


# By the header's code: metres and micrometres.
_MILLIMETRES = {1: 1000.0, 3: 0.001}
_SPATIAL_BITS = 7


def in_millimetres(header: nibabel.Nifti1Header, affine: Affine) -> Affine:
    """Bring an affine of nibabel, which keeps the header's unit, to mm; no unit, or none that is known, is mm."""
    scaled = np.array(affine, dtype=np.float64)
    scaled[:3] *= _MILLIMETRES.get(int(header["xyzt_units"]) & _SPATIAL_BITS, 1.0)
    return scaled


def names_a_unit(header: nibabel.Nifti1Header) -> bool:
    """Tell whether a header says in which unit it places the voxels."""
    return bool(int(header["xyzt_units"]) & _SPATIAL_BITS)


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

    @classmethod
    def of_header(cls, header: nibabel.Nifti1Header) -> "HeaderNotes":
        """Take the notes out of a header."""
        texts = {
            name: bytes(header[name]).rstrip(b"\0 ").decode("latin-1")
            for name in _TEXT_FIELDS
            if name in header
        }
        extensions = tuple((int(item.get_code()), bytes(item.content)) for item in header.extensions)
        return cls({name: text for name, text in texts.items() if text}, extensions)
