"""Training patches: which ones make an epoch, and how each is cut and changed on the CPU.

A patch is a pure function of (seed, epoch, case, index): any worker makes the same one, in any order.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from segtrail.config.schema import StageConfig
from segtrail.errors import InputError
from segtrail.networks.build import import_by_path
from segtrail.preprocessing.cache import PreparedCase
from segtrail.randomness import keyed_generator
from segtrail.training.augment import (
    Image,
    Labels,
    OwnTransform,
    change_intensity,
    orient,
    sample_patch,
)
from segtrail.training.patch_plan import PatchCentres, PatchKey, PatchPlan, PatchPlanner


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
        self._planner = PatchPlanner(cases, config, centres)

    def __getitem__(self, key: PatchKey) -> tuple[Tensor, Tensor]:
        """Make one patch: image (C, *patch_size) float32 and labels (*patch_size) uint8."""
        plan, generator = self._planner.draw(key)
        image, labels = self._cut(self._cases[key.case], plan)
        image, labels = orient(image, labels, plan.orientation)
        image = change_intensity(image, plan.intensity, keyed_generator(*self._planner.noise_key(key)))
        if self._config.augment.enabled:
            for path in self._config.augment.transforms:
                image, labels = _apply_own(path, image, labels, generator)
        return torch.from_numpy(image), torch.from_numpy(labels)

    def _cut(self, case: PreparedCase, plan: PatchPlan) -> tuple[Image, Labels]:
        image, labels, outside = case.image(), case.label(), case.lowest_intensity()
        size = self._config.patch.patch_size
        assert size is not None
        if plan.spatial is None:
            background = np.zeros(1, dtype=np.uint8)
            cropped_labels = _crop(labels[np.newaxis], plan.start, size, background)[0]
            return _crop(image, plan.start, size, outside), cropped_labels
        return sample_patch(image, labels, plan.start, size, plan.spatial, outside)


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
