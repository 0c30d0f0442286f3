"""Patches made on the device that trains on them, out of volumes that lie there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segtrail.config.schema import StageConfig
from segtrail.preprocessing.cache import PreparedCase
from segtrail.randomness import derive_seed
from segtrail.training.device_augment import change_intensity, crop, orient, sample_patch
from segtrail.training.patch_plan import PatchCentres, PatchKey, PatchPlanner
from segtrail.training.patches import EpochBatches

_SHARE_OF_THE_MEMORY = 0.25


@dataclass(frozen=True)
class _Volume:
    """A case on the device: image (C, x, y, z) float32, labels (x, y, z) uint8, and what lies outside, (C,)."""

    image: Tensor
    labels: Tensor
    outside: Tensor


class DevicePatches:
    """Batches of patches; as a loader is, gone through once an epoch.

    Args:
        cases: The training cases.
        config: The stage's configuration.
        n_classes: Classes, background included.
        batches: Which patches come together, and in which order.
        device: Where volumes and patches lie.
        centres: Where patches are taken from; None takes them from the whole volume.
    """

    def __init__(
        self,
        cases: Sequence[PreparedCase],
        config: StageConfig,
        n_classes: int,
        batches: EpochBatches,
        device: torch.device,
        centres: PatchCentres | None = None,
    ) -> None:
        self._config, self._n_classes, self._batches, self._device = config, n_classes, batches, device
        self._planner = PatchPlanner(cases, config, centres)
        self._volumes = [_bring(case, device) for case in cases]
        self._noise = torch.Generator(device)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Make the batches of the epoch: images (B, C, *patch_size) float32, labels (B, *patch_size) uint8."""
        for keys in self._batches:
            images, labels = zip(*(self.make(key) for key in keys), strict=True)
            yield torch.stack(images), torch.stack(labels)

    def free(self) -> None:
        """Let go of the volumes: those of the next network's training need the room."""
        self._volumes.clear()

    @torch.no_grad()
    def make(self, key: PatchKey) -> tuple[Tensor, Tensor]:
        """Make one patch: image (C, *patch_size) float32 and labels (*patch_size) uint8."""
        plan, _ = self._planner.draw(key)
        volume, size = self._volumes[key.case], self._config.patch.patch_size
        assert size is not None
        if plan.spatial is None:
            start = plan.start.tolist()
            image = crop(volume.image, start, size, volume.outside)
            labels = crop(volume.labels[None], start, size, volume.labels.new_zeros(1))[0]
        else:
            image, labels = sample_patch(
                volume.image, volume.labels, plan.start, size, plan.spatial, volume.outside, self._n_classes
            )
        image, labels = orient(image, labels, plan.orientation)
        self._noise.manual_seed(derive_seed(*self._planner.noise_key(key)))
        return change_intensity(image, plan.intensity, self._noise), labels


def fit_on_device(
    config: StageConfig, cases: Sequence[PreparedCase], device: torch.device, memory_bytes: int
) -> bool:
    """Tell whether patches are made on the device where the configuration leaves it to the program.

    Args:
        config: The stage's configuration.
        cases: The training cases.
        device: The device.
        memory_bytes: Its memory.

    Returns:
        True where it is a CUDA device, the volumes take at most a quarter of its memory, and no transform of one's
        own has to run on the CPU.
    """
    if device.type != "cuda" or (config.augment.enabled and config.augment.transforms):
        return False
    return sum(_bytes_of(case) for case in cases) <= _SHARE_OF_THE_MEMORY * memory_bytes


def _bytes_of(case: PreparedCase) -> int:
    return int(case.image().nbytes + case.label().nbytes)


def _bring(case: PreparedCase, device: torch.device) -> _Volume:
    arrays = case.image(), case.label(), case.lowest_intensity()
    return _Volume(*(torch.from_numpy(np.array(array)).to(device) for array in arrays))
