"""One network over one volume: the whole of it, or the windows that are asked for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import combinations
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segtrail.compute import Compute
from segtrail.config.schema import StageConfig
from segtrail.errors import TrainingFailed
from segtrail.images.resample import Shape3D
from segtrail.inference.scores import BoxScores, Scores
from segtrail.networks.build import BuiltNetwork
from segtrail.networks.footprint import activation_bytes_per_voxel

Mode = Literal["sliding_window", "whole_volume", "regions"]
Image = NDArray[np.float32]
Starts = Sequence[tuple[int, int, int]]
Corner = NDArray[np.int64]

# Share of the device's memory that a whole-volume pass may be expected to take.
_MEMORY_SHARE = 0.25


class NetworkPass:
    """One network, ready to go over volumes as its stage's configuration says.

    Args:
        built: The network, weights loaded, on its device.
        config: The stage's configuration, spacing and patch size resolved.
        compute: Device and precision.
        n_classes: Classes, background included.
    """

    def __init__(self, built: BuiltNetwork, config: StageConfig, compute: Compute, n_classes: int) -> None:
        self.config = config
        self._built, self._compute, self._n_classes = built, compute, n_classes
        self._bytes_per_voxel: float | None = None

    @property
    def window(self) -> Shape3D:
        """Voxels of one window."""
        size = self.config.infer.roi_size or self.config.patch.patch_size
        assert size is not None
        return size

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Spacing of the working grid."""
        assert self.config.preprocess.spacing is not None
        return self.config.preprocess.spacing

    def everywhere(self, image: Image) -> tuple[Scores, Mode]:
        """Go over a whole volume.

        Args:
            image: Shape (C, x, y, z) on the working grid.

        Returns:
            Probabilities (classes, x, y, z), float32, background first, and how they were computed.

        Raises:
            TrainingFailed: They are not finite.
        """
        with self._inferring() as network:
            volume = torch.from_numpy(np.array(image))[None]
            mode = self._choose_mode(volume)
            go_over = self._whole_volume if mode == "whole_volume" else self._sliding_window
            result = go_over(network, volume)
        scores = np.asarray(result[0].float().cpu().numpy())
        _require_finite(scores)
        return scores, mode

    def in_windows(self, image: Image, starts: Starts) -> BoxScores:
        """Go over some windows of a volume; where they overlap, the middle of a window counts most.

        Args:
            image: Shape (C, x, y, z) on the working grid.
            starts: First voxel of each window; a window may reach beyond the volume.

        Returns:
            The probabilities in the box around the windows, cut to the volume.

        Raises:
            TrainingFailed: They are not finite.
        """
        low = np.maximum(np.min(starts, axis=0), 0)
        high = np.minimum(np.max(starts, axis=0) + self.window, image.shape[1:])
        with self._inferring() as network:
            windows = self._each_window(network, image, starts)
            joined = self._joined(starts, windows, low, high)
        _require_finite(joined)
        return BoxScores(joined, (int(low[0]), int(low[1]), int(low[2])))

    def _each_window(self, network: nn.Module, image: Image, starts: Starts) -> Iterator[Scores]:
        outside = torch.from_numpy(np.array(image.min(axis=(1, 2, 3))))
        for start in starts:
            window = _cut(image, start, self.window, outside)
            yield self._forward(network, window[None].to(self._compute.device))[0].cpu().numpy()

    def _joined(self, starts: Starts, windows: Iterator[Scores], low: Corner, high: Corner) -> Scores:
        """Average the scores of windows in the box from ``low`` to ``high``; what no window sees is background."""
        if len(starts) == 1:
            _, source = _overlap(starts[0], self.window, low, high)
            return next(windows)[(slice(None), *source)]
        importance = _importance(self.window)
        total = np.zeros((self._n_classes, *(high - low)), dtype=np.float32)
        weight = np.zeros(total.shape[1:], dtype=np.float32)
        for start, scores in zip(starts, windows, strict=True):
            inside, source = _overlap(start, self.window, low, high)
            total[(slice(None), *inside)] += scores[(slice(None), *source)] * importance[source]
            weight[inside] += importance[source]
        unseen = weight == 0
        total[0][unseen] = weight[unseen] = 1.0
        total /= weight
        return total

    @contextmanager
    def _inferring(self) -> Iterator[nn.Module]:
        network = self._built.network
        was_training = network.training
        network.eval()
        try:
            with torch.inference_mode():
                yield self._built.for_inference()
        finally:
            network.train(was_training)

    def _whole_volume(self, network: nn.Module, image: Tensor) -> Tensor:
        divisor = self._built.size_divisor or (1, 1, 1)
        size = image.shape[2:]
        padded = _pad_to(image, [-(-n // d) * d for n, d in zip(size, divisor, strict=True)])
        return _crop_to(self._forward(network, padded.to(self._compute.device)), size)

    def _sliding_window(self, network: nn.Module, image: Tensor) -> Tensor:
        from monai.inferers import sliding_window_inference

        size = image.shape[2:]
        result: Tensor = sliding_window_inference(
            _pad_to(image, [max(n, window) for n, window in zip(size, self.window, strict=True)]),
            roi_size=self.window,
            sw_batch_size=self.config.infer.batch_size,
            predictor=partial(self._forward, network),
            overlap=self.config.infer.overlap,
            mode="gaussian",
            sw_device=self._compute.device,
            device=torch.device("cpu"),
        )
        return _crop_to(result, size)

    def _forward(self, network: nn.Module, windows: Tensor) -> Tensor:
        """Return probabilities (B, classes, x, y, z), float32, averaged over the mirror images asked for."""
        axes = [axis + 2 for axis in self.config.infer.flips]
        turns = [turn for count in range(len(axes) + 1) for turn in combinations(axes, count)]
        total = self._forward_once(network, windows)
        for turn in turns[1:]:
            total = total + self._forward_once(network, windows.flip(turn)).flip(turn)
        return total / len(turns) if len(turns) > 1 else total

    def _forward_once(self, network: nn.Module, windows: Tensor) -> Tensor:
        """Compute softmax probabilities; of deep supervision only the full output."""
        with self._compute.autocast():
            output: Tensor = network(windows)
        logits = output[:, 0] if output.ndim == 6 else output
        return torch.softmax(logits.float(), dim=1)

    def _choose_mode(self, image: Tensor) -> Mode:
        mode = self.config.infer.mode
        if mode != "auto":
            return mode
        if self._built.normalises_each_input or self._built.size_divisor is None:
            return "sliding_window"
        if self._bytes_per_voxel is None:
            self._bytes_per_voxel = activation_bytes_per_voxel(
                self._built, int(image.shape[1]), self._compute
            )
        expected = self._bytes_per_voxel * float(np.prod(image.shape[2:]))
        return "whole_volume" if expected < _MEMORY_SHARE * self._compute.memory_bytes() else "sliding_window"


def _require_finite(scores: Scores) -> None:
    if not np.isfinite(scores[0].sum(dtype=np.float64)):
        raise TrainingFailed(
            "The network gives values that are not finite on this image. Look at its intensities, or compute with "
            "train.precision=fp32."
        )


def _importance(window: Shape3D) -> NDArray[np.float32]:
    """Weigh the middle of a window most, as MONAI's sliding window does: a Gaussian of an eighth of each side."""
    weights = torch.ones(())
    for side in window:
        distance = torch.arange(side, dtype=torch.float32) - (side - 1) / 2.0
        weights = weights.unsqueeze(-1) * torch.exp(distance**2 / (-2 * (side * 0.125) ** 2))
    return np.asarray(weights.clamp(min=1e-3).numpy(), dtype=np.float32)


def _cut(image: Image, start: Sequence[int], window: Shape3D, outside: Tensor) -> Tensor:
    """Copy a window out of a volume (C, x, y, z); beyond it stands each channel's lowest intensity."""
    result = outside.view(-1, 1, 1, 1).expand(-1, *window).clone()
    inside, source = _overlap((0, 0, 0), image.shape[1:], np.asarray(start), np.add(start, window))
    result[(slice(None), *inside)] = torch.from_numpy(np.array(image[(slice(None), *source)]))
    return result


def _overlap(
    start: Sequence[int], size: Sequence[int], low: Corner, high: Corner
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return what of the box at ``start`` lies between ``low`` and ``high``, in voxels of that box and of itself."""
    first, last = np.maximum(start, low), np.minimum(np.add(start, size), high)
    last = np.maximum(first, last)
    inside = tuple(slice(int(a), int(b)) for a, b in zip(first - low, last - low, strict=True))
    source = tuple(slice(int(a), int(b)) for a, b in zip(first - start, last - start, strict=True))
    return inside, source


def _pad_to(image: Tensor, size: Sequence[int]) -> Tensor:
    """Pad behind the last voxel with each channel's lowest intensity, as training patches are."""
    padded = image.amin(dim=(2, 3, 4), keepdim=True).expand(*image.shape[:2], *size).clone()
    padded[:, :, : image.shape[2], : image.shape[3], : image.shape[4]] = image
    return padded


def _crop_to(volume: Tensor, size: Sequence[int]) -> Tensor:
    return volume[:, :, : size[0], : size[1], : size[2]]
