"""Convolutions, batch norm and PReLU, computed in another way than torch computes them on a CPU."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segtrail.networks.cpu_layers import adapt_to_cpu

LAYERS = {
    "batch norm": nn.BatchNorm3d,
    "PReLU": lambda _: nn.PReLU(),
    "PReLU of several slopes": nn.PReLU,
}


def passed(network, maps):
    """Return output and gradients of a training step, and what the layers keep."""
    maps = maps.clone(memory_format=torch.preserve_format).requires_grad_()
    output = network(maps)
    weights = torch.linspace(-1, 1, output.numel()).reshape(output.shape)
    (output.float() * weights).sum().backward()
    gradients = [maps.grad, *(weight.grad for weight in network.parameters())]
    return output.detach(), *gradients, *(kept.clone() for kept in network.buffers())


def in_pairs(make, channels):
    """Return a layer of torch's own and the same with the quicker one, both away from their first weights."""
    own = nn.Sequential(make(channels))
    for weight in own.parameters():
        nn.init.uniform_(weight, 0.1, 0.9)
    quicker = copy.deepcopy(own)
    adapt_to_cpu(quicker)
    return own, quicker


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
@given(
    channels=st.integers(1, 9),
    size=st.tuples(*[st.integers(2, 6)] * 3),
    layout=st.sampled_from([torch.contiguous_format, torch.channels_last_3d]),
    seed=st.integers(0, 2**31),
)
@settings(deadline=None, max_examples=50)
def test_a_training_step_is_that_of_torch_up_to_rounding(make, channels, size, layout, seed):
    torch.manual_seed(seed)
    maps = torch.randn(2, channels, *size).contiguous(memory_format=layout)
    own, quicker = in_pairs(make, channels)
    for found, expected in zip(passed(quicker, maps), passed(own, maps), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_a_step_in_bf16_is_near_to_that_of_torch_and_of_the_same_type(make):
    torch.manual_seed(0)
    maps = torch.randn(2, 2, 8, 8, 8).contiguous(memory_format=torch.channels_last_3d)
    own, quicker = in_pairs(make, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pairs = zip(passed(quicker, maps), passed(own, maps), strict=True)
    for found, expected in pairs:
        assert found.dtype == expected.dtype
        assert float((found - expected).float().norm()) <= 0.02 * float(expected.float().norm()) + 1e-6


def test_the_layout_of_the_maps_stays():
    maps = torch.randn(2, 2, 4, 4, 4).contiguous(memory_format=torch.channels_last_3d)
    for make in LAYERS.values():
        output, of_input, *_ = passed(in_pairs(make, 2)[1], maps)
        assert output.is_contiguous(memory_format=torch.channels_last_3d)
        assert of_input.is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_segmenting_gives_the_bits_of_torch(make):
    maps = torch.randn(2, 2, 8, 8, 8).contiguous(memory_format=torch.channels_last_3d)
    own, quicker = in_pairs(make, 2)
    with torch.inference_mode():
        assert torch.equal(quicker.eval()(maps), own.eval()(maps))


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_the_same_step_twice_gives_the_same_bits(make):
    maps = torch.randn(2, 2, 8, 8, 8).contiguous(memory_format=torch.channels_last_3d)
    network = in_pairs(make, 2)[1]
    twin = copy.deepcopy(network)
    assert all(torch.equal(*pair) for pair in zip(passed(network, maps), passed(twin, maps), strict=True))


def test_weights_keep_their_names_and_layers_of_other_classes_stay():
    class Own(nn.PReLU):
        pass

    network = nn.Sequential(nn.BatchNorm3d(2), nn.PReLU(), Own(), nn.BatchNorm2d(2))
    names = list(network.state_dict())
    adapt_to_cpu(network)
    assert list(network.state_dict()) == names
    assert [type(network[index]) for index in (2, 3)] == [Own, nn.BatchNorm2d]


@given(
    channels=st.tuples(st.sampled_from([1, 2, 8, 24]), st.sampled_from([2, 8, 24])),
    size=st.tuples(*[st.integers(1, 12)] * 3),
    kernel=st.sampled_from([1, 3]),
    stride=st.sampled_from([1, 2, (1, 2, 2)]),
    bias=st.booleans(),
    layout=st.sampled_from([torch.contiguous_format, torch.channels_last_3d]),
    threads=st.sampled_from([1, 2]),
)
@settings(deadline=None, max_examples=100)
def test_the_convolution_of_one_image_is_that_of_torch_up_to_rounding(
    channels, size, kernel, stride, bias, layout, threads
):
    own = nn.Sequential(nn.Conv3d(*channels, kernel, stride=stride, padding=kernel // 2, bias=bias))
    own.to(memory_format=layout)
    quicker = copy.deepcopy(own)
    adapt_to_cpu(quicker)
    maps = torch.randn(1, channels[0], *size).contiguous(memory_format=layout)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            found, expected = quicker(maps), own(maps)
    finally:
        torch.set_num_threads(before)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{"padding": "same"}, {"padding": 1, "padding_mode": "reflect"}])
def test_one_image_with_another_padding_is_computed_by_torch(options):
    own = nn.Sequential(nn.Conv3d(4, 4, 3, **options))
    quicker = copy.deepcopy(own)
    adapt_to_cpu(quicker)
    maps = torch.randn(1, 4, 6, 5, 4)
    with torch.inference_mode():
        assert torch.equal(quicker(maps), own(maps))


def test_one_image_has_gradients():
    own = nn.Sequential(nn.Conv3d(2, 3, 3, padding=1))
    quicker = copy.deepcopy(own)
    adapt_to_cpu(quicker)
    maps = torch.randn(1, 2, 5, 5, 5)
    for found, expected in zip(passed(quicker, maps), passed(own, maps), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore")  # tracing warns that it follows one way through the code
def test_a_traced_network_holds_a_convolution_that_every_machine_has():
    network = nn.Sequential(nn.Conv3d(2, 3, 3, padding=1))
    adapt_to_cpu(network)
    with torch.inference_mode():
        graph = str(torch.jit.trace(network, torch.randn(1, 2, 5, 5, 5)).inlined_graph)
    assert "_convolution" in graph
    assert "mkldnn" not in graph
