"""Patches made where the network is, beside those made on the CPU; here the device is the CPU too."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segtrail.config.schema import StageConfig
from segtrail.training.device_patches import DevicePatches, fit_on_device
from segtrail.training.patch_plan import PatchCentres, PatchKey
from segtrail.training.patches import EpochBatches, PatchDataset

SHAPE = (20, 18, 16)
CPU, CARD = torch.device("cpu"), torch.device("cuda")
NO_NOISE = {
    "affine": {"probability": 0.7, "shift_voxels": 3.0},
    "elastic": {"probability": 0.3},
    "right_angle": {"probability": 0.5},
    "blur": {"probability": 0.5},
    "noise": {"probability": 0.0},
    "brightness": {"probability": 0.5},
    "contrast": {"probability": 0.5},
    "gamma": {"probability": 0.5},
}


def device_patches(cases, config, batches=None, centres=None):
    batches = batches or EpochBatches(len(cases), 2, 2, seed=0)
    return DevicePatches(cases, config, 3, batches, CPU, centres)


def smooth(seed, shape=SHAPE):
    noise = np.random.default_rng(seed).normal(size=(2, *shape))
    return np.stack([ndimage.gaussian_filter(channel, 2) * 10 for channel in noise])


@pytest.fixture
def case(prepare):
    """A smooth image of two channels, and two classes."""
    return prepare(smooth(0), np.digitize(smooth(1)[0], [0.3, 1.0]))


def assert_alike(found, expected):
    np.testing.assert_allclose(found[0], expected[0], atol=2e-3)
    # where shares are as good as equal, rounding decides
    assert np.mean(found[1].numpy() != expected[1].numpy()) <= 0.01
    assert (found[0].dtype, found[1].dtype) == (torch.float32, torch.uint8)
    assert found[0].shape == expected[0].shape


@given(seed=st.integers(0, 2**31), size=st.tuples(*[st.integers(4, 24)] * 3))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_patch_is_the_one_that_is_made_on_the_cpu(case, configure, seed, size):
    config = configure(patch={"patch_size": size}, augment=NO_NOISE, train={"seed": seed})
    key = PatchKey(1, 0, 1)
    assert_alike(device_patches([case], config).make(key), PatchDataset([case], config)[key])


def test_a_patch_without_augmentation_is_the_same_to_the_last_bit(case, configure):
    config = configure(patch={"patch_size": (8, 24, 8)})
    for index in range(10):
        key = PatchKey(1, 0, index)
        found, expected = device_patches([case], config).make(key), PatchDataset([case], config)[key]
        assert torch.equal(found[0], expected[0])
        assert torch.equal(found[1], expected[1])


def test_patches_of_a_later_stage_lie_around_its_regions(case):
    centres = PatchCentres({"case": np.array([[10.0, 9.0, 8.0]])})
    config = StageConfig.model_validate(
        {
            "preprocess": {"spacing": (1.0, 1.0, 1.0)},
            "patch": {"patch_size": (8, 8, 8)},
            "augment": NO_NOISE,
            "region": {"anywhere_fraction": 0.0},
        }
    )
    key = PatchKey(1, 0, 0)
    found = device_patches([case], config, centres=centres).make(key)
    assert_alike(found, PatchDataset([case], config, centres)[key])


def test_noise_depends_on_the_patch_alone(case, configure):
    noisy = {name: {"probability": 0.0} for name in NO_NOISE} | {"noise": {"probability": 1.0}}
    config = configure(augment=noisy)
    patches = device_patches([case], config)
    first = patches.make(PatchKey(1, 0, 0))[0]
    torch.manual_seed(7)
    other = patches.make(PatchKey(2, 0, 0))[0]
    assert torch.equal(patches.make(PatchKey(1, 0, 0))[0], first)
    assert not torch.equal(other, first)


def test_an_epoch_goes_through_the_batches_that_are_left(prepare, configure):
    cases = [prepare(smooth(seed), np.zeros(SHAPE), f"case{seed}") for seed in range(3)]
    config = configure(augment=NO_NOISE)
    batches = EpochBatches(len(cases), 3, 2, seed=0)
    batches.epoch = 2
    whole = [images for images, _ in device_patches(cases, config, batches)]
    assert [len(images) for images in whole] == [2, 2, 2, 2, 1]
    batches.skipped = 3
    rest = [images for images, _ in device_patches(cases, config, batches)]
    assert all(torch.equal(*pair) for pair in zip(rest, whole[3:], strict=True))


def test_volumes_are_brought_to_a_card_that_has_room_for_them(case, configure):
    n_bytes = case.image().nbytes + case.label().nbytes
    assert fit_on_device(configure(), [case], CARD, 4 * n_bytes)
    assert not fit_on_device(configure(), [case, case], CARD, 4 * n_bytes)
    assert not fit_on_device(configure(), [case], CPU, 4 * n_bytes)


def test_transforms_of_ones_own_keep_patches_on_the_cpu(case, configure):
    own = {"transforms": ["my_transforms:change"]}
    assert not fit_on_device(configure(augment=own), [case], CARD, 2**40)
    assert fit_on_device(configure(augment={"enabled": False, **own}), [case], CARD, 2**40)
