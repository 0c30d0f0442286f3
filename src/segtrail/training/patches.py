"""Training patches: which ones make an epoch, and how each is cut and changed.

A patch is a pure function of (seed, epoch, case, index): any worker makes the same one, in any order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from segtrail.config.schema import StageConfig
from segtrail.errors import InputError
from segtrail.images.windows import clamp_start
from segtrail.networks.build import import_by_path
from segtrail.preprocessing.cache import PreparedCase
from segtrail.randomness import keyed_generator
from segtrail.training.augment import (
    Image,
    Labels,
    OwnTransform,
    change_intensity,
    change_orientation,
    draw_spatial_change,
    sample_patch,
)


@dataclass(frozen=True)
class PatchKey:
    """Names one patch of a training: its epoch, its case, and which of the case's patches it is."""

    epoch: int
    case: int
    index: int


class EpochBatches(Sampler[list[PatchKey]]):
    """The batches of an epoch: every case's patches in an order keyed by (seed, epoch).

    Attributes:
        epoch: The epoch whose batches come next.
        skipped: How many of them are left out at its begin, because they were trained before an interruption.
    """

    def __init__(self, n_cases: int, patches_per_case: int, batch_size: int, seed: int) -> None:
        self._keys = [(case, index) for case in range(n_cases) for index in range(patches_per_case)]
        self._batch_size = batch_size
        self._seed = seed
        self.epoch, self.skipped = 1, 0

    def __len__(self) -> int:
        """Count the batches of a whole epoch."""
        return -(-len(self._keys) // self._batch_size)

    def __iter__(self) -> Iterator[list[PatchKey]]:
        order = keyed_generator(self._seed, "order", self.epoch).permutation(len(self._keys))
        for batch in range(self.skipped, len(self)):
            chosen = order[batch * self._batch_size : (batch + 1) * self._batch_size]
            yield [PatchKey(self.epoch, *self._keys[int(position)]) for position in chosen]


@dataclass(frozen=True)
class PatchCentres:
    """Where the patches of a later stage are taken from: around what the stage before it found.

    Attributes:
        by_case: For each case the middle of each of its regions, in voxels of the working grid, shape (n, 3).
    """

    by_case: Mapping[str, NDArray[np.float64]]


class PatchDataset(Dataset[tuple[Tensor, Tensor]]):
    """Makes patches from the cache; picklable, so that workers can be spawned.

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

    def __getitem__(self, key: PatchKey) -> tuple[Tensor, Tensor]:
        """Make one patch: image (C, *patch_size) float32 and labels (*patch_size) uint8."""
        case = self._cases[key.case]
        generator = keyed_generator(self._config.train.seed, "patch", key.epoch, case.case, key.index)
        image, labels = self._cut(case, generator)
        augment = self._config.augment
        if augment.enabled:
            image, labels = change_orientation(image, labels, augment, generator)
            image = change_intensity(image, augment, generator)
            for path in augment.transforms:
                image, labels = _apply_own(path, image, labels, generator)
        return torch.from_numpy(image), torch.from_numpy(labels)

    def _cut(self, case: PreparedCase, generator: np.random.Generator) -> tuple[Image, Labels]:
        image, labels, outside = case.image(), case.label(), case.lowest_intensity()
        size, spacing = self._config.patch.patch_size, self._config.preprocess.spacing
        assert size is not None
        assert spacing is not None
        start = self._draw_start(case, labels.shape, size, spacing, generator)
        change = (
            draw_spatial_change(self._config.augment, spacing, generator)
            if self._config.augment.enabled
            else None
        )
        if change is None:
            background = np.zeros(1, dtype=np.uint8)
            return _crop(image, start, size, outside), _crop(labels[np.newaxis], start, size, background)[0]
        centre = start + (np.asarray(size) - 1) / 2
        return sample_patch(image, labels, centre, size, change, outside)

    def _draw_start(
        self,
        case: PreparedCase,
        shape: Sequence[int],
        size: Sequence[int],
        spacing_mm: Sequence[float],
        generator: np.random.Generator,
    ) -> NDArray[np.int64]:
        if self._centres is not None and generator.random() >= self._config.region.anywhere_fraction:
            middles = self._centres.by_case[case.case]
            if len(middles):
                middle = middles[int(generator.integers(len(middles)))]
                shift = generator.uniform(-1, 1, size=3) * self._config.region.shift_mm / spacing_mm
                return _start_around(middle + shift, shape, size)
        return _draw_start(case, shape, size, self._config.patch.pos_neg_ratio, generator)


def _start_around(
    middle: NDArray[np.float64], shape: Sequence[int], size: Sequence[int]
) -> NDArray[np.int64]:
    """Return the first voxel of a patch around a point, moved into the volume as the windows of inference are."""
    start = middle - (np.asarray(size) - 1) / 2
    return np.array([clamp_start(*axis) for axis in zip(start.tolist(), size, shape, strict=True)])


def _apply_own(
    path: str, image: Image, labels: Labels, generator: np.random.Generator
) -> tuple[Image, Labels]:
    transform: OwnTransform = import_by_path(path, "augment.transforms")[0]
    changed, changed_labels = transform(image, labels, generator)
    if changed.shape != image.shape or changed_labels.shape != labels.shape:
        raise InputError(
            f"augment.transforms {path} turns an image of shape {image.shape} with labels {labels.shape} into "
            f"{changed.shape} with {changed_labels.shape}; it must keep both."
        )
    return np.ascontiguousarray(changed, np.float32), np.ascontiguousarray(changed_labels, np.uint8)


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


def _crop(
    volume: NDArray[Any], start: NDArray[np.int64], size: Sequence[int], outside: NDArray[Any]
) -> NDArray[Any]:
    """Copy a box out of a volume (C, x, y, z); what lies outside gets the value given for each channel."""
    result = np.empty((len(volume), *size), dtype=volume.dtype)
    result[:] = outside[:, np.newaxis, np.newaxis, np.newaxis]
    shape = volume.shape[1:]
    inside = [slice(max(s, 0), min(s + n, limit)) for s, n, limit in zip(start, size, shape, strict=True)]
    target = [slice(part.start - s, part.stop - s) for part, s in zip(inside, start, strict=True)]
    result[(slice(None), *target)] = volume[(slice(None), *inside)]
    return result
