"""Values for a first training, from what the files hold: good after minutes on two CPU cores."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from segtrail.dataset.description import CaseFiles
from segtrail.onboarding.facts import DataFacts

Size = tuple[int, int, int]
Spacing = tuple[float, float, float]

VAL_FRAC = 0.2
EPOCHS = 30
_FEWEST_EPOCHS = 10
# What `fast` trains on in about three minutes on two CPU cores, in voxels and in patches.
_VOXELS_TO_TRAIN_ON = 1.2e9
_MOST_PATCHES = 4000
_MOST_PATCHES_PER_CASE = 40
# A volume of 160 x 160 x 120 voxels: a whole organ at 2 to 3 mm.
_MOST_VOLUME_VOXELS = 3_000_000
_MOST_PATCH_VOXELS = 96**3
_DIVISOR = 16
# With four levels, patches up to 32 voxels leave at most two along each axis at the lowest; of bf16 convolutions on
# so few, torch 2.13 on the CPU gives gradients that are not finite now and then.
_DEEP_FROM = 48
_CT_BELOW = -500.0
_RARE_VALIDATION = 5


@dataclass(frozen=True)
class TrainingPlan:
    """Values of the configuration.

    Attributes:
        spacing_mm: Spacing to train at: the median, or coarser where the volumes are large.
        is_coarser: Whether it is coarser than the median.
        shape: Voxels of the median volume at that spacing.
        patch_size: Voxels of one patch.
        is_deep: Whether the network has its four levels, or three for small patches.
        window: Intensity window of CT; None for other images.
        val_frac: Share of the cases to validate on.
        nsd_tolerances_mm: One voxel along its longest side, and two.
    """

    spacing_mm: Spacing
    is_coarser: bool
    shape: Size
    patch_size: Size
    is_deep: bool
    max_epochs: int
    patches_per_case: int
    validate_every: int
    window: tuple[float, float] | None
    val_frac: float
    nsd_tolerances_mm: tuple[float, float]


def plan_training(facts: DataFacts, cases: Sequence[CaseFiles]) -> TrainingPlan:
    """Plan the first training of a data set.

    Args:
        facts: What its files hold.
        cases: The same cases.

    Returns:
        The values.
    """
    spacing, is_coarser = _working_spacing(facts.median_spacing_mm, facts.median_extent_mm)
    shape = _shape(facts.median_extent_mm, spacing)
    patch = _patch_size(shape, facts.n_channels)
    val_frac = _val_frac(cases)
    n_val = max(1, round(val_frac * len(cases)))
    max_epochs, patches_per_case = _amount(math.prod(patch), max(1, len(cases) - n_val))
    epoch_voxels = patches_per_case * (len(cases) - n_val) * math.prod(patch)
    voxel_mm = _rounded(max(spacing))
    return TrainingPlan(
        spacing_mm=spacing,
        is_coarser=is_coarser,
        shape=shape,
        patch_size=patch,
        is_deep=max(patch) >= _DEEP_FROM,
        max_epochs=max_epochs,
        patches_per_case=patches_per_case,
        validate_every=1 if n_val * math.prod(facts.median_shape) <= epoch_voxels else _RARE_VALIDATION,
        window=_ct_window(facts),
        val_frac=val_frac,
        nsd_tolerances_mm=(voxel_mm, _rounded(2 * voxel_mm)),
    )


def _working_spacing(spacing: Spacing, extent_mm: Spacing) -> tuple[Spacing, bool]:
    """Coarsen the finest axes until the volume is small enough, and no further than needed."""
    finest = 0.0
    while _n_voxels(extent_mm, spacing, finest) > _MOST_VOLUME_VOXELS:
        finest = max(finest * 1.05, min(spacing) * 1.05)
    digits = 3 if finest > 0 else 6
    x, y, z = (_rounded(max(axis, finest), digits) for axis in spacing)
    return (x, y, z), finest > 0


def _n_voxels(extent_mm: Spacing, spacing: Spacing, finest: float) -> float:
    return math.prod(extent / max(axis, finest) for extent, axis in zip(extent_mm, spacing, strict=True))


def _shape(extent_mm: Spacing, spacing: Spacing) -> Size:
    x, y, z = (max(1, round(extent / axis)) for extent, axis in zip(extent_mm, spacing, strict=True))
    return x, y, z


def _patch_size(shape: Size, n_channels: int) -> Size:
    """Take the whole median volume where it fits, else a piece in its proportions; sides are multiples of 16."""
    size = [_DIVISOR * math.ceil(side / _DIVISOR) for side in shape]
    most = _MOST_PATCH_VOXELS * 2 / max(n_channels, 2)
    share = 1.0
    while math.prod(size) > most:
        share *= 0.99
        size = [_DIVISOR * max(1, round(share * side / _DIVISOR)) for side in shape]
    if max(size) == _DIVISOR:  # so little leaves no context, and the lowest level no voxels to normalise by
        size = [2 * _DIVISOR] * 3
    return size[0], size[1], size[2]


def _amount(patch_voxels: int, n_train: int) -> tuple[int, int]:
    """Return epochs and patches for each case."""
    n_patches = min(_VOXELS_TO_TRAIN_ON / patch_voxels, _MOST_PATCHES)
    patches_per_case = min(max(1, round(n_patches / (EPOCHS * n_train))), _MOST_PATCHES_PER_CASE)
    epochs = round(n_patches / (patches_per_case * n_train))
    return min(max(epochs, _FEWEST_EPOCHS), EPOCHS), patches_per_case


def _val_frac(cases: Sequence[CaseFiles]) -> float:
    """Make room for the smallest group where all of them are large."""
    sizes = Counter(case.group if case.group is not None else ("case", case.case) for case in cases)
    smallest = min(sizes.values())
    fits = smallest <= max(1, round(VAL_FRAC * len(cases)))
    return VAL_FRAC if fits else math.ceil(100 * smallest / len(cases)) / 100


def _ct_window(facts: DataFacts) -> tuple[float, float] | None:
    if not looks_like_ct(facts) or facts.foreground_window is None:
        return None
    low, high = facts.foreground_window
    return (math.floor(low), math.ceil(high)) if high - low >= 1 else None


def looks_like_ct(facts: DataFacts) -> bool:
    """Tell whether intensities are those of CT, where air lies near -1000."""
    return facts.n_channels == 1 and facts.intensity_range[0] < _CT_BELOW


def _rounded(millimetres: float, digits: int = 3) -> float:
    return float(f"{millimetres:.{digits}g}")
