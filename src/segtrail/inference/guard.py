"""The guard of a search in regions: what can be wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segtrail.inference.expectation import Expectation
from segtrail.inference.guard_note import Action, GuardNote, Reason
from segtrail.inference.regions import Found

# A volume is out of the ordinary when it lies outside the training cases' range by more than this factor.
VOLUME_FACTOR = 2.0
# A first network is unsure when its mean probability is below this share of the lowest one in the training cases.
CONFIDENCE_SHARE = 0.9
# Below this probability anywhere, and below this share of the smallest organ's volume, an organ is not there.
ABSENT_PEAK = 0.1
ABSENT_SHARE = 0.05
# Share of a face of the searched box that organs may cover before the box is taken to cut them.
_BORDER_SHARE = 0.002
_AXES = ("left", "right"), ("posterior", "anterior"), ("inferior", "superior")


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
    return doubt_volumes(found.volumes_ml, expected, "The first network found")


def doubt_volumes(volumes_ml: Mapping[int, float], expected: Expectation, who: str) -> Doubt | None:
    """Judge volumes by those of the training cases.

    Args:
        volumes_ml: Volume of each class by label value.
        expected: The training cases.
        who: The beginning of the sentence: "The first network found".
    """
    for value, entry in expected.classes.items():
        volume = volumes_ml.get(value, 0.0)
        if volume == 0.0:
            if entry.always_there:
                return Doubt(
                    "class_missing", f"{who} nothing of class {value}, which every training case has."
                )
            continue
        if not entry.smallest_ml / VOLUME_FACTOR <= volume <= entry.largest_ml * VOLUME_FACTOR:
            return Doubt(
                "volume",
                f"{who} {volume:.3g} mL of class {value}; in the training cases it has "
                f"{entry.smallest_ml:.3g} to {entry.largest_ml:.3g} mL.",
            )
    return None


def is_absent(found: Found, expected: Expectation) -> bool:
    """Tell whether the first network is sure that no organ is there."""
    return found.peak < ABSENT_PEAK or (
        bool(found.boxes) and found.volume_ml < ABSENT_SHARE * expected.smallest_ml
    )


def crossed_faces(
    labels: NDArray[np.uint8], origin: tuple[int, int, int], shape: tuple[int, int, int]
) -> list[tuple[int, int]]:
    """Find the faces of a searched box that organs reach, where the volume goes on behind them.

    Args:
        labels: Labels inside the box.
        origin: First voxel of the box in the volume.
        shape: Voxels of the volume.

    Returns:
        Axis and direction (-1 or 1) of each.
    """
    faces = []
    for axis in range(3):
        ends = {-1: origin[axis] > 0, 1: origin[axis] + labels.shape[axis] < shape[axis]}
        for direction, goes_on in ends.items():
            face = labels.take(0 if direction < 0 else -1, axis=axis)
            if goes_on and np.count_nonzero(face) > _BORDER_SHARE * face.size:
                faces.append((axis, direction))
    return faces


def doubt_border(faces: list[tuple[int, int]]) -> Doubt:
    """Put into words that organs reach the border of what was searched."""
    names = ", ".join(_AXES[axis][direction > 0] for axis, direction in faces)
    return Doubt("border", f"The organ reaches the border of the region ({names}).")
