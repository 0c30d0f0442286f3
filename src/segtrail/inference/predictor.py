"""Segmenting full volumes with a trained network."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segtrail.compute import Compute
from segtrail.config.schema import Config
from segtrail.errors import InputError, TrainingFailed
from segtrail.images.nifti import Volume
from segtrail.networks.build import BuiltNetwork
from segtrail.preprocessing.grid import WorkingGrid
from segtrail.preprocessing.prepare import prepare_image, working_grid
from segtrail.training.memory import is_out_of_memory

Mode = Literal["sliding_window", "whole_volume"]

# Share of the device's memory that a whole-volume pass may be expected to take.
_MEMORY_SHARE = 0.25


@dataclass(frozen=True)
class Segmentation:
    """What the network makes of one image.

    Attributes:
        labels: Label map on the file's own grid, shape (x, y, z), uint8.
        probabilities: Shape (classes, x, y, z) on the same grid, float32, background first; None unless asked for.
        mode: How the image went through the network.
    """

    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32] | None
    mode: Mode


class Predictor:
    """Segments volumes as the configuration says.

    Args:
        built: The network, weights loaded, on its device.
        config: The run's configuration, spacing resolved.
        compute: Device and precision.
        n_classes: Classes, background included.

    Attributes:
        modes_used: How the volumes so far went through the network.
    """

    def __init__(self, built: BuiltNetwork, config: Config, compute: Compute, n_classes: int) -> None:
        self._built, self._config, self._compute, self._n_classes = built, config, compute, n_classes
        self._bytes_per_voxel: float | None = None
        self.modes_used: set[Mode] = set()

    def predict(self, volume: Volume, *, probabilities: bool = False) -> Segmentation:
        """Segment an image as its file holds it.

        Args:
            volume: The image.
            probabilities: Give the probabilities of all classes too, which need much more memory.

        Returns:
            Labels, and probabilities whose largest is the label.

        Raises:
            InputError: It can't fit into the memory at the network's spacing.
            TrainingFailed: The memory ran out.
        """
        with _memory_watched():
            grid = working_grid(volume, self._config.preprocess)
            self._refuse_beyond_memory(grid, volume.data.shape[0])
            scores, mode = self._probabilities(prepare_image(volume, grid, self._config.preprocess))
            on_file = grid.scores_on_file_grid(scores) if probabilities else None
            return Segmentation(grid.labels_on_file_grid(scores), on_file, mode)

    def _refuse_beyond_memory(self, grid: WorkingGrid, n_channels: int) -> None:
        """Refuse, before any memory is taken, what can't fit: a header in other units than mm asks for that."""
        needed = 4.0 * float(np.prod(grid.shape, dtype=np.float64)) * (n_channels + 2 * self._n_classes)
        if needed > psutil.virtual_memory().total:
            sizes = ["x".join(map(str, shape)) for shape in (grid.native_shape, grid.shape)]
            spacing = " x ".join(f"{mm:g}" for mm in grid.native_spacing_mm)
            raise InputError(
                f"The image of {sizes[0]} voxels of {spacing} mm would be {sizes[1]} voxels at the network's spacing, "
                f"for which about {needed / 1e9:.0f} GB of memory are needed. Look at the spacing and the units in "
                "its header."
            )

    def segment(self, volume: Volume) -> NDArray[np.uint8]:
        """Segment an image as its file holds it.

        Args:
            volume: The image.

        Returns:
            Labels on the file's own grid, shape (x, y, z), uint8.

        Raises:
            TrainingFailed: The memory ran out.
        """
        return self.predict(volume).labels

    def segment_prepared(self, image: NDArray[np.float32], grid: WorkingGrid) -> NDArray[np.uint8]:
        """Segment an image that is preprocessed already.

        Args:
            image: Shape (C, x, y, z) on the working grid.
            grid: How the working grid maps to the file's.

        Returns:
            Labels on the file's own grid, shape (x, y, z), uint8.

        Raises:
            TrainingFailed: The memory ran out.
        """
        with _memory_watched():
            return grid.labels_on_file_grid(self._probabilities(image)[0])

    def _probabilities(self, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], Mode]:
        """Return probabilities (classes, x, y, z) on the working grid, float32, and how they were computed."""
        network = self._built.network
        was_training = network.training
        network.eval()
        try:
            with torch.inference_mode():
                result, mode = self._infer(torch.from_numpy(np.array(image))[None])
        finally:
            network.train(was_training)
        self.modes_used.add(mode)
        return np.asarray(result[0].float().cpu().numpy()), mode

    def _infer(self, image: Tensor) -> tuple[Tensor, Mode]:
        mode = self._choose_mode(image)
        return self._whole_volume(image) if mode == "whole_volume" else self._sliding_window(image), mode

    def _whole_volume(self, image: Tensor) -> Tensor:
        divisor = self._built.size_divisor or (1, 1, 1)
        size = image.shape[2:]
        padded = _pad_to(image, [-(-n // d) * d for n, d in zip(size, divisor, strict=True)])
        return _crop_to(self._forward(padded.to(self._compute.device)), size)

    def _sliding_window(self, image: Tensor) -> Tensor:
        from monai.inferers import sliding_window_inference

        infer = self._config.infer
        roi_size = infer.roi_size or self._config.patch.patch_size
        size = image.shape[2:]
        result: Tensor = sliding_window_inference(
            _pad_to(image, [max(n, roi) for n, roi in zip(size, roi_size, strict=True)]),
            roi_size=roi_size,
            sw_batch_size=infer.batch_size,
            predictor=self._forward,
            overlap=infer.overlap,
            mode="gaussian",
            sw_device=self._compute.device,
            device=torch.device("cpu"),
        )
        return _crop_to(result, size)

    def _forward(self, windows: Tensor) -> Tensor:
        """Return probabilities (B, classes, x, y, z), float32; of deep supervision only the full output."""
        with self._compute.autocast():
            output: Tensor = self._built.network(windows)
        logits = output[:, 0] if output.ndim == 6 else output
        return torch.softmax(logits.float(), dim=1)

    def _choose_mode(self, image: Tensor) -> Mode:
        mode = self._config.infer.mode
        if mode != "auto":
            return mode
        if self._built.normalises_each_input or self._built.size_divisor is None:
            return "sliding_window"
        if self._bytes_per_voxel is None:
            self._bytes_per_voxel = self._measure_bytes_per_voxel(int(image.shape[1]))
        expected = self._bytes_per_voxel * float(np.prod(image.shape[2:]))
        return "whole_volume" if expected < _MEMORY_SHARE * self._compute.memory_bytes() else "sliding_window"

    def _measure_bytes_per_voxel(self, n_channels: int) -> float:
        """Sum the outputs of all layers on a small input: an upper bound, since torch frees many of them."""
        total = 0
        modules = [module for module in self._built.network.modules() if not list(module.children())]

        def count(_module: nn.Module, _inputs: object, output: object) -> None:
            nonlocal total
            if isinstance(output, Tensor):
                total += output.numel() * output.element_size()

        hooks = [module.register_forward_hook(count) for module in modules]
        size = [2 * divisor for divisor in (self._built.size_divisor or (16, 16, 16))]
        try:
            self._forward(torch.zeros(1, n_channels, *size, device=self._compute.device))
        finally:
            for hook in hooks:
                hook.remove()
        return total / float(np.prod(size))


@contextmanager
def _memory_watched() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            raise TrainingFailed(
                "The memory ran out while segmenting a full volume. Close other programs that use the same memory; "
                "with a GPU, compute on the CPU (--device cpu), which often has more. A training needs less with "
                "infer.mode=sliding_window, infer.batch_size=1 or a smaller window (infer.roi_size)."
            ) from None
        raise


def _pad_to(image: Tensor, size: Sequence[int]) -> Tensor:
    """Pad behind the last voxel with each channel's lowest intensity, as training patches are."""
    padded = image.amin(dim=(2, 3, 4), keepdim=True).expand(*image.shape[:2], *size).clone()
    padded[:, :, : image.shape[2], : image.shape[3], : image.shape[4]] = image
    return padded


def _crop_to(volume: Tensor, size: Sequence[int]) -> Tensor:
    return volume[:, :, : size[0], : size[1], : size[2]]
