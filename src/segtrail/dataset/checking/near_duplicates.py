"""Images that look alike though their voxels differ: altered copies of one scan, or two scans of one patient."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components

from segtrail.dataset.findings import Finding
from segtrail.dataset.reading.scan import CaseScan

# docs/METHODS.md, 1.2, says on what these were measured.
NEARLY_EQUAL = 0.85
_NEVER_ABOVE = 0.98
_SPREADS_ABOVE_MEDIAN = 5.0
_CASES_FOR_A_DISTRIBUTION = 8
_CASES_SAMPLED = 300
_SMOOTHING_BLOCKS = 2.0
# Of the range of the blocks.
_BACKGROUND_TOLERANCE = 0.05
# How many of the corners must be alike to be padding, and of the blocks beside it to be the air that it surrounds.
_SHARES_ALIKE = (1.0, 0.5)
_SMALLEST_INSIDE = 0.02
_CASES_AT_ONCE = 256
_NAMES_SHOWN = 8
_TOUCHING = np.ones((3, 3, 3), dtype=np.bool_)

_Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class _Patterns:
    """What is fine in coarse volumes, one row for each image: values of deviation 1, 0 where not inside."""

    values: NDArray[np.float32]
    inside: _Mask

    def rows(self, start: int, stop: int | None = None, step: int = 1) -> "_Patterns":
        return _Patterns(self.values[start:stop:step], self.inside[start:stop:step])


def find_near_duplicates(scans: Sequence[CaseScan]) -> list[Finding]:
    """Find groups of images that look alike; images of the same voxels count as one.

    Args:
        scans: One scan per case.

    Returns:
        One finding of near-duplicates for each group.
    """
    cases: dict[str, list[str]] = defaultdict(list)
    coarse: list[NDArray[np.float32]] = []
    for scan in scans:
        if scan.image is not None and scan.quick_look is not None:
            if scan.image.sha256_voxels not in cases:
                coarse.append(scan.quick_look.coarse)
            cases[scan.image.sha256_voxels].append(scan.case)
    names = list(cases.values())
    return [
        _finding([case for place in group for case in names[place]], likeness)
        for group, likeness in _groups_alike(coarse)
    ]


def list_names(names: Sequence[str]) -> str:
    """Join names to a list, with a count of those that would make it long."""
    shown = names if len(names) <= _NAMES_SHOWN else names[: _NAMES_SHOWN - 1]
    more = len(names) - len(shown)
    return f"{', '.join(shown)} and {more} more" if more else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _finding(group: list[str], likeness: float) -> Finding:
    most = "" if len(group) == 2 else "up to "
    evidence = f"{list_names(group)} look alike: correlation {most}{likeness:.3f}"
    return Finding("near-duplicates", group[0], evidence, tuple(group[1:]))


def _groups_alike(coarse: Sequence[NDArray[np.float32]]) -> list[tuple[list[int], float]]:
    """Return the places of images joined by likeness, with the largest correlation in each group."""
    if len(coarse) < 2:
        return []
    patterns = [_pattern(volume.astype(np.float64)) for volume in coarse]
    together = _Patterns(
        np.stack([values for values, _ in patterns]), np.stack([mask for _, mask in patterns])
    )
    pairs = list(_pairs_above(_threshold(together), together))
    if not pairs:
        return []
    rows, columns, likeness = (np.concatenate(part) for part in zip(*pairs, strict=True))
    size = len(coarse)
    graph = sparse.coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    return [
        (np.flatnonzero(labels == label).tolist(), float(likeness[labels[rows] == label].max()))
        for label in dict.fromkeys(labels[np.sort(rows)].tolist())
    ]


def _pairs_above(
    threshold: float, patterns: _Patterns
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]]:
    """Go through all pairs in tiles, so that memory grows with the number of images, not with its square."""
    starts = range(0, len(patterns.values), _CASES_AT_ONCE)
    for top in starts:
        for left in starts:
            if left < top:
                continue
            one, other = (patterns.rows(start, start + _CASES_AT_ONCE) for start in (top, left))
            likeness = np.triu(_correlations(one, other), k=1 if left == top else -len(one.values))
            rows, columns = np.nonzero(likeness > threshold)
            if len(rows):
                yield rows + top, columns + left, likeness[rows, columns]


def _threshold(patterns: _Patterns) -> float:
    """Return the correlation above which two images look alike; higher where all are alike, as brains in one space."""
    count = len(patterns.values)
    if count < _CASES_FOR_A_DISTRIBUTION:
        return NEARLY_EQUAL
    sample = patterns.rows(0, None, -(-count // _CASES_SAMPLED))
    pairs = np.triu_indices(len(sample.values), k=1)
    ordinary = np.arctanh(np.clip(_correlations(sample, sample)[pairs].astype(np.float64), -0.999, 0.999))
    median = np.median(ordinary)
    spread = 1.4826 * np.median(np.abs(ordinary - median))
    return float(np.clip(np.tanh(median + _SPREADS_ABOVE_MEDIAN * spread), NEARLY_EQUAL, _NEVER_ABOVE))


def _correlations(one: _Patterns, other: _Patterns) -> NDArray[np.float32]:
    """Correlate every pattern with every other over the blocks inside both; 0 where those are fewer than half."""
    x, y = one.values, other.values
    m, k = one.inside.astype(np.float32), other.inside.astype(np.float32)
    count = m @ k.T
    n = np.maximum(count, 1.0)
    sum_x, sum_y = x @ k.T, m @ y.T
    covariance = (x @ y.T - sum_x * sum_y / n) / n
    # What varies little in the common part and much elsewhere, says little there.
    variance_x, variance_y = (
        np.maximum((square - total**2 / n) / n, 0.01)
        for square, total in (((x * x) @ k.T, sum_x), (m @ (y * y).T, sum_y))
    )
    common = count >= 0.5 * np.minimum(m.sum(axis=1)[:, None], k.sum(axis=1)[None])
    return np.asarray(np.where(common, covariance / np.sqrt(variance_x * variance_y), 0.0), dtype=np.float32)


def _pattern(coarse: NDArray[np.float64]) -> tuple[NDArray[np.float32], _Mask]:
    """Return what is fine in a coarse volume, of deviation 1 or flat, and which blocks lie inside the body."""
    inside = _inside(coarse)
    clipped = np.clip(coarse, *np.percentile(coarse[inside], (0.5, 99.5)))
    weight, total = (
        ndimage.gaussian_filter(part, _SMOOTHING_BLOCKS)
        for part in (inside.astype(np.float64), clipped * inside)
    )
    fine = (clipped - total / np.maximum(weight, 1e-9))[inside]
    fine -= fine.mean()
    deviation = float(fine.std())
    values = np.zeros(coarse.shape, dtype=np.float32)
    if deviation > 1e-6 * float(np.abs(coarse).max()):
        values[inside] = fine / deviation
    return values.ravel(), inside.ravel()


def _inside(coarse: NDArray[np.float64]) -> _Mask:
    """Return the blocks that neither are background nor touch it.

    What all corners share is background: padding round a field of view, what is left of a stripped skull, or air.
    What most blocks beside that share is background too: the air inside a padded round field of view.
    """
    inside = np.ones(coarse.shape, dtype=np.bool_)
    border = np.zeros(coarse.shape, dtype=np.bool_)
    border[np.ix_([0, -1], [0, -1], [0, -1])] = True
    for share_needed in _SHARES_ALIKE:
        low, high = np.percentile(coarse[inside], (0.5, 99.5))
        alike = np.abs(coarse - np.median(coarse[border])) < _BACKGROUND_TOLERANCE * (high - low)
        if alike[border].mean() < share_needed:
            break
        outside = ndimage.binary_dilation(~inside | alike, _TOUCHING)
        if np.mean(~outside) < _SMALLEST_INSIDE:
            break
        inside = ~outside
        border = inside & ndimage.binary_dilation(outside, _TOUCHING)
    return inside
