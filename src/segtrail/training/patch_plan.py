"""What is drawn at random for a patch: where it lies and how it is changed.

A plan is a pure function of (seed, epoch, case, index). Whatever makes the patch, in whichever order, follows the same
one; the noise alone is drawn by the maker, from a stream of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segtrail.config.augment_schema import AffineConfig, AugmentConfig
from segtrail.config.schema import StageConfig
from segtrail.images.windows import clamp_start
from segtrail.preprocessing.cache import PreparedCase
from segtrail.randomness import keyed_generator

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class PatchKey:
    """Names one patch of a training: its epoch, its case, and which of the case's patches it is."""

    epoch: int
    case: int
    index: int


@dataclass(frozen=True)
class PatchCentres:
    """Where the patches of a later stage are taken from: around what the stage before it found.

    Attributes:
        by_case: For each case the middle of each of its regions, in voxels of the working grid, shape (n, 3).
    """

    by_case: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class SpatialChange:
    """Where the voxels of a patch come from: ``centre + matrix @ (voxel - middle of the patch) + displacement``.

    Attributes:
        matrix: 3x3, in voxels.
        shift: Added to the centre, in voxels.
        control_displacements: Displacements of a coarse grid of points over the patch, in voxels, shape
            (3, n, n, n), interpolated linearly between them; None for none.
    """

    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]
    control_displacements: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Orientation:
    """Flips, then turns by right angles.

    Attributes:
        flips: Axes that are mirrored.
        plane: The two axes of the turn.
        turns: How many right angles from the first of them towards the second.
    """

    flips: tuple[int, ...] = ()
    plane: tuple[int, int] = (0, 1)
    turns: int = 0


@dataclass(frozen=True)
class IntensityChange:
    """What happens to intensities, in this order; None where it does not.

    Attributes:
        blur_sigma: Standard deviation of the Gaussian, in voxels.
        noise_deviation: Standard deviation of the noise.
        brightness: What is added.
        contrast: Factor of the distance to the mean.
        gamma: Exponent.
    """

    blur_sigma: float | None = None
    noise_deviation: float | None = None
    brightness: float | None = None
    contrast: float | None = None
    gamma: float | None = None


@dataclass(frozen=True)
class PatchPlan:
    """All that is drawn for a patch.

    Attributes:
        start: Its first voxel before any spatial change; may lie outside the volume.
        spatial: The spatial change; None leaves the voxels as they are.
        orientation: Flips and turns.
        intensity: The change of intensities.
    """

    start: NDArray[np.int64]
    spatial: SpatialChange | None = None
    orientation: Orientation = Orientation()
    intensity: IntensityChange = IntensityChange()


class PatchPlanner:
    """Draws the plans of a training's patches.

    Args:
        cases: The training cases.
        config: The stage's configuration.
        centres: Where patches are taken from; None takes them from the whole volume.
    """

    def __init__(
        self, cases: Sequence[PreparedCase], config: StageConfig, centres: PatchCentres | None = None
    ) -> None:
        self._cases = tuple(cases)
        self._config = config
        self._centres = centres

    def draw(self, key: PatchKey) -> tuple[PatchPlan, np.random.Generator]:
        """Draw the plan of a patch.

        Returns:
            The plan, and the generator for what transforms of one's own draw after it.
        """
        config, case = self._config, self._cases[key.case]
        size, spacing = config.patch.patch_size, config.preprocess.spacing
        assert size is not None
        assert spacing is not None
        generator = keyed_generator(config.train.seed, "patch", key.epoch, case.case, key.index)
        start = self._draw_start(case, size, spacing, generator)
        if not config.augment.enabled:
            return PatchPlan(start), generator
        plan = PatchPlan(
            start,
            draw_spatial_change(config.augment, spacing, generator),
            draw_orientation(config.augment, size, generator),
            draw_intensity_change(config.augment, generator),
        )
        return plan, generator

    def noise_key(self, key: PatchKey) -> tuple[int, str, int, str, int]:
        """Return seed and purpose of the noise of a patch."""
        return self._config.train.seed, "noise", key.epoch, self._cases[key.case].case, key.index

    def _draw_start(
        self, case: PreparedCase, size: Shape, spacing_mm: Sequence[float], generator: np.random.Generator
    ) -> NDArray[np.int64]:
        shape = case.label().shape
        if self._centres is not None and generator.random() >= self._config.region.anywhere_fraction:
            middles = self._centres.by_case[case.case]
            if len(middles):
                middle = middles[int(generator.integers(len(middles)))]
                shift = generator.uniform(-1, 1, size=3) * self._config.region.shift_mm / spacing_mm
                return _start_around(middle + shift, shape, size)
        return _draw_start(case, shape, size, self._config.patch.pos_neg_ratio, generator)


