"""Connected parts of a label map."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segtrail.inference.guard_note import GuardNote, format_ml

# A part that is taken out is worth a note when it has this share of the one that stays.
_NOTABLE_SHARE = 0.1
_NEIGHBOURHOOD = np.ones((3, 3, 3), dtype=np.bool_)


def keep_largest_components(
    labels: NDArray[np.uint8], class_names: Mapping[int, str], voxel_ml: float
) -> tuple[NDArray[np.uint8], list[GuardNote]]:
    """Keep the largest connected part of each class; voxels that touch by a corner are connected.

    Args:
        labels: Label map, shape (x, y, z).
        class_names: Class name by label value, for the notes.
        voxel_ml: Volume of a voxel, for the notes.

    Returns:
        The label map without the others, and a note for each of those that is no mere speck.
    """
    kept = labels.copy()
    notes = []
    for value, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        numbered, n = ndimage.label(labels[box] == value, _NEIGHBOURHOOD)
        if n < 2:
            continue
        sizes = np.bincount(numbered.ravel())
        sizes[0] = 0
        largest = int(sizes.argmax())
        kept[box][(numbered > 0) & (numbered != largest)] = 0
        notes += [
            GuardNote(
                "other_part",
                f"A second part of {class_names[value]} with {format_ml(size * voxel_ml)} lies apart from the largest "
                f"one with {format_ml(sizes[largest] * voxel_ml)}.",
                "left_out",
            )
            for place, size in enumerate(sizes)
            if place != largest and size >= _NOTABLE_SHARE * sizes[largest]
        ]
    return kept, notes
