"""How far an image is from those that a network was trained on: spacing, extent and intensity."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segtrail.errors import InputError
from segtrail.images.geometry import Affine, RasReorientation, spacing_mm
from segtrail.images.nifti import Volume

Property = Literal["spacing", "extent", "intensity", "placement"]
Vector = NDArray[np.float64]

# An image is unlike the training images when it lies outside their range, widened by these.
SPACING_TOLERANCE = 0.10  # of the end of the range
EXTENT_TOLERANCE = 0.25  # of the end of the range
OTHER_UNITS = 8.0  # factor between spacings that no two scanners differ by
INTENSITY_TOLERANCE = 0.5  # of the range's width
INTENSITY_FLOOR = 0.1  # of the largest distance between the outer percentiles of one training image, at least
PERCENTILES = (0.5, 50.0, 99.5)

_AXES = ("x", "y", "z")
_PERCENTILE_NAMES = ("0.5th percentile", "median", "99.5th percentile")


@dataclass(frozen=True)
class Unlikeness:
    """A property in which an image is unlike the training images, and a sentence with what was found."""

    property: Property
    evidence: str


@dataclass(frozen=True)
class TrainingRange:
    """What the images that a network was trained on have in common; axes are those of RAS.

    Attributes:
        spacing_mm: Smallest and largest spacing, shape (2, 3).
        extent_mm: Smallest and largest number of voxels times spacing, shape (2, 3).
        percentiles: Smallest and largest intensity at each of ``PERCENTILES``, shape (2, channels, 3).
        contrast: Largest distance between the outer percentiles of one image, shape (channels,).
        channel_names: Names of the channels.
    """

    spacing_mm: Vector
    extent_mm: Vector
    percentiles: Vector
    contrast: Vector
    channel_names: tuple[str, ...]

    @classmethod
    def of_summary(cls, summary: Mapping[str, Any], n_channels: int) -> "TrainingRange":
        """Take the training cases out of a run's ``dataset_summary.json``.

        Args:
            summary: Its content.
            n_channels: Channels that the network takes.

        Returns:
            The range.

        Raises:
            InputError: It does not describe them.
        """
        try:
            if "training_range" in summary:
                return cls._of_mapping(summary["training_range"], summary["modality"])
            images = [case["image"] for case in summary["cases"] if case["side"] == "train"]
            grids = np.array([_spacing_and_extent(np.array(i["affine"], float), i["shape"]) for i in images])
            values = np.array(
                [
                    [
                        [channel[f"{key:g}"] for key in PERCENTILES]
                        for channel in image["intensity_percentiles"]
                    ]
                    for image in images
                ],
                dtype=np.float64,
            )
            if values.shape[1] != n_channels:
                raise ValueError(f"{values.shape[1]} channels, where the network takes {n_channels}")
            return cls(
                spacing_mm=np.stack([grids[:, 0].min(axis=0), grids[:, 0].max(axis=0)]),
                extent_mm=np.stack([grids[:, 1].min(axis=0), grids[:, 1].max(axis=0)]),
                percentiles=np.stack([values.min(axis=0), values.max(axis=0)]),
                contrast=(values[:, :, -1] - values[:, :, 0]).max(axis=0),
                channel_names=tuple(str(name) for name in summary["modality"].values()),
            )
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise InputError(
                f"dataset_summary.json of the run does not describe its training cases ({type(error).__name__}: "
                f"{error}). Restore the run folder from its archive."
            ) from None

    @classmethod
    def _of_mapping(cls, ranges: Mapping[str, Any], channels: Mapping[str, Any]) -> "TrainingRange":
        """Take them as a shared copy has them, which says nothing of single images."""
        ends = {
            key: np.stack([np.array(ranges[key]["min"], float), np.array(ranges[key]["max"], float)])
            for key in ("spacing_mm", "extent_mm", "percentiles")
        }
        return cls(
            **ends, contrast=np.array(ranges["contrast"], float), channel_names=tuple(channels.values())
        )

    def as_mapping(self, digits: int) -> dict[str, Any]:
        """Return the ranges as plain values, rounded.

        Args:
            digits: Significant digits.
        """
        ends = {key: getattr(self, key) for key in ("spacing_mm", "extent_mm", "percentiles")}
        return {
            **{
                key: {"min": _round(low, digits), "max": _round(high, digits)}
                for key, (low, high) in ends.items()
            },
            "contrast": _round(self.contrast, digits),
        }

    def compare(self, volume: Volume) -> tuple[Unlikeness, ...]:
        """Tell in what an image is unlike the training images.

        Args:
            volume: The image, with as many channels as they have.

        Returns:
            At most one entry for the spacing, one for the extent, one for each channel's intensity, and one where
            the header does not place the voxels.
        """
        spacing, extent = _spacing_and_extent(volume.affine, volume.spatial_shape)
        found = [
            self._compare_lengths("spacing", spacing, self.spacing_mm, SPACING_TOLERANCE),
            self._compare_lengths("extent", extent, self.extent_mm, EXTENT_TOLERANCE),
            *(self._compare_intensity(number, channel) for number, channel in enumerate(volume.data)),
            _look_at_placement(volume),
        ]
        return tuple(unlike for unlike in found if unlike is not None)

    def refuse_other_units(self, affine: Affine, shape: Sequence[int]) -> None:
        """Refuse an image whose spacing is so far off that its unit must be another.

        Args:
            affine: Affine of the file.
            shape: Voxels along the file's axes.

        Raises:
            InputError: The spacing differs by a factor of ``OTHER_UNITS`` or more along every axis.
        """
        spacing, _ = _spacing_and_extent(affine, shape)
        too_small = (spacing * OTHER_UNITS <= self.spacing_mm[0]).all()
        too_large = (spacing >= self.spacing_mm[1] * OTHER_UNITS).all()
        if too_small or too_large:
            raise InputError(
                f"The spacing is {_join(f'{mm:.4g}' for mm in spacing)} mm by its header; in the training images it is "
                f"{_join(_range(ends) for ends in self.spacing_mm.T)} mm. The header seems to be in another unit, as "
                "metres or micrometres: correct it, or say the unit in xyzt_units."
            )

    def _compare_lengths(
        self, which: Literal["spacing", "extent"], found: Vector, known: Vector, tolerance: float
    ) -> Unlikeness | None:
        outside = (found < known[0] * (1 - tolerance)) | (found > known[1] * (1 + tolerance))
        if not outside.any():
            return None
        axes = np.flatnonzero(outside)
        return Unlikeness(
            which,
            f"The {which} in mm along {_join(_AXES[axis] for axis in axes)} is "
            f"{_join(f'{found[axis]:.4g}' for axis in axes)}; in the training images it is "
            f"{_join(_range(known[:, axis]) for axis in axes)}.",
        )

    def _compare_intensity(self, number: int, channel: NDArray[np.float32]) -> Unlikeness | None:
        found = np.percentile(channel, PERCENTILES)
        low, high = self.percentiles[:, number]
        room = np.maximum(INTENSITY_TOLERANCE * (high - low), INTENSITY_FLOOR * self.contrast[number])
        outside = (found < low - room) | (found > high + room)
        if not outside.any():
            return None
        places = np.flatnonzero(outside)
        return Unlikeness(
            "intensity",
            f"Of the intensities{self._channel(number)}, {_join(_PERCENTILE_NAMES[place] for place in places)} "
            f"{'is' if len(places) == 1 else 'are'} {_join(f'{found[place]:.4g}' for place in places)}; "
            f"in the training images {_join(_range(self.percentiles[:, number, place]) for place in places)}.",
        )

    def _channel(self, number: int) -> str:
        if len(self.percentiles[0]) == 1:
            return ""
        name = f" ({self.channel_names[number]})" if number < len(self.channel_names) else ""
        return f" of channel {number}{name}"


def _look_at_placement(volume: Volume) -> Unlikeness | None:
    if volume.placement.sform is not None or volume.placement.qform is not None:
        return None
    return Unlikeness(
        "placement",
        "The header has neither qform nor sform, so that left and right, and the place in space, are a guess.",
    )


def _spacing_and_extent(affine: Affine, shape: Sequence[int]) -> tuple[Vector, Vector]:
    """Return spacing and extent in mm along the axes of RAS, as near as the file's own come to them."""
    x, y, z = shape
    reorientation = RasReorientation.of(affine)
    spacing = np.array(spacing_mm(reorientation.apply_to_affine(affine, (x, y, z))))
    ras_shape = reorientation.apply(np.broadcast_to(np.uint8(0), (x, y, z))).shape
    return spacing, spacing * ras_shape


def _round(values: Vector, digits: int) -> Any:
    rounded = [float(f"{value:.{digits}g}") for value in values.ravel()]
    return np.reshape(rounded, values.shape).tolist()


def _join(words: Iterable[str]) -> str:
    return ", ".join(words)


def _range(ends: Vector) -> str:
    low, high = (f"{value:.4g}" for value in ends)
    return low if low == high else f"{low} to {high}"
