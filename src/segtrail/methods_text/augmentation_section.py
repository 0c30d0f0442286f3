"""The random changes to training patches, each with its probability and range."""

from collections.abc import Iterator

from segtrail.config.augment_schema import AffineConfig, AugmentConfig
from segtrail.methods_text.described_run import DescribedStage
from segtrail.methods_text.escaping import plain
from segtrail.methods_text.numbers import between, plain_number
from segtrail.methods_text.references import cite

_AXES = "xyz"


def augmentation(stage: DescribedStage) -> str:
    """Describe the augmentation of a network's patches."""
    settings = stage.config.augment
    changes = list(_changes(settings)) if settings.enabled else []
    if not changes:
        return "Patches were not augmented."
    return (
        "Each patch was changed at random, in this order, with values drawn uniformly from their ranges: "
        f"{'; '.join(changes)}."
    )


def _changes(settings: AugmentConfig) -> Iterator[str]:
    """Give every change that can happen, in the order in which they are applied."""
    possible = (
        (settings.affine.probability, _affine(settings.affine)),
        (
            settings.elastic.probability,
            f"elastic deformation{cite('cicek2016unet')} by normal displacements of {settings.elastic.control_points} "
            f"points along each axis (standard deviation {plain_number(settings.elastic.displacement_voxels)} voxels)",
        ),
        (
            settings.flip.probability if settings.flip.axes else 0,
            f"mirroring along each of {', '.join(_AXES[axis] for axis in settings.flip.axes)}",
        ),
        (settings.right_angle.probability, "turns by 90, 180 or 270 degrees in a plane with equal sides"),
        (
            settings.blur.probability,
            f"Gaussian blur (sigma {between(settings.blur.sigma_voxels_range)} voxels)",
        ),
        (
            settings.noise.probability,
            f"Gaussian noise (standard deviation {between(settings.noise.standard_deviation_range)})",
        ),
        (settings.brightness.probability, f"brightness (plus {between(settings.brightness.shift_range)})"),
        (
            settings.contrast.probability,
            f"contrast about the mean (times {between(settings.contrast.factor_range)})",
        ),
        (settings.gamma.probability, f"gamma (exponent {between(settings.gamma.gamma_range)})"),
    )
    for probability, text in possible:
        if probability:
            yield f"{text}, probability {plain_number(probability)}"
    for name in settings.transforms:
        yield f"our own change `{plain(name)}`"


def _affine(settings: AffineConfig) -> str:
    parts = [
        f"rotation by at most {plain_number(settings.rotation_degrees)}° about each axis"
        if settings.rotation_degrees
        else "",
        f"scaling by {between(settings.scale_range)}" if settings.scale_range != (1, 1) else "",
        f"a further scaling of each axis by at most {plain_number(100 * settings.anisotropic_scale)}%"
        if settings.anisotropic_scale
        else "",
        f"a shift by at most {plain_number(settings.shift_voxels)} voxels along each axis"
        if settings.shift_voxels
        else "",
    ]
    return f"an affine change ({', '.join(part for part in parts if part) or 'none in effect'})"
