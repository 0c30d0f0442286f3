"""Connected parts of a label map."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segtrail.inference.guard_note import GuardNote, format_ml

# A part that is taken out is worth a note when it has this share of the one that stays.
_NOTABLE_SHARE = 0.1
_MOST_NOTES = 3
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
        The label map without the others, and notes of those that are no mere specks, the largest first.
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
        others = np.delete(sizes, [0, largest])
        notable = np.sort(others[others >= _NOTABLE_SHARE * sizes[largest]])[::-1] * voxel_ml
        notes += _notes(class_names[value], sizes[largest] * voxel_ml, notable.tolist())
    return kept, notes


def _notes(class_name: str, largest_ml: float, others_ml: list[float]) -> list[GuardNote]:
    """Note the largest of the other parts one by one; a network that has learnt little leaves thousands."""
    sentences = [
        f"A second part of {class_name} with {format_ml(volume_ml)} lies apart from the largest one with "
        f"{format_ml(largest_ml)}."
        for volume_ml in others_ml[:_MOST_NOTES]
    ]
    more = others_ml[_MOST_NOTES:]
    if more:
        sentences.append(f"{len(more)} more parts of {class_name} lie apart, {format_ml(sum(more))} in all.")
    return [GuardNote("other_part", sentence, "left_out") for sentence in sentences]
