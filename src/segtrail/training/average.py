"""An exponential moving average of a network's weights, which generalises better than the last of them."""

import copy

import torch
from torch import nn

from segtrail.errors import InputError


class AveragedNetwork:
    """A copy of a network that follows it slowly.

    Statistics of normalisation layers are averaged like the weights; counters are taken over. In the first steps the
    decay is smaller, (1 + step) / (10 + step), so that the fresh weights are soon forgotten (as in TensorFlow's
    ``ExponentialMovingAverage`` with ``num_updates``).

    Args:
        network: The network to copy.
        decay: Share of the average that stays in each step.

    Attributes:
        network: The average.
        steps: Steps it has followed.

    Raises:
        InputError: The network can't be copied.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        try:
            self.network = copy.deepcopy(network).requires_grad_(False)
        except Exception as error:  # a network of one's own may raise anything
            raise InputError(
                f"train.ema_decay needs a copy of the network, which can't be made: {type(error).__name__}: {error}. "
                "Leave that key out, or let the network keep only what can be copied."
            ) from None
        self._decay, self.steps = decay, 0

    @torch.no_grad()
    def follow(self, network: nn.Module) -> None:
        """Move the average towards the network's present weights."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        averages = self.network.state_dict(keep_vars=True)
        for name, value in network.state_dict(keep_vars=True).items():
            if not isinstance(value, torch.Tensor):
                continue
            if value.is_floating_point():
                averages[name].lerp_(value, 1.0 - decay)
            else:
                averages[name].copy_(value)
