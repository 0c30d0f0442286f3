"""What a network sees and what it is: preprocessing, architecture, loss."""

from segtrail.config.network_schema import (
    DynUNetConfig,
    FastConfig,
    OwnNetworkConfig,
    SegResNetConfig,
    UNet3DConfig,
)
from segtrail.config.schema import PreprocessConfig
from segtrail.methods_text.described_run import DescribedStage
from segtrail.methods_text.escaping import plain
from segtrail.methods_text.numbers import between, plain_number, product
from segtrail.methods_text.references import cite
from segtrail.report.wording import format_count

_NORMALISATIONS = {
    "zscore_nonzero": "Each channel was scaled by the mean and standard deviation of its non-zero voxels (z-score).",
    "zscore": "Each channel was scaled to a mean of 0 and a standard deviation of 1 over all voxels (z-score).",
    "percentile": "Each channel was clipped to its 0.5th and 99.5th percentile and mapped to 0 to 1.",
    "none": "Intensities were not scaled.",
}


def preprocessing(stage: DescribedStage) -> str:
    """Describe what was done to every volume before a network saw it."""
    settings = stage.config.preprocess
    spacing = (
        "the median spacing of the training cases"
        if settings.spacing is None
        else f"{product(settings.spacing)} mm"
    )
    smoothing = (
        f", after Gaussian smoothing along axes that were sampled down{cite('vanderwalt2014scikitimage')}"
        if settings.antialias
        else ""
    )
    return (
        f"Images were brought to RAS axes without rotation and resampled to {spacing} by linear interpolation"
        f"{smoothing}. Reference labels were resampled class by class, each voxel going to the class with the largest "
        f"share. {_normalisation(settings)}"
    )


def _normalisation(settings: PreprocessConfig) -> str:
    if settings.normalisation == "window" and settings.intensity_window is not None:
        return f"Intensities were clipped to {between(settings.intensity_window)} and mapped to 0 to 1."
    return _NORMALISATIONS[settings.normalisation]


def network(stage: DescribedStage) -> str:
    """Describe the architecture of a network and its size."""
    model = stage.config.model
    match model:
        case UNet3DConfig():
            text = _unet3d(model)
        case DynUNetConfig():
            text = _dynunet(model)
        case SegResNetConfig():
            text = _segresnet(model)
        case FastConfig():
            text = _fast(model)
        case OwnNetworkConfig():
            text = f"The network was one of our own (`{plain(model.name)}`)."
    recorded = stage.stage.model
    if recorded is None or recorded.parameters is None:
        return text
    return f"{text} It had {recorded.parameters:,} trainable parameters."


def _unet3d(model: UNet3DConfig) -> str:
    kind = "residual 3D U-Net" if model.num_res_units else "3D U-Net"
    units = f", {format_count(model.num_res_units, 'residual unit')} in each" if model.num_res_units else ""
    sources = cite("cicek2016unet", *(["kerfoot2019residual"] if model.num_res_units else []))
    return (
        f"The network was a {kind}{sources} in the implementation of MONAI{cite('cardoso2022monai')}, with "
        f"{_listed(model.channels)} channels on its levels, strides of {_listed(model.strides)} between them{units}, "
        f"and {_norm(model.norm)}{_dropout(model.dropout)}."
    )


def _dynunet(model: DynUNetConfig) -> str:
    levels = (
        "32 channels on the first level, doubled on each further one up to 320"
        if model.filters is None
        else f"{_listed(model.filters)} channels on its levels"
    )
    blocks = "residual blocks, " if model.residual else ""
    lower = format_count(model.deep_supervision_heads, "lower output")
    heads = f" It was trained with deep supervision on at most {lower}." if model.deep_supervision else ""
    return (
        f"The network was the U-Net of nnU-Net{cite('isensee2021nnunet')} in the implementation of MONAI (DynUNet)"
        f"{cite('cardoso2022monai')}; its levels followed from patch size and spacing, with {levels}, {blocks}"
        f"{_norm(model.norm)}{_dropout(model.dropout)}.{heads}"
    )


def _segresnet(model: SegResNetConfig) -> str:
    return (
        f"The network was SegResNet{cite('myronenko2019segresnet')} without its autoencoder branch, in the "
        f"implementation of MONAI{cite('cardoso2022monai')}, with {model.initial_filters} channels on the first level, "
        f"{_listed(model.blocks_down)} blocks on the levels of the encoder, {_listed(model.blocks_up)} on those of the "
        f"decoder, and {_norm(model.norm)}{_dropout(model.dropout)}."
    )


def _fast(model: FastConfig) -> str:
    residual = (
        f", {_listed(model.blocks)} residual blocks{cite('he2016residual')} on the levels of the encoder"
        if any(model.blocks)
        else ""
    )
    return (
        "The network was a U-shaped network whose convolutions all work at half resolution or below: each block of "
        "2 × 2 × 2 voxels becomes channels, and the output is unfolded in the same way"
        f"{cite('shi2016subpixel')}. It had {_listed(model.channels)} channels on its levels{residual}, additive skip "
        f"connections, and {_norm('batch')}{_dropout(model.dropout)}."
    )


def _norm(name: str) -> str:
    return f"batch normalisation{cite('ioffe2015batchnorm')}" if name == "batch" else f"{name} normalisation"


def _dropout(probability: float) -> str:
    return f", and dropout with a probability of {plain_number(probability)}" if probability else ""


def _listed(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))


def loss(stage: DescribedStage) -> str:
    """Describe what the training made small."""
    settings = stage.config.train.loss
    if settings.name != "dice_ce":
        return f"The loss was one of our own (`{plain(settings.name)}`)."
    over = "over the batch as one volume" if settings.batch_dice else "over each patch"
    dice = f"the soft Dice loss{cite('milletari2016vnet')} of the foreground classes, computed {over}"
    entropy = "the cross entropy of all classes"
    weights = (settings.dice_weight, settings.cross_entropy_weight)
    if weights[1] == 0:
        return f"The loss was {dice}."
    if weights[0] == 0:
        return f"The loss was {entropy}."
    if weights == (1, 1):
        return f"The loss was the sum of {dice}, and {entropy}."
    return f"The loss was {plain_number(weights[0])} times {dice}, plus {plain_number(weights[1])} times {entropy}."
