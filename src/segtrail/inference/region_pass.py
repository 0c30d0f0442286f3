"""Segmenting a volume where a first network found something, under a guard."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from segtrail.images.resample import resample_linear
from segtrail.images.windows import clamp_start
from segtrail.inference.expectation import Expectation
from segtrail.inference.guard import (
    Doubt,
    Face,
    crossed_faces,
    doubt_agreement,
    doubt_border,
    doubt_edges,
    doubt_found,
    doubt_result,
    is_absent,
    reached_edges,
)
from segtrail.inference.guard_note import GuardNote, format_ml
from segtrail.inference.network_pass import Image, Mode, NetworkPass
from segtrail.inference.regions import Box, Found, Start, find_organs, plan_windows
from segtrail.inference.scores import BoxScores

# How often a region is moved on when an organ reaches its border.
_MOST_EXTENSIONS = 3
# Of the highest probability, where none is above a half; and for a network that is unsure.
_LOWERED_THRESHOLD = 0.5
_WIDE_THRESHOLD = 0.2
# Windows may hold this many times the voxels of the volume; beyond that it is gone over as a whole.
_MOST_WORK = 2.0


@dataclass(frozen=True)
class Search:
    """Where a first network says that a volume is to be looked at.

    Attributes:
        found: What it found.
        places: Where to look: what it found, or what it finds above another threshold where the guard asked for that;
            nowhere where it is sure that no organ is there.
        certain: Whether the guard had no doubt.
        foreground: The first network's probability of any class, shape (x, y, z), float16: searches of many cases are
            kept at once.
        spacing_mm: Spacing of its grid.
        notes: What the guard did.
    """

    found: Found
    places: tuple[Box, ...]
    certain: bool
    foreground: NDArray[np.float16] = field(repr=False, compare=False)
    spacing_mm: tuple[float, ...]
    notes: tuple[GuardNote, ...] = ()

    def agreement(self, mask: NDArray[np.bool_], origin: Sequence[int], spacing_mm: Sequence[float]) -> float:
        """Return the Dice between what the first network found and a mask, inside the mask's box.

        Args:
            mask: Shape (x, y, z), all classes together.
            origin: First voxel of the mask's box on its grid.
            spacing_mm: Spacing of its grid.

        Returns:
            The Dice; NaN where neither holds a voxel.
        """
        step = np.asarray(spacing_mm) / np.asarray(self.spacing_mm)
        x, y, z = mask.shape
        start = (np.asarray(origin) * step).tolist()
        foreground = self.foreground.astype(np.float32)
        found = resample_linear(foreground, step.tolist(), (x, y, z), start=start) > 0.5
        voxels = np.count_nonzero(found) + np.count_nonzero(mask)
        return float(2.0 * np.count_nonzero(found & mask) / voxels) if voxels else math.nan


@dataclass
class RegionResult:
    """Probabilities in the windows that were looked at; None where no organ is there.

    Attributes:
        scores: The probabilities.
        windows: First voxel of every window, on the working grid.
        mode: How the volume was gone over in the end.
        confidence: Mean probability of what was found; None where nothing was.
        notes: What the guard did.
    """

    scores: BoxScores | None
    windows: list[Start]
    mode: Mode = "regions"
    confidence: float | None = None
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
    places, note = _places(scores, spacing_mm, found, expected)
    return Search(
        found=found,
        places=places,
        certain=note is None,
        foreground=(1.0 - scores[0]).astype(np.float16),
        spacing_mm=tuple(spacing_mm),
        notes=() if note is None else (note,),
    )


def _places(
    scores: NDArray[np.float32], spacing_mm: Sequence[float], found: Found, expected: Expectation
) -> tuple[tuple[Box, ...], GuardNote | None]:
    """Say where to look for what was found, and what the guard did; nowhere where no organ is there."""
    if is_absent(found, expected):
        evidence = (
            f"The first network's probability of an organ is at most {found.peak:.2f}."
            if not found.boxes
            else f"The first network found only {format_ml(found.volume_ml)}."
        )
        return (), Doubt("nothing_found", evidence).note("left_empty")
    if not found.boxes:
        threshold = _LOWERED_THRESHOLD * found.peak
        doubt = Doubt(
            "nothing_found",
            f"The first network's probability of an organ is at most {found.peak:.2f}; the region is where it is "
            f"above {threshold:.2f}.",
        )
        return find_organs(scores, spacing_mm, threshold).boxes, doubt.note("lowered_threshold")
    unsure = doubt_found(found, expected)
    if unsure is not None:
        return find_organs(scores, spacing_mm, _WIDE_THRESHOLD).boxes, unsure.note("widened")
    return found.boxes, None


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

    def windows(self, where: Search, shape: Sequence[int]) -> list[Start]:
        """Place windows where a first network says that a volume is to be looked at.

        Args:
            where: What it found.
            shape: Voxels of the volume on this network's working grid.

        Returns:
            First voxel of each window; none where there is nothing to look at.
        """
        config = self.network.config
        return plan_windows(
            where.places,
            self.network.spacing_mm,
            self.network.window,
            shape,
            config.region.margin_mm,
            config.infer.overlap,
        )

    def centres(self, where: Search, shape: Sequence[int]) -> NDArray[np.float64]:
        """Return the middle of each window, in voxels of this network's working grid, shape (n, 3)."""
        windows = self.windows(where, shape)
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
        if not where.places:
            return RegionResult(None, [], notes=list(where.notes))
        shape = (image.shape[1], image.shape[2], image.shape[3])
        windows = self.windows(where, shape)
        if self._is_more_than_all(windows, shape):
            everywhere, mode = self.network.everywhere(image)
            result = RegionResult(BoxScores(everywhere, (0, 0, 0)), windows, mode, notes=list(where.notes))
        else:
            result = self._follow_over_borders(image, windows, list(where.notes))
        doubt = self._doubt(result, where)
        if doubt is not None:
            result = self._search_everywhere(image, where, result, doubt)
        assert result.scores is not None
        edges = reached_edges(result.scores.labels, result.scores.origin, shape)
        cut = doubt_edges(edges, self._expected)
        if cut is not None:
            result.notes.append(cut.note("marked"))
        return result

    def _is_more_than_all(self, windows: Sequence[Start], shape: Sequence[int]) -> bool:
        """Whether so many windows are asked for that going over the whole volume is less work."""
        work = len(windows) * np.prod(self.network.window)
        return len(windows) > 1 and bool(work > _MOST_WORK * np.prod(shape))

    def _doubt(self, result: RegionResult, where: Search) -> Doubt | None:
        """Judge a result by itself, then beside what the first network found; its confidence is noted down."""
        assert result.scores is not None
        found = find_organs(result.scores.values, self.network.spacing_mm)
        result.confidence = found.confidence if found.boxes else None
        doubt = doubt_result(found, self._expected)
        if doubt is not None or not where.certain or not found.boxes:
            return doubt
        dice = where.agreement(result.scores.labels > 0, result.scores.origin, self.network.spacing_mm)
        return doubt_agreement(dice, self._expected)

    def _search_everywhere(
        self, image: Image, where: Search, result: RegionResult, doubt: Doubt
    ) -> RegionResult:
        """Go over the whole volume where a result is in doubt; keep the result where that gives nothing better."""
        everywhere, mode = self.network.everywhere(image)
        whole = RegionResult(BoxScores(everywhere, (0, 0, 0)), result.windows, mode, notes=result.notes)
        if self._doubt(whole, replace(where, certain=doubt.reason == "disagreement")) is None:
            whole.notes.append(doubt.note("searched_everywhere"))
            return whole
        result.notes.append(doubt.note("kept"))
        return result

    def _follow_over_borders(
        self, image: Image, windows: list[Start], notes: list[GuardNote]
    ) -> RegionResult:
        shape = (image.shape[1], image.shape[2], image.shape[3])
        scores = self.network.in_windows(image, windows)
        for _ in range(_MOST_EXTENSIONS):
            faces = crossed_faces(scores.labels, scores.origin, shape)
            if not faces:
                break
            more = self._moved(windows, faces, shape)
            if set(more) <= set(windows):
                break
            windows = list(dict.fromkeys([*windows, *more]))
            notes.append(doubt_border(faces).note("widened"))
            scores = self.network.in_windows(image, windows)
        return RegionResult(scores, windows, notes=notes)

    def _moved(self, windows: list[Start], faces: list[Face], shape: tuple[int, int, int]) -> list[Start]:
        """Move the outermost windows by half their size over the faces that organs reach."""
        size = self.network.window
        moved: list[Start] = []
        for axis, direction in faces:
            outermost = (min if direction < 0 else max)(window[axis] for window in windows)
            for window in windows:
                if window[axis] == outermost:
                    further = list(window)
                    further[axis] = clamp_start(
                        window[axis] + direction * size[axis] / 2, size[axis], shape[axis]
                    )
                    moved.append((further[0], further[1], further[2]))
        return moved
