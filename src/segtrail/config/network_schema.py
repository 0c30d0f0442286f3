"""The schema of the ``model`` section: the networks, each with its keys."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from segtrail.config.section import Fraction, ImportPath, PositiveInt, Section


class UNet3DConfig(Section):
    """MONAI's residual 3D U-Net."""

    name: Literal["unet3d"] = Field(description="MONAI UNet.")
    channels: tuple[PositiveInt, ...] = Field((16, 32, 64, 128, 256), description="Channels of each level.")
    strides: tuple[PositiveInt, ...] = Field((2, 2, 2, 2), description="Stride between each two levels.")
    num_res_units: Annotated[int, Field(ge=0, strict=True)] = Field(
        2, description="Residual units of each level."
    )
    norm: Literal["batch", "instance"] = Field("batch", description="Normalisation layer.")
    dropout: Fraction = Field(0.0, description="Dropout probability.")

    @model_validator(mode="after")
    def _levels_agree(self) -> "UNet3DConfig":
        if len(self.channels) < 2 or len(self.strides) != len(self.channels) - 1:
            raise ValueError("channels needs at least two levels, and strides one entry fewer than channels")
        return self


class DynUNetConfig(Section):
    """MONAI's DynUNet, the network of nnU-Net; its levels follow from patch size and spacing."""

    name: Literal["dynunet"] = Field(description="MONAI DynUNet.")
    filters: tuple[PositiveInt, ...] | None = Field(
        None, description="Channels of each level; null doubles from 32 up to 320 as nnU-Net does."
    )
    deep_supervision: bool = Field(False, description="Train on the outputs of the lower levels as well.")
    deep_supervision_heads: PositiveInt = Field(
        2, description="Lower levels that deep supervision trains on."
    )
    residual: bool = Field(False, description="Residual blocks.")
    norm: Literal["batch", "instance"] = Field("instance", description="Normalisation layer.")
    dropout: Fraction = Field(0.0, description="Dropout probability.")


class SegResNetConfig(Section):
    """MONAI's SegResNet."""

    name: Literal["segresnet"] = Field(description="MONAI SegResNet.")
    initial_filters: PositiveInt = Field(16, description="Channels of the first level.")
    blocks_down: tuple[PositiveInt, ...] = Field(
        (1, 2, 2, 4), description="Blocks of each level on the way down."
    )
    blocks_up: tuple[PositiveInt, ...] = Field((1, 1, 1), description="Blocks of each level on the way up.")
    norm: Literal["batch", "group"] = Field("batch", description="Normalisation layer.")
    dropout: Fraction = Field(0.0, description="Dropout probability.")

    @model_validator(mode="after")
    def _levels_agree(self) -> "SegResNetConfig":
        if len(self.blocks_down) < 2 or len(self.blocks_up) != len(self.blocks_down) - 1:
            raise ValueError(
                "blocks_down needs at least two levels, and blocks_up one entry fewer than blocks_down"
            )
        if self.norm == "group" and self.initial_filters % 8:
            raise ValueError("norm: group needs initial_filters that are a multiple of 8")
        return self


class FastConfig(Section):
    """segtrail's space-to-depth U-Net: every convolution at half resolution or below, with a wide view."""

    name: Literal["fast"] = Field(description="segtrail's network for CPUs and quick work.")
    channels: tuple[PositiveInt, ...] = Field((24, 48, 96, 128), description="Channels of each level.")
    blocks: tuple[Annotated[int, Field(ge=0, strict=True)], ...] = Field(
        (0, 1, 2, 2), description="Residual blocks in each level of the encoder."
    )
    dropout: Fraction = Field(0.0, description="Dropout probability at the lowest level.")

    @model_validator(mode="after")
    def _levels_agree(self) -> "FastConfig":
        if len(self.channels) < 2 or len(self.blocks) != len(self.channels):
            raise ValueError("channels needs at least two levels, and blocks as many entries as channels")
        return self


class OwnNetworkConfig(Section):
    """A network of your own."""

    name: ImportPath = Field(
        description="module:Class, called with in_channels, out_channels and the keys of arguments."
    )
    arguments: dict[str, Any] = Field({}, description="Keyword arguments of the class.")


def _network_tag(value: Any) -> str:
    name = value.get("name") if isinstance(value, dict) else getattr(value, "name", None)
    return "own" if isinstance(name, str) and ":" in name else str(name)


ModelConfig = Annotated[
    Annotated[UNet3DConfig, Tag("unet3d")]
    | Annotated[DynUNetConfig, Tag("dynunet")]
    | Annotated[SegResNetConfig, Tag("segresnet")]
    | Annotated[FastConfig, Tag("fast")]
    | Annotated[OwnNetworkConfig, Tag("own")],
    Discriminator(
        _network_tag,
        custom_error_type="network_name",
        custom_error_message="name must be one of unet3d, dynunet, segresnet, fast, or module:Class of your own",
    ),
]
