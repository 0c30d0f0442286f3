"""Building the network that a configuration names, and what has to be known about it."""

import hashlib
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import torch
from torch import nn

from segtrail.config.network_schema import (
    DynUNetConfig,
    FastConfig,
    ModelConfig,
    OwnNetworkConfig,
    SegResNetConfig,
    UNet3DConfig,
)
from segtrail.errors import InputError
from segtrail.networks.cpu_layers import adapt_to_cpu
from segtrail.networks.folding import FoldedNetwork

_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.GroupNorm)


@dataclass(frozen=True)
class BuiltNetwork:
    """A network and the facts that training and inference need.

    Attributes:
        network: The module, with fresh weights.
        size_divisor: Each side of an input must be divisible by its entry; None where it is not known.
        prefers_channels_last: Whether the channels-last layout was measured as faster for it.
        source_sha256: SHA-256 of the source file of an own network, else None.
        folds_batch_norm: Whether it runs its sequences as a whole, so that batch norm can be folded into convolutions.
    """

    network: nn.Module
    size_divisor: tuple[int, int, int] | None
    prefers_channels_last: bool
    source_sha256: str | None = None
    folds_batch_norm: bool = False

    @property
    def normalises_each_input(self) -> bool:
        """Whether its statistics come from the input at hand, so that it must see what it was trained on."""
        return any(isinstance(module, _INSTANCE_NORMS) for module in self.network.modules())

    def place(self, device: torch.device, channels_last: Literal["auto", True, False]) -> None:
        """Bring the network to a device, in the memory layout asked for."""
        wanted = self.prefers_channels_last if channels_last == "auto" else channels_last
        self.network.to(device)
        if wanted:
            for weight in self.network.parameters():
                if weight.ndim == 5:
                    weight.data = weight.data.contiguous(memory_format=torch.channels_last_3d)

    @cached_property
    def _folded(self) -> FoldedNetwork:
        return FoldedNetwork(self.network)

    def for_inference(self) -> nn.Module:
        """Return it as it segments, with its present weights."""
        return self._folded.current() if self.folds_batch_norm else self.network.eval()

    @property
    def n_parameters(self) -> int:
        """Number of trainable weights."""
        return sum(weight.numel() for weight in self.network.parameters() if weight.requires_grad)


def build_network(
    config: ModelConfig,
    n_channels: int,
    n_classes: int,
    patch_size: Sequence[int],
    spacing_mm: Sequence[float],
    prefix: str = "",
) -> BuiltNetwork:
    """Build a network.

    Args:
        config: The ``model`` section.
        n_channels: Image channels.
        n_classes: Classes, background included.
        patch_size: Voxels of a training patch.
        spacing_mm: Spacing of the working grid.
        prefix: What stands before the section's keys in the configuration, for messages.

    Returns:
        The network with fresh weights.

    Raises:
        InputError: The patch does not suit the network, or an own network can't be imported or built.
    """
    if isinstance(config, OwnNetworkConfig):
        built = _own(config, n_channels, n_classes)
    else:
        built = plan_network(config, n_channels, n_classes, patch_size, spacing_mm).build()
    require_divisible(patch_size, f"{prefix}patch.patch_size", built, config.name)
    adapt_to_cpu(built.network)
    return built


@dataclass(frozen=True)
class NetworkCall:
    """How a network is made: a class and what it is called with, all of it plain values.

    Attributes:
        target: The class, ``module.Class``.
        arguments: Its keyword arguments.
        size_divisor: Each side of an input must be divisible by its entry.
        prefers_channels_last: Whether the channels-last layout was measured as faster for it.
    """

    target: str
    arguments: dict[str, Any]
    size_divisor: tuple[int, int, int]
    prefers_channels_last: bool

    def build(self) -> BuiltNetwork:
        """Make the network, with fresh weights."""
        module, _, name = self.target.rpartition(".")
        network: nn.Module = getattr(importlib.import_module(module), name)(**self.arguments)
        return BuiltNetwork(network, self.size_divisor, self.prefers_channels_last, folds_batch_norm=True)


