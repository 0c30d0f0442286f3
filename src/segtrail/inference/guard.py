"""The guard of a search in regions: what can be wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from segtrail.inference.expectation import Expectation
from segtrail.inference.guard_note import Action, GuardNote, Reason, format_ml
from segtrail.inference.regions import Found

# A volume is out of the ordinary when it lies outside the training cases' range by more than this factor: that of
# the first network, which sees coarsely, and that of the second.
FIRST_VOLUME_FACTOR = 2.0
SECOND_VOLUME_FACTOR = 1.5
# A first network is unsure when its mean probability is below this share of the lowest one in the training cases.
CONFIDENCE_SHARE = 0.9
# A second network is unsure when what its mean probability lacks to 1 is this many times the most that it lacked in the
# validation cases.
UNSURE_FACTOR = 1.25
# The networks disagree when the Dice between what they found is below this share of the lowest one between what the
# first found and the reference.
AGREEMENT_SHARE = 0.9
# Below this probability anywhere, and below this share of the smallest organ's volume, an organ is not there.
ABSENT_PEAK = 0.1
ABSENT_SHARE = 0.05
# Share of a face of the searched box that organs may cover before the box is taken to cut them.
_BORDER_SHARE = 0.002
_AXES = ("left", "right"), ("posterior", "anterior"), ("inferior", "superior")


# Axis and direction (-1 or 1).
Face = tuple[int, int]


@dataclass(frozen=True)
class Doubt:
    """A reason not to believe a result as it is, with its evidence as a sentence."""

    reason: Reason
    evidence: str

    def note(self, action: Action) -> GuardNote:
        """Say what was done about it."""
        return GuardNote(self.reason, self.evidence, action)


def doubt_found(found: Found, expected: Expectation) -> Doubt | None:
    """Judge what the first network found: whether its place can be relied on.

    Args:
        found: What it found, with at least one part.
        expected: The training cases.
    """
    if found.confidence < CONFIDENCE_SHARE * expected.confidence:
        return Doubt(
            "low_confidence",
            f"The mean probability of what the first network found is {found.confidence:.2f}; in training cases that "
            f"it did not know it is {expected.confidence:.2f} or more.",
        )
    return _doubt_volumes(found.volumes_ml, expected, "The first network found", FIRST_VOLUME_FACTOR)


def doubt_result(found: Found, expected: Expectation) -> Doubt | None:
    """Judge what the second network found, by itself.

    Args:
        found: What it found.
        expected: The training and validation cases.
    """
    doubt = _doubt_volumes(found.volumes_ml, expected, "The second network found", SECOND_VOLUME_FACTOR)
    if doubt is not None or not found.boxes:
        return doubt
    if 1.0 - found.confidence > UNSURE_FACTOR * (1.0 - expected.unseen_confidence):
        return Doubt(
            "low_confidence",
            f"The mean probability of what the second network found is {found.confidence:.3f}; in the validation cases "
            f"it is {expected.unseen_confidence:.3f} or more.",
        )
    return None


def doubt_agreement(dice: float, expected: Expectation) -> Doubt | None:
    """Judge how far the two networks agree.

    Args:
        dice: Dice between what the two found.
        expected: The training cases.
    """
    if dice >= AGREEMENT_SHARE * expected.agreement:
        return None
    return Doubt(
        "disagreement",
        f"The Dice between what the two networks found is {dice:.2f}; between the first one and the reference it is "
        f"{expected.agreement:.2f} or more in training cases that it did not know.",
    )


def _doubt_volumes(
    volumes_ml: Mapping[int, float], expected: Expectation, who: str, factor: float
) -> Doubt | None:
    for value, entry in expected.classes.items():
        volume = volumes_ml.get(value, 0.0)
        if volume == 0.0:
            if entry.always_there:
                return Doubt("class_missing", f"{who} no {entry.name}, which every training case has.")
            continue
        if not entry.smallest_ml / factor <= volume <= entry.largest_ml * factor:
            return Doubt(
                "volume",
                f"{who} {format_ml(volume)} of {entry.name}; in the training cases it has "
                f"{format_ml(entry.smallest_ml)} to {format_ml(entry.largest_ml)}.",
            )
    return None


def is_absent(found: Found, expected: Expectation) -> bool:
    """Tell whether the first network is sure that no organ is there."""
    return found.peak < ABSENT_PEAK or (
        bool(found.boxes) and found.volume_ml < ABSENT_SHARE * expected.smallest_ml
    )


def crossed_faces(
    labels: NDArray[np.uint8], origin: tuple[int, int, int], shape: tuple[int, int, int]
) -> list[Face]:
    """Find the faces of a searched box that organs reach, where the volume goes on behind them.

    Args:
        labels: Labels inside the box.
        origin: First voxel of the box in the volume.
        shape: Voxels of the volume.

    Returns:
        Axis and direction (-1 or 1) of each.
    """
    return [face for face in _reached_faces(labels) if _goes_on_behind(face, origin, labels.shape, shape)]


def doubt_border(faces: list[Face]) -> Doubt:
    """Put into words that organs reach the border of what was searched."""
    return Doubt("border", f"The organ reaches the border of the region ({_name_faces(faces)}).")


def reached_edges(
    labels: NDArray[np.uint8], origin: tuple[int, int, int], shape: tuple[int, int, int]
) -> list[Face]:
    """Find the edges of the volume itself that organs in a box of it reach; see ``crossed_faces``."""
    return [face for face in _reached_faces(labels) if not _goes_on_behind(face, origin, labels.shape, shape)]


def doubt_edges(faces: list[Face], expected: Expectation) -> Doubt | None:
    """Judge organs that reach the edge of the image, which cuts them perhaps."""
    if not faces or expected.reaches_edge:
        return None
    return Doubt(
        "image_edge",
        f"The organ reaches the edge of the image ({_name_faces(faces)}), as in no training case; it may be cut off.",
    )


def _reached_faces(labels: NDArray[np.uint8]) -> list[Face]:
    faces = []
    for axis, direction in product(range(3), (-1, 1)):
        face = labels.take(0 if direction < 0 else -1, axis=axis)
        if np.count_nonzero(face) > _BORDER_SHARE * face.size:
            faces.append((axis, direction))
    return faces


def _goes_on_behind(
    face: Face, origin: tuple[int, int, int], size: tuple[int, ...], shape: tuple[int, int, int]
) -> bool:
    axis, direction = face
    return origin[axis] > 0 if direction < 0 else origin[axis] + size[axis] < shape[axis]


def _name_faces(faces: list[Face]) -> str:
    return ", ".join(_AXES[axis][direction > 0] for axis, direction in faces)
