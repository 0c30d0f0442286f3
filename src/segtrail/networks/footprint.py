"""How much memory a network's layers take for every voxel of its input."""

import numpy as np
import torch
from torch import Tensor, nn

from segtrail.compute import Compute
from segtrail.networks.build import BuiltNetwork


def activation_bytes_per_voxel(built: BuiltNetwork, n_channels: int, compute: Compute) -> float:
    """Sum the outputs of all layers on a small input: an upper bound for inference, since torch frees many of them.

    Args:
        built: The network on its device.
        n_channels: Image channels.
        compute: Device and precision.

    Returns:
        Bytes for each voxel of one input.
    """
    total = 0
    modules = [module for module in built.network.modules() if not list(module.children())]

    def count(_module: nn.Module, _inputs: object, output: object) -> None:
        nonlocal total
        if isinstance(output, Tensor):
            total += output.numel() * output.element_size()

    was_training = built.network.training
    hooks = [module.register_forward_hook(count) for module in modules]
    size = [2 * divisor for divisor in (built.size_divisor or (16, 16, 16))]
    try:
        with torch.inference_mode(), compute.autocast():
            built.network.eval()(torch.zeros(1, n_channels, *size, device=compute.device))
    finally:
        built.network.train(was_training)
        for hook in hooks:
            hook.remove()
    return total / float(np.prod(size))