def draw_spatial_change(
    config: AugmentConfig, spacing_mm: Sequence[float], generator: np.random.Generator
) -> SpatialChange | None:
    """Draw an affine change and a smooth deformation, or None where this patch gets neither.

    Rotations are rigid in millimetres, whatever the spacing.
    """
    affine = generator.random() < config.affine.probability
    elastic = generator.random() < config.elastic.probability
    if not affine and not elastic:
        return None
    change = (
        _draw_affine(config.affine, spacing_mm, generator)
        if affine
        else SpatialChange(np.eye(3), np.zeros(3))
    )
    if not elastic:
        return change
    points = config.elastic.control_points
    field = generator.standard_normal((3, points, points, points), dtype=np.float32)
    return replace(change, control_displacements=field * np.float32(config.elastic.displacement_voxels))


def draw_orientation(config: AugmentConfig, size: Shape, generator: np.random.Generator) -> Orientation:
    """Draw flips and turns by right angles, these in planes whose sides are equal."""
    flips = tuple(axis for axis in config.flip.axes if generator.random() < config.flip.probability)
    if generator.random() >= config.right_angle.probability:
        return Orientation(flips)
    planes = [(a, b) for a, b in ((0, 1), (0, 2), (1, 2)) if size[a] == size[b]]
    if not planes:
        return Orientation(flips)
    return Orientation(flips, planes[int(generator.integers(len(planes)))], int(generator.integers(1, 4)))


def draw_intensity_change(config: AugmentConfig, generator: np.random.Generator) -> IntensityChange:
    """Draw the change of intensities."""

    def draw(probability: float, limits: tuple[float, float]) -> float | None:
        return float(generator.uniform(*limits)) if generator.random() < probability else None

    return IntensityChange(
        blur_sigma=draw(config.blur.probability, config.blur.sigma_voxels_range),
        noise_deviation=draw(config.noise.probability, config.noise.standard_deviation_range),
        brightness=draw(config.brightness.probability, config.brightness.shift_range),
        contrast=draw(config.contrast.probability, config.contrast.factor_range),
        gamma=draw(config.gamma.probability, config.gamma.gamma_range),
    )


def _draw_affine(
    config: AffineConfig, spacing_mm: Sequence[float], generator: np.random.Generator
) -> SpatialChange:
    angles = np.deg2rad(generator.uniform(-config.rotation_degrees, config.rotation_degrees, size=3))
    scale = generator.uniform(*config.scale_range)
    stretch = 1.0 + generator.uniform(-config.anisotropic_scale, config.anisotropic_scale, size=3)
    shift = generator.uniform(-config.shift_voxels, config.shift_voxels, size=3)
    spacing = np.asarray(spacing_mm)
    turn = np.diag(1.0 / spacing) @ _rotation(angles) @ np.diag(spacing)
    return SpatialChange(turn @ np.diag(1.0 / (scale * stretch)), shift)


def _rotation(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compose rotations about x, y and z, in radians."""
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        first, second = [other for other in range(3) if other != axis]
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


def _start_around(
    middle: NDArray[np.float64], shape: Sequence[int], size: Sequence[int]
) -> NDArray[np.int64]:
    """Return the first voxel of a patch around a point, moved into the volume as the windows of inference are."""
    start = middle - (np.asarray(size) - 1) / 2
    return np.array([clamp_start(*axis) for axis in zip(start.tolist(), size, shape, strict=True)])


def _draw_start(
    case: PreparedCase,
    shape: Sequence[int],
    size: Sequence[int],
    pos_neg_ratio: float,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw the first voxel of a patch; along an axis shorter than the patch, any place that holds it all."""
    slack = np.asarray(shape) - np.asarray(size)
    lowest, highest = np.minimum(slack, 0), np.maximum(slack, 0)
    anywhere: NDArray[np.int64] = generator.integers(lowest, highest + 1)
    if generator.random() >= pos_neg_ratio / (1.0 + pos_neg_ratio):
        return anywhere
    voxel = _draw_foreground_voxel(case, shape, generator)
    if voxel is None:
        return anywhere
    around = np.clip(voxel - np.asarray(size) // 2, 0, highest)
    start: NDArray[np.int64] = np.where(slack >= 0, around, anywhere)
    return start


def _draw_foreground_voxel(
    case: PreparedCase, shape: Sequence[int], generator: np.random.Generator
) -> NDArray[np.int64] | None:
    """Draw a class that is there, then one of its voxels, so that small classes are seen as often."""
    foreground = case.foreground()
    if not foreground:
        return None
    positions = foreground[sorted(foreground)[int(generator.integers(len(foreground)))]]
    flat = int(positions[int(generator.integers(len(positions)))])
    return np.array(np.unravel_index(flat, tuple(shape)))
