"""The optimiser that a configuration names."""

import torch
from torch import nn

from segtrail.config.schema import OptimConfig


def make_optimiser(network: nn.Module, config: OptimConfig, device: torch.device) -> torch.optim.Optimizer:
    """Make the optimiser of a network's weights.

    Args:
        network: The network, on its device.
        config: The ``optim`` section.
        device: The device; on CUDA one kernel takes the place of several for each weight.
    """
    weights, fused = network.parameters(), True if device.type == "cuda" else None
    if config.name == "adamw":
        return torch.optim.AdamW(weights, lr=config.lr, weight_decay=config.weight_decay, fused=fused)
    return torch.optim.SGD(
        weights,
        lr=config.lr,
        momentum=config.momentum,
        nesterov=config.momentum > 0,
        weight_decay=config.weight_decay,
        fused=fused,
    )
