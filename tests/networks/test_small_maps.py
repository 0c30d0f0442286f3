"""Gradients of convolutions over a few voxels, in bf16 on a CPU."""

import copy

import pytest
import torch
from torch import nn

from segtrail.networks.cpu_layers import adapt_to_cpu


def fill_freed_memory_with_nan():
    for dtype in (torch.float32, torch.bfloat16):
        waste = [torch.full((1 << power,), float("nan"), dtype=dtype) for power in (8, 12, 14, 16, 18)]
        del waste


def gradients(network, maps):
    network.zero_grad()
    maps = maps.clone().requires_grad_()
    output = network(maps)
    (output.float() * torch.linspace(-1, 1, output.numel()).reshape(output.shape)).sum().backward()
    return [maps.grad, *(weight.grad.clone() for weight in network.parameters())]


CONVOLUTIONS = {
    "same": lambda: nn.Conv3d(32, 32, 3, padding=1),
    "down": lambda: nn.Conv3d(32, 32, 3, stride=2, padding=1),
    "up": lambda: nn.ConvTranspose3d(32, 32, 3, stride=2, padding=1, output_padding=1),
}


@pytest.mark.parametrize("make", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 1), (2, 2, 2), (4, 1, 1), (4, 4, 4), (6, 5, 4)])
def test_gradients_in_bf16_are_near_those_in_float32(make, shape):
    torch.manual_seed(0)
    network = nn.Sequential(make())
    adapt_to_cpu(network)
    for _ in range(5):
        fill_freed_memory_with_nan()
        maps = torch.randn(2, 32, *shape)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = gradients(network, maps)
        for one, other in zip(found, gradients(network, maps), strict=True):
            assert float((one - other).norm()) <= 0.02 * float(other.norm()) + 1e-6


def test_large_maps_still_compute_in_bf16():
    network = nn.Sequential(nn.Conv3d(4, 4, 3, padding=1))
    adapt_to_cpu(network)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network(torch.randn(1, 4, 8, 8, 8)).dtype == torch.bfloat16
        assert network(torch.randn(1, 4, 2, 2, 2)).dtype == torch.float32


def test_weights_keep_their_names_and_a_copy_stands_alone():
    network = nn.Sequential(nn.Conv3d(4, 4, 3, padding=1))
    names = list(network.state_dict())
    adapt_to_cpu(network)
    assert list(network.state_dict()) == names
    twin = copy.deepcopy(network)
    with torch.no_grad():
        twin[0].weight.zero_()
        twin[0].bias.zero_()
    assert not twin(torch.randn(1, 4, 2, 2, 2)).any()
    assert network(torch.randn(1, 4, 2, 2, 2)).any()
