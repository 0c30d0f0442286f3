"""Cases unlike the others of their data set, by median and median deviation, which outliers themselves do not move."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segtrail.dataset.findings import Finding
from segtrail.dataset.reading.scan import CaseScan
from segtrail.images.geometry import RasReorientation, spacing_mm

# Iglewicz and Hoaglin (1993) advise 3.5 for normal data; images are less tame.
LARGEST_SCORE = 5.0
FEWEST_CASES = 8
_NORMAL_QUARTILE = 0.6745
_NORMAL_MEAN_DEVIATION = 1.253314
# What more cases than this share is a second protocol, not an outlier.
_LARGEST_SHARE = 0.1
# Deviations below this share of the value are never remarkable, however alike the others are.
_LEAST_SHARE = 0.01


@dataclass(frozen=True)
class _Property:
    """A number of every case; compared by ratio where it is positive by nature, else by difference."""

    check: str
    name: str
    unit: str
    of: Callable[[CaseScan], float | None]
    by_ratio: bool = True


def find_outliers(scans: Sequence[CaseScan]) -> list[Finding]:
    """Find cases whose spacing, size, intensities or volumes lie far from the others'.

    Args:
        scans: One scan per case; fewer than ``FEWEST_CASES`` tell nothing.

    Returns:
        Findings of outlier-spacing, outlier-size, outlier-intensity and outlier-volume.
    """
    return [finding for item in _properties(scans) for finding in _outliers_in(item, scans)]


def robust_scores(values: NDArray[np.float64], least_deviation: float) -> NDArray[np.float64]:
    """Score how far values lie from their median (Iglewicz and Hoaglin's modified z-score).

    Args:
        values: One value per case.
        least_deviation: Deviations are taken as no smaller than this.

    Returns:
        0.6745 (value - median) / median absolute deviation; where more than half of the values are alike, so that this
        is below the least, (value - median) / (1.253314 mean absolute deviation), as the two authors advise.
    """
    apart = values - np.median(values)
    median_deviation = float(np.median(np.abs(apart)))
    if median_deviation > least_deviation:
        return np.asarray(_NORMAL_QUARTILE * apart / median_deviation)
    mean_deviation = max(float(np.mean(np.abs(apart))), least_deviation)
    return np.asarray(apart / (_NORMAL_MEAN_DEVIATION * mean_deviation))


def is_shared(values: NDArray[np.float64], tolerance: float) -> NDArray[np.bool_]:
    """Tell which values more than one case and more than a tenth of the cases share.

    Args:
        values: One value per case.
        tolerance: Values at most this far apart count as one.
    """
    ordered = np.sort(values)
    first = np.searchsorted(ordered, values - tolerance, side="left")
    last = np.searchsorted(ordered, values + tolerance, side="right")
    return np.asarray(last - first > max(1.0, _LARGEST_SHARE * len(values)))


def _outliers_in(item: _Property, scans: Sequence[CaseScan]) -> list[Finding]:
    known = [(scan.case, value) for scan in scans if (value := item.of(scan)) is not None]
    if item.by_ratio:
        known = [(case, value) for case, value in known if value > 0]
    if len(known) < FEWEST_CASES:
        return []
    values = np.array([value for _, value in known])
    compared = np.log(values) if item.by_ratio else values
    least = _LEAST_SHARE if item.by_ratio else max(_LEAST_SHARE * float(np.median(np.abs(values))), 1e-9)
    is_odd = (np.abs(robust_scores(compared, least)) > LARGEST_SCORE) & ~is_shared(compared, least)
    median = float(np.median(values))
    return [
        Finding(item.check, case, f"{item.name} is {value:.4g}{item.unit}; the median of all is {median:.4g}")
        for (case, value), odd in zip(known, is_odd, strict=True)
        if odd
    ]


def _properties(scans: Sequence[CaseScan]) -> list[_Property]:
    channels = max((len(scan.intensity_percentiles) for scan in scans), default=0)
    classes = sorted({name for scan in scans for name in scan.volumes_ml})
    return [
        *(
            _Property("outlier-spacing", f"the spacing along {axis}", " mm", _spacing_along(place))
            for place, axis in enumerate("xyz")
        ),
        *(
            _Property("outlier-size", f"the extent along {axis}", " mm", _extent_along(place))
            for place, axis in enumerate("xyz")
        ),
        *(
            _Property(
                "outlier-intensity",
                f"the {word}{f' of channel {channel}' if channels > 1 else ''}",
                "",
                _percentile(channel, percentile),
                by_ratio=False,
            )
            for channel in range(channels)
            for word, percentile in (
                ("median intensity", "50"),
                ("99.5th percentile of the intensities", "99.5"),
            )
        ),
        *(_Property("outlier-volume", f"the volume of {name}", " mL", _volume_of(name)) for name in classes),
    ]


def _spacing_along(place: int) -> Callable[[CaseScan], float | None]:
    return lambda scan: None if scan.image is None else _ras_grid(scan)[0][place]


def _extent_along(place: int) -> Callable[[CaseScan], float | None]:
    return lambda scan: None if scan.image is None else _ras_grid(scan)[0][place] * _ras_grid(scan)[1][place]


def _percentile(channel: int, percentile: str) -> Callable[[CaseScan], float | None]:
    def value(scan: CaseScan) -> float | None:
        known = scan.intensity_percentiles
        return known[channel].get(percentile) if channel < len(known) else None

    return value


def _volume_of(name: str) -> Callable[[CaseScan], float | None]:
    return lambda scan: scan.volumes_ml.get(name)


def _ras_grid(scan: CaseScan) -> tuple[tuple[float, float, float], tuple[int, ...]]:
    """Return spacing and shape along the patient's axes, so that files in other orders compare."""
    assert scan.image is not None
    affine = np.asarray(scan.image.affine)
    reorientation = RasReorientation.of(affine)
    order = [int(axis) for axis in np.argsort(reorientation.transform[:, 0])]
    spacing = spacing_mm(affine)
    x, y, z = (spacing[axis] for axis in order)
    return (x, y, z), tuple(scan.image.shape[axis] for axis in order)
