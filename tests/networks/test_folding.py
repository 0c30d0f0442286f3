"""Batch norm folded into convolutions: the same scores, with the weights of the moment."""

import pytest
import torch
from torch import nn

from segtrail.config.schema import Config
from segtrail.networks.build import BuiltNetwork, build_network

PATCH = (32, 32, 32)
WITH_BATCH_NORM = {
    "fast": {"name": "fast"},
    "unet3d": {"name": "unet3d", "channels": [8, 16, 32], "strides": [2, 2]},
    "unet3d without residual units": {
        "name": "unet3d",
        "channels": [8, 16, 32],
        "strides": [2, 2],
        "num_res_units": 0,
    },
    "dynunet": {"name": "dynunet", "norm": "batch"},
    "segresnet": {"name": "segresnet", "norm": "batch"},
}
WITHOUT = {
    "unet3d": {"name": "unet3d", "norm": "instance"},
    "dynunet": {"name": "dynunet", "norm": "instance"},
}


class Own(nn.Sequential):
    """A network that uses a convolution of its sequence by itself, as anyone may."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.Sequential(nn.Conv3d(in_channels, out_channels, 1), nn.BatchNorm3d(out_channels)))

    def forward(self, image):
        return self[0][0](image) - self[0](image)


def build(model) -> BuiltNetwork:
    config = Config.model_validate({"paths": {"data_root": "."}, "model": model})
    return build_network(config.model, 1, 2, PATCH, (1.0, 1.0, 1.0))


def shake(network: nn.Module) -> None:
    """Change all that a training changes, in place as optimisers do it."""
    with torch.no_grad():
        for name, tensor in network.state_dict(keep_vars=True).items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif tensor.is_floating_point():
                tensor.add_(0.1 * torch.randn_like(tensor))


def require_equal_scores(built: BuiltNetwork) -> None:
    image = torch.randn(1, 1, *PATCH)
    with torch.inference_mode():
        found, expected = built.for_inference()(image), built.network.eval()(image)
    scale = float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * scale)


def count_norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm3d) for module in network.modules())


@pytest.mark.parametrize("model", WITH_BATCH_NORM.values(), ids=WITH_BATCH_NORM)
def test_the_scores_are_those_of_the_network_up_to_rounding(model):
    torch.manual_seed(0)
    built = build(model)
    shake(built.network)
    require_equal_scores(built)


@pytest.mark.parametrize("name", ["fast", "unet3d"])
def test_no_batch_norm_is_left_where_each_follows_a_convolution(name):
    built = build(WITH_BATCH_NORM[name])
    assert count_norms(built.network) > 0
    assert count_norms(built.for_inference()) == 0


def test_weights_that_training_changes_are_taken_over():
    torch.manual_seed(0)
    built = build(WITH_BATCH_NORM["fast"])
    built.for_inference()
    shake(built.network)
    require_equal_scores(built)
    built.network.load_state_dict(build(WITH_BATCH_NORM["fast"]).network.state_dict())
    require_equal_scores(built)


def test_the_network_itself_stays_as_it_is_and_goes_on_training():
    built = build(WITH_BATCH_NORM["fast"])
    before = {name: tensor.clone() for name, tensor in built.network.state_dict().items()}
    built.network.train()
    built.for_inference()
    assert built.network.training
    after = built.network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    built.network(torch.randn(2, 1, *PATCH)).sum().backward()
    assert all(weight.grad is not None for weight in built.network.parameters())


@pytest.mark.parametrize("model", WITHOUT.values(), ids=WITHOUT)
def test_a_network_without_batch_norm_segments_as_it_is(model):
    built = build(model)
    assert built.for_inference() is built.network


def test_an_own_network_segments_as_it_is():
    built = build({"name": f"{__name__}:Own"})
    shake(built.network)
    assert built.for_inference() is built.network
    require_equal_scores(built)