def plan_network(
    config: UNet3DConfig | DynUNetConfig | SegResNetConfig | FastConfig,
    n_channels: int,
    n_classes: int,
    patch_size: Sequence[int],
    spacing_mm: Sequence[float],
) -> NetworkCall:
    """Say how a network that segtrail knows is made; see ``build_network``."""
    match config:
        case UNet3DConfig():
            return _unet3d(config, n_channels, n_classes)
        case DynUNetConfig():
            return _dynunet(config, n_channels, n_classes, patch_size, spacing_mm)
        case SegResNetConfig():
            return _segresnet(config, n_channels, n_classes)
        case FastConfig():
            return _fast(config, n_channels, n_classes)


def _unet3d(config: UNet3DConfig, n_channels: int, n_classes: int) -> NetworkCall:
    arguments = {
        "spatial_dims": 3,
        "in_channels": n_channels,
        "out_channels": n_classes,
        "channels": config.channels,
        "strides": config.strides,
        "num_res_units": config.num_res_units,
        "norm": config.norm,
        "dropout": config.dropout,
    }
    divisor = 1
    for stride in config.strides:
        divisor *= stride
    return NetworkCall(
        "monai.networks.nets.UNet", arguments, (divisor, divisor, divisor), prefers_channels_last=True
    )


def _dynunet(
    config: DynUNetConfig,
    n_channels: int,
    n_classes: int,
    patch_size: Sequence[int],
    spacing_mm: Sequence[float],
) -> NetworkCall:
    strides = plan_strides(patch_size, spacing_mm)
    filters = config.filters or tuple(min(32 * 2**level, 320) for level in range(len(strides)))
    if len(filters) != len(strides):
        raise InputError(
            f"model.filters has {len(filters)} entries, but the patch size gives {len(strides)} levels. "
            f"Give {len(strides)} entries, or leave it out."
        )
    heads = min(config.deep_supervision_heads, len(strides) - 2)
    arguments = {
        "spatial_dims": 3,
        "in_channels": n_channels,
        "out_channels": n_classes,
        "kernel_size": [[3, 3, 3]] * len(strides),
        "strides": strides,
        "upsample_kernel_size": strides[1:],
        "filters": filters,
        "norm_name": ("INSTANCE", {"affine": True}) if config.norm == "instance" else "BATCH",
        "deep_supervision": config.deep_supervision,
        "deep_supr_num": max(heads, 1),
        "res_block": config.residual,
        "dropout": config.dropout or None,
    }
    divisor = [1, 1, 1]
    for stride in strides:
        divisor = [d * s for d, s in zip(divisor, stride, strict=True)]
    sides = divisor[0], divisor[1], divisor[2]
    return NetworkCall("monai.networks.nets.DynUNet", arguments, sides, prefers_channels_last=False)


