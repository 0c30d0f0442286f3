"""The schema of the ``augment`` section: each random change with its probability and range."""

from typing import Annotated

from pydantic import Field, model_validator

from segtrail.config.section import Fraction, ImportPath, Range, Section


class FlipConfig(Section):
    """Mirror images."""

    probability: Fraction = Field(0.5, description="Probability of a flip along each of the axes.")
    axes: tuple[Annotated[int, Field(ge=0, le=2, strict=True)], ...] = Field(
        (0, 1, 2), description="Axes: 0 x, 1 y, 2 z."
    )


class RightAngleConfig(Section):
    """Turns by 90, 180 or 270 degrees; only in planes whose two sides of the patch are equal."""

    probability: Fraction = Field(0.0, description="Probability of a turn.")


class AffineConfig(Section):
    """Rotation, scaling and shift in one interpolation out of the full volume."""

    probability: Fraction = Field(0.2, description="Probability of an affine change.")
    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = Field(
        15.0, description="Largest rotation about each axis."
    )
    scale_range: Range = Field((0.85, 1.15), description="Range of the scaling factor.")
    anisotropic_scale: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="Largest further relative scaling of each axis by itself."
    )
    shift_voxels: Annotated[float, Field(ge=0)] = Field(0.0, description="Largest shift along each axis.")

    @model_validator(mode="after")
    def _scale_is_positive(self) -> "AffineConfig":
        if self.scale_range[0] <= 0:
            raise ValueError(f"scale_range must lie above 0; found {list(self.scale_range)}")
        return self


class ElasticConfig(Section):
    """A smooth random deformation, in the same interpolation as the affine change."""

    probability: Fraction = Field(0.0, description="Probability of a deformation.")
    displacement_voxels: Annotated[float, Field(ge=0)] = Field(
        4.0, description="Standard deviation of the displacement at each control point, in voxels."
    )
    control_points: Annotated[int, Field(ge=2, strict=True)] = Field(
        5, description="Control points along each axis of the patch; fewer make it smoother."
    )


class BrightnessConfig(Section):
    """A constant added to all intensities."""

    probability: Fraction = Field(0.15, description="Probability.")
    shift_range: Range = Field((-0.1, 0.1), description="Range of the constant, in normalised intensity.")


class ContrastConfig(Section):
    """Intensities moved away from, or towards, the patch's mean."""

    probability: Fraction = Field(0.15, description="Probability.")
    factor_range: Range = Field((0.75, 1.25), description="Range of the factor.")


class GammaConfig(Section):
    """A power of the intensities, rescaled to the patch's range."""

    probability: Fraction = Field(0.15, description="Probability.")
    gamma_range: Range = Field((0.7, 1.5), description="Range of the exponent; the lowest above 0.")

    @model_validator(mode="after")
    def _exponent_is_positive(self) -> "GammaConfig":
        if self.gamma_range[0] <= 0:
            raise ValueError(f"gamma_range must lie above 0; found {list(self.gamma_range)}")
        return self


class NoiseConfig(Section):
    """Gaussian noise."""

    probability: Fraction = Field(0.15, description="Probability.")
    standard_deviation_range: Range = Field(
        (0.0, 0.1), description="Range of the noise's standard deviation."
    )


class BlurConfig(Section):
    """Gaussian smoothing."""

    probability: Fraction = Field(0.1, description="Probability.")
    sigma_voxels_range: Range = Field((0.5, 1.0), description="Range of the Gaussian's sigma, in voxels.")


class AugmentConfig(Section):
    """Random changes to each training patch, in this order."""

    enabled: bool = Field(True, description="false trains on the patches as they are.")
    affine: AffineConfig = Field(AffineConfig(), description="Rotation, scaling and shift.")
    elastic: ElasticConfig = Field(ElasticConfig(), description="Smooth deformation.")
    flip: FlipConfig = Field(FlipConfig(), description="Mirror images.")
    right_angle: RightAngleConfig = Field(RightAngleConfig(), description="Turns by right angles.")
    blur: BlurConfig = Field(BlurConfig(), description="Gaussian smoothing.")
    noise: NoiseConfig = Field(NoiseConfig(), description="Gaussian noise.")
    brightness: BrightnessConfig = Field(BrightnessConfig(), description="A constant added.")
    contrast: ContrastConfig = Field(ContrastConfig(), description="Contrast.")
    gamma: GammaConfig = Field(GammaConfig(), description="Gamma.")
    transforms: tuple[ImportPath, ...] = Field(
        (),
        description="Your own, as module:function, called with (image, label, generator) after all others.",
    )
