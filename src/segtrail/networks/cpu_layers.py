"""Layers that torch computes wrongly or slowly on a CPU, in another form; weights and names stay as they are.

Measured with torch 2.13.0.

Wrong, on an AMD EPYC with bf16: for maps of up to 2 x 2 x 2 voxels (with stride 2, of up to 4 x 1 x 1) the gradients
of 3 x 3 x 3 convolutions in bf16 hold whatever lay in memory, and some end the process. From 3 x 3 x 3 voxels on they
agree with those in float64 to 0.3 %, and in fp32 all do. Such maps are computed in fp32.

Slow, on two threads, else up to rounding the same:

- the convolution of one image, not a batch, where channels times the first two sides are at most 20,480: torch leaves
  oneDNN out. The fast network on 64 x 64 x 32 voxels takes 47 ms, and 19 ms with oneDNN throughout. Only without
  gradients: torch would compute those in the slow way again.
- batch norm of two channels in the channels-last layout, forward and backward pass, two patches of 96 x 96 x 96:
  147 ms, where one thread goes through voxel after voxel, and 24 ms by way of the channels-first layout; of eight
  channels the first is faster.
- PReLU of one slope, the same patches: 13 ms, and 5 ms here.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_FEWEST_VOXELS = 64
_SHORTEST_SIDE = 2
_CHANNELS_OF_A_VECTOR = 8
_HAS_ONEDNN: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]


class _Conv3d(nn.Conv3d):
    def forward(self, input: Tensor) -> Tensor:
        if not _is_small_in_bf16(input):
            return self._convolve(input)
        with torch.autocast("cpu", enabled=False):
            return self._convolve(input.float())

    def _convolve(self, input: Tensor) -> Tensor:
        if not _is_one_image(input) or self.padding_mode != "zeros" or isinstance(self.padding, str):
            return super().forward(input)
        arguments = (self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups)
        maps: Tensor = torch.ops.aten.mkldnn_convolution(input, *arguments)
        return maps


class _ConvTranspose3d(nn.ConvTranspose3d):
    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        if not _is_small_in_bf16(input):
            return super().forward(input, output_size)
        with torch.autocast("cpu", enabled=False):
            return super().forward(input.float(), output_size)


class _BatchNorm3d(nn.BatchNorm3d):
    def forward(self, input: Tensor) -> Tensor:
        if not (self.training and _has_few_channels_last(input)):
            return super().forward(input)
        normalised: Tensor = super().forward(input.contiguous())
        return normalised.contiguous(memory_format=torch.channels_last_3d)


class _PReLU(nn.PReLU):
    def forward(self, input: Tensor) -> Tensor:
        if input.device.type != "cpu" or self.num_parameters > 1 or not torch.is_grad_enabled():
            return super().forward(input)
        slope: Tensor = self.weight
        if torch.is_autocast_enabled("cpu"):  # as torch does it with its own
            dtype = torch.get_autocast_dtype("cpu")
            input, slope = input.to(dtype), slope.to(dtype)
        activated: Tensor = _OneSlopePReLU.apply(input, slope)  # type: ignore[no-untyped-call]
        return activated


class _OneSlopePReLU(torch.autograd.Function):
    """PReLU whose backward pass writes no product of slopes as large as the input."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(input, slope)
        return torch.prelu(input, slope)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        input, slope = ctx.saved_tensors
        of_input = torch.ops.aten.leaky_relu_backward(gradient, input, slope.item(), False)
        of_slope = input.clamp(max=0).mul_(gradient).sum(dtype=torch.float32)
        return of_input, of_slope.to(slope.dtype).reshape(slope.shape)


_ADAPTED: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv3d: _Conv3d,
    nn.ConvTranspose3d: _ConvTranspose3d,
    nn.BatchNorm3d: _BatchNorm3d,
    nn.PReLU: _PReLU,
}


def adapt_to_cpu(network: nn.Module) -> None:
    """Let the layers of a network compute rightly and quickly on a CPU; on other devices they stay torch's own.

    Args:
        network: The network; layers of other classes than torch's own are left alone.
    """
    for module in network.modules():
        adapted = _ADAPTED.get(type(module))
        if adapted is not None:
            module.__class__ = adapted


def _is_small_in_bf16(maps: Tensor) -> bool:
    if maps.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return False
    sides = maps.shape[-3:]
    return min(sides) <= _SHORTEST_SIDE or sides.numel() <= _FEWEST_VOXELS


def _is_one_image(maps: Tensor) -> bool:
    return (
        maps.device.type == "cpu"
        and maps.ndim == 5
        and maps.shape[0] == 1
        and maps.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and not torch.is_grad_enabled()
        # an exported network has to hold a convolution like any other
        and not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        and _HAS_ONEDNN
    )


def _has_few_channels_last(maps: Tensor) -> bool:
    return (
        maps.device.type == "cpu"
        and 1 < maps.shape[1] < _CHANNELS_OF_A_VECTOR
        and maps.is_contiguous(memory_format=torch.channels_last_3d)
    )
