import pytest
import torch

from segtrail.networks.fast import FastUNet, depth_to_space, space_to_depth


@pytest.mark.parametrize("shape", [(1, 1, 2, 2, 2), (2, 3, 4, 6, 8)])
def test_folding_and_unfolding_give_the_volume_back(shape):
    volume = torch.randn(shape)
    assert torch.equal(depth_to_space(space_to_depth(volume)), volume)


def test_unfolding_and_folding_give_the_features_back():
    features = torch.randn(2, 16, 3, 2, 4)
    assert torch.equal(space_to_depth(depth_to_space(features)), features)


def test_each_block_of_eight_voxels_becomes_eight_channels_at_its_place():
    volume = torch.arange(2 * 4 * 4 * 6).reshape(1, 2, 4, 4, 6)
    folded = space_to_depth(volume)
    assert folded.shape == (1, 16, 2, 2, 3)
    block = volume[0, 1, 2:4, 0:2, 4:6]
    assert torch.equal(folded[0, 8:, 1, 0, 2], block.reshape(8))


@pytest.mark.parametrize("levels", [2, 3])
def test_the_network_sees_farther_than_a_patch_of_its_divisor(levels):
    network = FastUNet(1, 2, [4] * levels, [1] * levels).eval()
    size = 4 * network.size_divisor
    image = torch.randn(1, 1, size, size, size, requires_grad=True)
    middle = size // 2
    network(image)[0, 1, middle, middle, middle].backward()
    reach = torch.nonzero(image.grad[0, 0].abs().sum(dim=(1, 2))).flatten()
    assert int(reach.max() - reach.min()) > network.size_divisor


def test_dropout_acts_in_training_alone():
    network = FastUNet(1, 2, [4, 4], [0, 0], dropout=0.5)
    image = torch.randn(1, 1, 8, 8, 8)
    network.eval()
    assert torch.equal(network(image), network(image))
    torch.manual_seed(0)
    network.train()
    with torch.no_grad():
        assert len({float(network(image).sum()) for _ in range(10)}) > 1
