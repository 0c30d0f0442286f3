"""Segmenting a volume where a first network found something, under a guard."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segtrail.images.windows import clamp_start
from segtrail.inference.expectation import Expectation
from segtrail.inference.guard import (
    Doubt,
    crossed_faces,
    doubt_border,
    doubt_found,
    doubt_volumes,
    is_absent,
)
from segtrail.inference.guard_note import GuardNote
from segtrail.inference.network_pass import BoxScores, Image, Mode, NetworkPass
from segtrail.inference.regions import Found, Start, find_organs, plan_windows

# How often a region is moved on when an organ reaches its border.
_MOST_EXTENSIONS = 3
# Of the highest probability, where none is above a half; and for a network that is unsure.
_LOWERED_THRESHOLD = 0.5
_WIDE_THRESHOLD = 0.2


@dataclass(frozen=True)
class Search:
    """Where a first network says that a volume is to be looked at.

    Attributes:
        found: What it found; of a lowered threshold where it found nothing above a half.
        certain: Whether the guard had no doubt.
        absent: Whether it is sure that no organ is there.
        notes: What the guard did.
    """

    found: Found
    certain: bool
    absent: bool
    notes: tuple[GuardNote, ...] = ()


@dataclass
class RegionResult:
    """Probabilities in the windows that were looked at; None where no organ is there.

    Attributes:
        scores: The probabilities.
        windows: First voxel of every window, on the working grid.
        mode: How the volume was gone over in the end.
        notes: What the guard did.
    """

    scores: BoxScores | None
    windows: list[Start]
    mode: Mode = "regions"
    notes: list[GuardNote] = field(default_factory=list)


def search(scores: NDArray[np.float32], spacing_mm: Sequence[float], expected: Expectation) -> Search:
    """Read off a first network's probabilities where the organs are.

    Args:
        scores: Shape (classes, x, y, z), background first, of a whole volume.
        spacing_mm: Spacing of their grid.
        expected: The training cases.

    Returns:
        The places, and what the guard did.
    """
    found = find_organs(scores, spacing_mm)
    if is_absent(found, expected):
        evidence = (
            f"The first network's probability of an organ is at most {found.peak:.2f}."
            if not found.boxes
            else f"The first network found only {found.volume_ml:.2g} mL."
        )
        return Search(
            found, certain=False, absent=True, notes=(Doubt("nothing_found", evidence).note("left_empty"),)
        )
    if not found.boxes:
        threshold = _LOWERED_THRESHOLD * found.peak
        doubt = Doubt(
            "nothing_found",
            f"The first network's probability of an organ is at most {found.peak:.2f}; the region is where it is "
            f"above {threshold:.2f}.",
        )
        lowered = find_organs(scores, spacing_mm, threshold)
        return Search(lowered, certain=False, absent=False, notes=(doubt.note("lowered_threshold"),))
    unsure = doubt_found(found, expected)
    if unsure is not None:
        wide = find_organs(scores, spacing_mm, _WIDE_THRESHOLD)
        return Search(wide, certain=False, absent=False, notes=(unsure.note("widened"),))
    return Search(found, certain=True, absent=False)


class RegionPass:
    """A second network that looks where a first one found something.

    Args:
        network: The second network.
        expected: The training cases.
    """

    def __init__(self, network: NetworkPass, expected: Expectation) -> None:
        self.network, self._expected = network, expected

    def search(self, scores: NDArray[np.float32], spacing_mm: Sequence[float]) -> Search:
        """Read off the first network's probabilities where the organs are; see ``search``."""
        return search(scores, spacing_mm, self._expected)

    def windows(self, found: Found, shape: Sequence[int]) -> list[Start]:
        """Place windows around what was found.

        Args:
            found: What a first network found.
            shape: Voxels of the volume on this network's working grid.
        """
        config = self.network.config
        return plan_windows(
            found.boxes,
            self.network.spacing_mm,
            self.network.window,
            shape,
            config.region.margin_mm,
            config.infer.overlap,
        )

    def centres(self, where: Search, shape: Sequence[int]) -> NDArray[np.float64]:
        """Return the middle of each window, in voxels of this network's working grid, shape (n, 3)."""
        windows = [] if where.absent else self.windows(where.found, shape)
        middle = (np.asarray(self.network.window, dtype=np.float64) - 1) / 2
        return np.asarray(windows, dtype=np.float64).reshape(-1, 3) + middle

    def segment(self, image: Image, where: Search) -> RegionResult:
        """Go over the windows, and over more of the volume where the guard asks for it.

        Args:
            image: Shape (C, x, y, z) on the network's working grid.
            where: What the first network found.

        Returns:
            The probabilities, and what the guard did.
        """
        notes = list(where.notes)
        if where.absent:
            return RegionResult(None, [], notes=notes)
        result = self._follow_over_borders(image, self.windows(where.found, image.shape[1:]), notes)
        assert result.scores is not None
        doubt = doubt_volumes(self._volumes_ml(result.scores), self._expected, "The second network found")
        if doubt is None:
            return result
        everywhere, mode = self.network.everywhere(image)
        whole = BoxScores(everywhere, (0, 0, 0))
        if doubt_volumes(self._volumes_ml(whole), self._expected, "") is None:
            result.notes.append(doubt.note("searched_everywhere"))
            return RegionResult(whole, result.windows, mode, result.notes)
        result.notes.append(doubt.note("kept"))
        return result

    def _follow_over_borders(
        self, image: Image, windows: list[Start], notes: list[GuardNote]
    ) -> RegionResult:
        shape = (image.shape[1], image.shape[2], image.shape[3])
        scores = self.network.in_windows(image, windows)
        for _ in range(_MOST_EXTENSIONS):
            faces = crossed_faces(scores.values.argmax(axis=0).astype(np.uint8), scores.origin, shape)
            if not faces:
                break
            more = self._moved(windows, faces, shape)
            if set(more) <= set(windows):
                break
            windows = list(dict.fromkeys([*windows, *more]))
            notes.append(doubt_border(faces).note("widened"))
            scores = self.network.in_windows(image, windows)
        return RegionResult(scores, windows, notes=notes)

    def _moved(
        self, windows: list[Start], faces: list[tuple[int, int]], shape: tuple[int, int, int]
    ) -> list[Start]:
        """Move the outermost windows by half their size over the faces that organs reach."""
        size = self.network.window
        moved: list[Start] = []
        for axis, direction in faces:
            outermost = (min if direction < 0 else max)(window[axis] for window in windows)
            for window in windows:
                if window[axis] == outermost:
                    start = clamp_start(window[axis] + direction * size[axis] / 2, size[axis], shape[axis])
                    moved.append(tuple(start if place == axis else window[place] for place in range(3)))  # type: ignore[arg-type]
        return moved

    def _volumes_ml(self, scores: BoxScores) -> dict[int, float]:
        found = find_organs(scores.values, self.network.spacing_mm)
        return found.volumes_ml