def plan_strides(
    patch_size: Sequence[int], spacing_mm: Sequence[float], smallest: int = 4
) -> list[list[int]]:
    """Plan the strides of each level from patch size and spacing, in the manner of nnU-Net.

    An axis is halved while at least ``2 * smallest`` voxels remain, it divides evenly, and its voxels are
    not yet twice as long as the shortest ones (Isensee et al. 2021, Nature Methods 18:203-211).

    Args:
        patch_size: Voxels of a training patch.
        spacing_mm: Spacing of the working grid.
        smallest: Fewest voxels along an axis at the lowest level.

    Returns:
        For each level its stride along each axis; the first is 1.
    """
    size, spacing = list(patch_size), list(spacing_mm)
    strides = [[1, 1, 1]]
    while len(strides) < 6:
        fits = [n >= 2 * smallest and n % 2 == 0 for n in size]
        shortest = min((s for s, fit in zip(spacing, fits, strict=True) if fit), default=0.0)
        stride = [2 if fit and s < 2 * shortest else 1 for fit, s in zip(fits, spacing, strict=True)]
        if max(stride) == 1:
            break
        size = [n // s for n, s in zip(size, stride, strict=True)]
        spacing = [mm * s for mm, s in zip(spacing, stride, strict=True)]
        strides.append(stride)
    if len(strides) < 3:
        raise InputError(
            f"patch.patch_size {list(patch_size)} is too small for dynunet, which halves it at least twice. "
            "Use sides that are multiples of 16."
        )
    return strides


def _segresnet(config: SegResNetConfig, n_channels: int, n_classes: int) -> NetworkCall:
    arguments = {
        "spatial_dims": 3,
        "in_channels": n_channels,
        "out_channels": n_classes,
        "init_filters": config.initial_filters,
        "blocks_down": config.blocks_down,
        "blocks_up": config.blocks_up,
        "norm": "BATCH" if config.norm == "batch" else ("GROUP", {"num_groups": 8}),
        "dropout_prob": config.dropout or None,
        "upsample_mode": "deconv",  # trilinear upsampling has no deterministic backward pass on CUDA
    }
    divisor = 2 ** (len(config.blocks_down) - 1)
    return NetworkCall(
        "monai.networks.nets.SegResNet", arguments, (divisor, divisor, divisor), prefers_channels_last=False
    )


def _fast(config: FastConfig, n_channels: int, n_classes: int) -> NetworkCall:
    arguments = {
        "in_channels": n_channels,
        "out_channels": n_classes,
        "channels": config.channels,
        "blocks": config.blocks,
        "dropout": config.dropout,
    }
    divisor = 2 ** len(config.channels)
    return NetworkCall(
        "segtrail.networks.fast.FastUNet", arguments, (divisor, divisor, divisor), prefers_channels_last=True
    )


def _own(config: OwnNetworkConfig, n_channels: int, n_classes: int) -> BuiltNetwork:
    factory, module = import_by_path(config.name, "model.name")
    try:
        network = factory(in_channels=n_channels, out_channels=n_classes, **config.arguments)
    except Exception as error:  # the user's own code may raise anything
        raise InputError(
            f"model.name {config.name} can't be built from model.arguments: {type(error).__name__}: {error}."
        ) from error
    if not isinstance(network, nn.Module):
        raise InputError(f"model.name {config.name} gives a {type(network).__name__}, not a torch module.")
    divisor = getattr(network, "size_divisor", None)
    return BuiltNetwork(
        network,
        (divisor, divisor, divisor) if isinstance(divisor, int) else None,
        prefers_channels_last=False,
        source_sha256=source_hash(module),
    )


def import_by_path(path: str, key: str) -> tuple[Any, ModuleType]:
    """Import ``module:name``; modules beside the current directory are found too.

    Args:
        path: The import path.
        key: Configuration key it came from, for messages.

    Returns:
        The object and its module.

    Raises:
        InputError: There is no such module or name, or its code fails on import.
    """
    module_name, _, name = path.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{key} {path}: there is no module {error.name}. Install it, or start from its folder."
        ) from None
    except Exception as error:
        raise InputError(f"{key} {path}: importing it failed: {error}.") from error
    if not hasattr(module, name):
        raise InputError(f"{key} {path}: the module {module_name} has no {name}.")
    return getattr(module, name), module


def source_hash(module: ModuleType) -> str | None:
    """Return the SHA-256 of a module's source file, or None where it has none."""
    file = module.__file__
    return None if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()


def require_divisible(size: Sequence[int], key: str, built: BuiltNetwork, name: str) -> None:
    """Make sure that a network accepts inputs of a size.

    Args:
        size: Voxels along x, y, z.
        key: The configuration key that gives them.
        built: The network.
        name: Its name, for the message.

    Raises:
        InputError: It does not; the message gives the nearest size that fits.
    """
    divisor = built.size_divisor
    if divisor is None or all(n % d == 0 for n, d in zip(size, divisor, strict=True)):
        return
    nearest = [max(d, round(n / d) * d) for n, d in zip(size, divisor, strict=True)]
    raise InputError(
        f"{key} {list(size)} does not suit model.name {name}: each side must be a multiple of "
        f"{list(divisor)}. The nearest that fits is {key}={nearest}."
    )
