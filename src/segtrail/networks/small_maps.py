"""Convolutions over a few voxels: in full precision on a CPU, where bf16 gives wrong gradients.

Measured with torch 2.13.0 on an AMD EPYC with bf16: for maps of up to 2 x 2 x 2 voxels (with stride 2, of up to
4 x 1 x 1) the gradients of 3 x 3 x 3 convolutions hold whatever lay in memory, and some end the process. From
3 x 3 x 3 voxels on they agree with those in float64 to 0.3 %, and in fp32 all do.
"""

import torch
from torch import Tensor, nn

_FEWEST_VOXELS = 64
_SHORTEST_SIDE = 2


class _Conv3d(nn.Conv3d):
    def forward(self, input: Tensor) -> Tensor:
        if not _is_small(input):
            return super().forward(input)
        with torch.autocast("cpu", enabled=False):
            return super().forward(input.float())


class _ConvTranspose3d(nn.ConvTranspose3d):
    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        if not _is_small(input):
            return super().forward(input, output_size)
        with torch.autocast("cpu", enabled=False):
            return super().forward(input.float(), output_size)


_GUARDED: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv3d: _Conv3d,
    nn.ConvTranspose3d: _ConvTranspose3d,
}


def keep_small_maps_exact(network: nn.Module) -> None:
    """Let every 3D convolution of a network compute small maps in float32; weights and names stay as they are.

    Args:
        network: The network; convolutions of other classes than torch's own are left alone.
    """
    for module in network.modules():
        guarded = _GUARDED.get(type(module))
        if guarded is not None:
            module.__class__ = guarded


def _is_small(maps: Tensor) -> bool:
    if maps.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return False
    sides = maps.shape[-3:]
    return min(sides) <= _SHORTEST_SIDE or sides.numel() <= _FEWEST_VOXELS
