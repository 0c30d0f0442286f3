"""Batch norm folded into the convolution before it: a trained network needs one pass over its maps less for each."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeGuard

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

_Convolution = nn.Conv3d | nn.ConvTranspose3d


class FoldedNetwork:
    """A network as it segments: convolutions do the work of the batch norm that follows them.

    Only what follows a convolution directly in an ``nn.Sequential`` is folded. The network must run its sequences as a
    whole: one that calls a convolution of them by itself would compute something else.

    Args:
        network: The network; it stays as it is, and may be trained on. Its tensors are looked at anew each time, so
            they may change but not be exchanged for others: bring it to its device before.
    """

    def __init__(self, network: nn.Module) -> None:
        self._pairs: list[_Pair] = []
        self._folded = network
        if any(True for _ in _find_places(network)):
            tensors = [*network.parameters(), *network.buffers()]
            self._folded = copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})
            self._pairs = [place.fold() for place in list(_find_places(self._folded))]

    def current(self) -> nn.Module:
        """Return the network in evaluation mode, with the weights that the original one has now.

        It computes what the original one does up to rounding; where nothing can be folded, it is the original one.
        """
        for pair in self._pairs:
            pair.take_over()
        return self._folded.eval()


@dataclass(frozen=True)
class _Pair:
    """A convolution that does the work of a norm, and both as they were, with the weights of the original network."""

    convolution: _Convolution
    norm: nn.BatchNorm3d
    folded: _Convolution

    def take_over(self) -> None:
        """Compute the weights of the folded convolution anew."""
        convolution, norm = self.convolution, self.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        self.folded.weight, self.folded.bias = fuse_conv_bn_weights(
            convolution.weight,
            convolution.bias,
            norm.running_mean,
            norm.running_var,
            norm.eps,
            norm.weight,
            norm.bias,
            transpose=isinstance(convolution, nn.ConvTranspose3d),
        )


@dataclass(frozen=True)
class _Place:
    """Where a convolution and the norm behind it stand: the module that holds each, and its name there."""

    sequence: nn.Module
    convolution: str
    holder: nn.Module
    norm: str

    def fold(self) -> _Pair:
        """Put a convolution in the place of both."""
        convolution, norm = getattr(self.sequence, self.convolution), getattr(self.holder, self.norm)
        folded = copy.copy(convolution)
        folded._parameters = dict(convolution._parameters)  # the copy's weights are its own to exchange
        setattr(self.sequence, self.convolution, folded)
        setattr(self.holder, self.norm, nn.Identity())
        return _Pair(convolution, norm, folded)


def _find_places(network: nn.Module) -> Iterator[_Place]:
    for sequence in network.modules():
        if not _is_sequence(sequence):
            continue
        for (convolution, module), (following, _) in pairwise(sequence.named_children()):
            holder, norm = _first_inside(sequence, following)
            if _can_take_over(module) and _has_kept_statistics(getattr(holder, norm)):
                yield _Place(sequence, convolution, holder, norm)


def _is_sequence(module: nn.Module) -> TypeGuard[nn.Sequential]:
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward


def _first_inside(sequence: nn.Module, name: str) -> tuple[nn.Module, str]:
    """Go down to what runs first in a part of a sequence, through sequences inside it: its holder and its name."""
    inside = getattr(sequence, name)
    while _is_sequence(inside) and len(inside) > 0:
        sequence, name = inside, next(name for name, _ in inside.named_children())
        inside = getattr(sequence, name)
    return sequence, name


def _can_take_over(module: nn.Module) -> TypeGuard[_Convolution]:
    return isinstance(module, nn.Conv3d) or (isinstance(module, nn.ConvTranspose3d) and module.groups == 1)


def _has_kept_statistics(module: nn.Module) -> bool:
    return isinstance(module, nn.BatchNorm3d) and module.running_mean is not None
