"""Segmenting full volumes with the trained networks of a run: one, or one after the other."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import psutil
from numpy.typing import NDArray

from segtrail.config.schema import PreprocessConfig
from segtrail.errors import InputError, TrainingFailed
from segtrail.images.nifti import Volume
from segtrail.inference.components import keep_largest_components
from segtrail.inference.guard_note import GuardNote
from segtrail.inference.network_pass import Mode, NetworkPass
from segtrail.inference.region_pass import RegionPass, Search
from segtrail.inference.scores import BoxScores
from segtrail.preprocessing.grid import WorkingGrid
from segtrail.preprocessing.prepare import prepare_image, working_grid
from segtrail.training.memory import is_out_of_memory


@dataclass(frozen=True)
class Region:
    """A box that the last network looked at, along RAS; lengths from the middle of the volume's first voxel."""

    low_mm: tuple[float, float, float]
    size_mm: tuple[float, float, float]


@dataclass(frozen=True)
class ClassProbabilities:
    """The probabilities behind a label map, brought to the file's grid one class at a time, since all need much memory.

    They are those before small components are taken out.

    Attributes:
        scores: Those of the last network, on its working grid.
        grid: How that grid maps to the file's.
    """

    scores: BoxScores = field(repr=False)
    grid: WorkingGrid

    def of_class(self, value: int) -> NDArray[np.float32]:
        """Return the probability of one class, shape (x, y, z), float32.

        Raises:
            TrainingFailed: The memory ran out.
        """
        with _memory_watched():
            return self.grid.score_on_file_grid(self.scores.values, value, self.scores.origin)

    def of_all(self) -> NDArray[np.float32]:
        """Return the probabilities of all classes, shape (classes, x, y, z), float32, background first.

        Raises:
            TrainingFailed: The memory ran out.
        """
        with _memory_watched():
            return np.stack([self.of_class(value) for value in range(len(self.scores.values))])


@dataclass(frozen=True)
class Segmentation:
    """What the networks make of one image.

    Attributes:
        labels: Label map on the file's own grid, shape (x, y, z), uint8.
        mode: How the image went through the last network.
        regions: Where the last network looked first; empty where it had no regions to look at.
        guard: What was out of the ordinary, and what was done about it.
        confidence: Mean probability of what the last network found in its regions; None where it had none, or found
            nothing.
    """

    labels: NDArray[np.uint8]
    mode: Mode
    regions: tuple[Region, ...] = ()
    guard: tuple[GuardNote, ...] = ()
    confidence: float | None = None


