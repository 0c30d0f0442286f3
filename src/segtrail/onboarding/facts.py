"""What the files of a data set hold: shapes, spacings, intensities and label values, each file read once."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segtrail.dataset.description import CaseFiles
from segtrail.errors import InputError
from segtrail.images.geometry import RasReorientation, is_singular, spacing_mm
from segtrail.images.nifti import Volume, read_volume, stack_channels

_SAMPLES = 1000  # foreground voxels of one case: enough for percentiles over all
_MANY_VALUES = 257  # more than a label map may hold


@dataclass(frozen=True)
class CaseFacts:
    """What one case holds. Shape and spacing are along the axes nearest to right, anterior and superior.

    Attributes:
        intensity_range: Lowest and highest finite intensity of the first channel.
        label_values: Values in the label map, the lowest 257 of them.
        foreground: Intensities of the first channel under the label, at most 1,000.
    """

    case: str
    n_channels: int
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    intensity_range: tuple[float, float]
    label_values: tuple[float, ...]
    foreground: NDArray[np.float32]


@dataclass(frozen=True)
class DataFacts:
    """What all cases of a data set hold."""

    cases: tuple[CaseFacts, ...]

    @property
    def n_channels(self) -> int:
        """Channels of every image."""
        return self.cases[0].n_channels

    @property
    def median_spacing_mm(self) -> tuple[float, float, float]:
        """Median of the spacing along each axis."""
        x, y, z = np.median([case.spacing_mm for case in self.cases], axis=0)
        return float(x), float(y), float(z)

    @property
    def median_extent_mm(self) -> tuple[float, float, float]:
        """Median of the size along each axis."""
        sizes = [np.multiply(case.shape, case.spacing_mm) for case in self.cases]
        x, y, z = np.median(sizes, axis=0)
        return float(x), float(y), float(z)

    @property
    def median_shape(self) -> tuple[int, int, int]:
        """Median of the voxels along each axis."""
        x, y, z = np.median([case.shape for case in self.cases], axis=0)
        return round(x), round(y), round(z)

    @property
    def intensity_range(self) -> tuple[float, float]:
        """Lowest and highest intensity of the first channel, medians over cases."""
        low, high = np.median([case.intensity_range for case in self.cases], axis=0)
        return float(low), float(high)

    @property
    def foreground_window(self) -> tuple[float, float] | None:
        """The 0.5th and 99.5th percentile of the first channel under the labels; None without foreground."""
        pooled = np.concatenate([case.foreground for case in self.cases])
        if pooled.size == 0:
            return None
        low, high = np.percentile(pooled, (0.5, 99.5))
        return float(low), float(high)

    @property
    def label_values(self) -> tuple[float, ...]:
        """Values over all label maps."""
        return tuple(sorted({value for case in self.cases for value in case.label_values}))


def read_facts(
    folder: Path, cases: Sequence[CaseFiles], on_case: Callable[[str], None] = lambda _: None
) -> DataFacts:
    """Read every file of a data set.

    Args:
        folder: Folder that the files are relative to.
        cases: The cases.
        on_case: Called with each case's name when it has been read.

    Returns:
        Their facts, in the same order.

    Raises:
        InputError: Files can't be read, or images differ in their number of channels; all are listed.
    """

    def read(case: CaseFiles) -> CaseFacts | str:
        try:
            return _read_case(folder, case)
        except InputError as error:
            return f"{case.case}: {error}"
        finally:
            on_case(case.case)

    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, 4)) as pool:
        answers = list(pool.map(read, cases))
    problems = [answer for answer in answers if isinstance(answer, str)]
    if problems:
        lines = [f"  {problem}" for problem in problems[:20]]
        raise InputError(
            "\n".join(
                [
                    f"{len(problems)} of {len(cases)} cases can't be read:",
                    *lines,
                    *([f"  and {len(problems) - 20} more"] if len(problems) > 20 else []),
                    "What to do: copy or export these files again, or move them out of the folder.",
                ]
            )
        )
    facts = tuple(answer for answer in answers if isinstance(answer, CaseFacts))
    _refuse_other_channels(facts)
    return DataFacts(facts)


def _read_case(folder: Path, files: CaseFiles) -> CaseFacts:
    image = stack_channels([_read_file(folder, file) for file in files.images], files.images)
    label = _read_file(folder, files.label)
    for volume, name in ((image, files.images[0]), (label, files.label)):
        if is_singular(volume.affine):
            raise InputError(
                f"{name} has an affine that can't be inverted, so that its voxels have no place in space."
            )
    if label.data.shape[0] != 1:
        raise InputError(f"{files.label} has {label.data.shape[0]} channels; a label map has one.")
    reorientation = RasReorientation.of(image.affine)
    x, y, z = reorientation.apply(np.empty(image.spatial_shape, dtype=np.bool_)).shape
    return CaseFacts(
        case=files.case,
        n_channels=image.data.shape[0],
        shape=(x, y, z),
        spacing_mm=spacing_mm(reorientation.apply_to_affine(image.affine, image.spatial_shape)),
        intensity_range=_range(image.data[0], files.images[0]),
        label_values=tuple(float(value) for value in np.unique(label.data)[:_MANY_VALUES]),
        foreground=_foreground(image, label),
    )


def _read_file(folder: Path, file: str) -> Volume:
    path = folder / file
    try:
        return read_volume(path)
    except InputError as error:
        raise InputError(str(error).replace(path.name, file, 1)) from None


def _range(channel: NDArray[np.float32], file: str) -> tuple[float, float]:
    finite = channel[np.isfinite(channel)]
    if finite.size == 0:
        raise InputError(f"{file} holds no finite intensity.")
    return float(finite.min()), float(finite.max())


def _foreground(image: Volume, label: Volume) -> NDArray[np.float32]:
    if image.spatial_shape != label.spatial_shape:
        return np.empty(0, dtype=np.float32)
    values = image.data[0][label.data[0] != 0]
    values = values[np.isfinite(values)]
    return np.asarray(values[:: max(1, values.size // _SAMPLES)][:_SAMPLES])


def _refuse_other_channels(facts: Sequence[CaseFacts]) -> None:
    by_count: dict[int, list[str]] = {}
    for case in facts:
        by_count.setdefault(case.n_channels, []).append(case.case)
    if len(by_count) > 1:
        shown = "; ".join(
            f"{count} in {', '.join(names[:5])}{' and others' if len(names) > 5 else ''}"
            for count, names in sorted(by_count.items())
        )
        raise InputError(
            f"The images differ in their number of channels: {shown}. All images of a data set need the same; "
            "choose some with --images, or move the others away."
        )