class Predictor:
    """Segments volumes as the configuration says.

    Args:
        first: The network that goes over the whole volume.
        second: The network that looks where the first one found something; None where the first one's result counts.
        labels: Class name by label value, background included.

    Attributes:
        modes_used: How the volumes so far went through the last network.
    """

    def __init__(self, first: NetworkPass, second: RegionPass | None, labels: Mapping[int, str]) -> None:
        self._first, self._second, self._labels = first, second, labels
        self.modes_used: set[Mode] = set()

    def predict(self, volume: Volume) -> tuple[Segmentation, ClassProbabilities]:
        """Segment an image as its file holds it.

        Args:
            volume: The image.

        Returns:
            The segmentation, and the probabilities behind it: the largest one is the label.

        Raises:
            InputError: It can't fit into the memory at a network's spacing.
            TrainingFailed: The memory ran out.
        """
        with _memory_watched():
            for network in self._networks():
                grid = working_grid(volume, network.config.preprocess)
                self._refuse_beyond_memory(grid, volume.data.shape[0])
            grid, image = _prepare(volume, self._first.config.preprocess)
            scores, mode = self._first.everywhere(image)
            if self._second is None:
                return self._finish(BoxScores(scores, (0, 0, 0)), grid, mode)
            where = self._second.search(scores, self._first.spacing_mm)
            grid, image = _prepare(volume, self._second.network.config.preprocess)
            return self._look_closer(image, grid, where)

    def segment_prepared(self, image: NDArray[np.float32], grid: WorkingGrid) -> NDArray[np.uint8]:
        """Segment, with the first network alone, an image that is preprocessed already.

        Args:
            image: Shape (C, x, y, z) on the first network's working grid.
            grid: How the working grid maps to the file's.

        Returns:
            Labels on the file's own grid, shape (x, y, z), uint8.

        Raises:
            TrainingFailed: The memory ran out.
        """
        with _memory_watched():
            scores, mode = self._first.everywhere(image)
            return self._finish(BoxScores(scores, (0, 0, 0)), grid, mode)[0].labels

    def segment_where(self, image: NDArray[np.float32], grid: WorkingGrid, where: Search) -> Segmentation:
        """Segment, with the second network, a preprocessed image in which the first one has found something.

        Args:
            image: Shape (C, x, y, z) on the second network's working grid.
            grid: How the working grid maps to the file's.
            where: What the first network found.

        Returns:
            Labels on the file's own grid, and what the guard did.

        Raises:
            TrainingFailed: The memory ran out.
        """
        with _memory_watched():
            return self._look_closer(image, grid, where)[0]

    def _look_closer(
        self, image: NDArray[np.float32], grid: WorkingGrid, where: Search
    ) -> tuple[Segmentation, ClassProbabilities]:
        assert self._second is not None
        result = self._second.segment(image, where)
        scores = result.scores or _nothing(len(self._labels))
        regions = [_region(start, self._second.network) for start in result.windows]
        segmentation, probabilities = self._finish(scores, grid, result.mode, regions, result.notes)
        return replace(segmentation, confidence=result.confidence), probabilities

    def _finish(
        self,
        scores: BoxScores,
        grid: WorkingGrid,
        mode: Mode,
        regions: Sequence[Region] = (),
        notes: Sequence[GuardNote] = (),
    ) -> tuple[Segmentation, ClassProbabilities]:
        """Bring the last network's probabilities to the file's grid."""
        self.modes_used.add(mode)
        labels = grid.labels_on_file_grid(scores.values, scores.origin)
        left_out: list[GuardNote] = []
        if self._networks()[-1].config.infer.largest_component:
            labels, left_out = keep_largest_components(
                labels, self._labels, voxel_ml=float(np.prod(grid.native_spacing_mm)) / 1000
            )
        segmentation = Segmentation(labels, mode, tuple(regions), (*notes, *left_out))
        return segmentation, ClassProbabilities(scores, grid)

    def _networks(self) -> list[NetworkPass]:
        return [self._first, *([self._second.network] if self._second else [])]

    def _refuse_beyond_memory(self, grid: WorkingGrid, n_channels: int) -> None:
        """Refuse, before any memory is taken, what can't fit: a header in other units than mm asks for that."""
        needed = 4.0 * float(np.prod(grid.shape, dtype=np.float64)) * (n_channels + 2 * len(self._labels))
        if needed > psutil.virtual_memory().total:
            sizes = ["x".join(map(str, shape)) for shape in (grid.native_shape, grid.shape)]
            spacing = " x ".join(f"{mm:g}" for mm in grid.native_spacing_mm)
            raise InputError(
                f"The image of {sizes[0]} voxels of {spacing} mm would be {sizes[1]} voxels at the network's spacing, "
                f"for which about {needed / 1e9:.0f} GB of memory are needed. Look at the spacing and the units in "
                "its header."
            )


def _prepare(volume: Volume, config: PreprocessConfig) -> tuple[WorkingGrid, NDArray[np.float32]]:
    grid = working_grid(volume, config)
    return grid, prepare_image(volume, grid, config)


def _nothing(n_classes: int) -> BoxScores:
    """Return scores that say background everywhere."""
    values = np.zeros((n_classes, 1, 1, 1), dtype=np.float32)
    values[0] = 1.0
    return BoxScores(values, (0, 0, 0))


def _region(start: Sequence[int], network: NetworkPass) -> Region:
    spacing = np.asarray(network.spacing_mm)
    low, size = (np.asarray(start) - 0.5) * spacing, np.asarray(network.window) * spacing
    return Region(
        (float(low[0]), float(low[1]), float(low[2])), (float(size[0]), float(size[1]), float(size[2]))
    )


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
