"""Patches of a later stage: around what the stage before it found."""

import pickle

import numpy as np
import pytest
import torch

from segtrail.config.schema import AugmentConfig, PatchConfig, PreprocessConfig, RegionConfig, StageConfig
from segtrail.training.patch_plan import PatchCentres, PatchKey
from segtrail.training.patches import PatchDataset

SHAPE = (40, 36, 32)
HALF = 3.5  # from the first voxel of a patch of 8 to its middle


def numbered():
    """An image whose every voxel holds another number, from 1."""
    return np.arange(1, np.prod(SHAPE) + 1, dtype=np.float32).reshape(1, *SHAPE)


@pytest.fixture
def case(prepare):
    """A numbered image without foreground, so that patches from anywhere come from everywhere."""
    return prepare(numbered(), np.zeros(SHAPE))


def stage(spacing_mm=(1.0, 1.0, 1.0), **region):
    return StageConfig(
        preprocess=PreprocessConfig(spacing=spacing_mm, normalisation="none"),
        patch=PatchConfig(patch_size=(8, 8, 8)),
        augment=AugmentConfig(enabled=False),
        region=RegionConfig(**{"anywhere_fraction": 0.0, "shift_mm": 2.0, **region}),
    )


def around(*points):
    return PatchCentres({"case": np.asarray(points, dtype=np.float64).reshape(-1, 3)})


def middles(case, config, centres, count=200):
    """Where the middles of patches lie, in voxels."""
    dataset = PatchDataset([case], config, centres)
    firsts = [int(dataset[PatchKey(1, 0, index)][0][0, 0, 0, 0]) - 1 for index in range(count)]
    return np.array([np.unravel_index(first, SHAPE) for first in firsts]) + HALF


def test_patches_lie_within_the_shift_of_the_centre(case):
    offsets = middles(case, stage(), around((20.0, 18.0, 16.0))) - (20.0, 18.0, 16.0)
    assert np.abs(offsets).max() <= 2.0 + 0.5  # a patch begins at a whole voxel
    assert (np.ptp(offsets, axis=0) >= 3.0).all()


def test_the_shift_is_in_millimetres(case):
    offsets = middles(case, stage((1.0, 2.0, 8.0)), around((20.5, 18.5, 16.5))) - (20.5, 18.5, 16.5)
    np.testing.assert_array_equal(np.abs(offsets).max(axis=0), [2.0, 1.0, 0.0])


def test_without_a_shift_the_patch_is_that_of_inference(case):
    centre = np.array([[20.5, 18.5, 16.5]])
    np.testing.assert_array_equal(
        np.unique(middles(case, stage(shift_mm=0.0), around(centre[0])), axis=0), centre
    )


@pytest.mark.parametrize("corner", [(0.0, 0.0, 0.0), (39.0, 35.0, 31.0), (0.0, 35.0, 16.0)])
def test_patches_lie_inside_the_volume_wherever_the_centre_is(case, corner):
    found = middles(case, stage(shift_mm=6.0), around(corner), 60)
    assert found.min() >= HALF
    assert (found <= np.array(SHAPE) - 1 - HALF).all()


def test_every_region_of_a_case_is_trained_on(case):
    centres = ((8.0, 8.0, 8.0), (30.0, 26.0, 24.0))
    found = middles(case, stage(), around(*centres))
    near = [np.abs(found - centre).max(axis=1) <= 2.5 for centre in centres]
    assert (near[0] | near[1]).all()
    assert np.mean(near[0]) == pytest.approx(0.5, abs=0.12)


def test_a_share_of_the_patches_comes_from_anywhere(case):
    found = middles(case, stage(anywhere_fraction=0.4), around((20.0, 18.0, 16.0)), 400)
    away = np.abs(found - (20.0, 18.0, 16.0)).max(axis=1) > 2.5
    assert np.mean(away) == pytest.approx(0.4, abs=0.08)


@pytest.mark.parametrize(
    ("anywhere_fraction", "centres"),
    [(1.0, around((20.0, 18.0, 16.0))), (0.0, around())],
    ids=["all patches from anywhere", "no region was found"],
)
def test_patches_from_anywhere_come_from_everywhere(case, anywhere_fraction, centres):
    found = middles(case, stage(anywhere_fraction=anywhere_fraction), centres, 400)
    np.testing.assert_array_equal(found.min(axis=0), [HALF] * 3)
    np.testing.assert_array_equal(found.max(axis=0), np.array(SHAPE) - 1 - HALF)


def test_a_volume_shorter_than_the_patch_lies_in_its_middle(prepare):
    small = prepare(np.ones((1, 4, 20, 20)), np.ones((4, 20, 20)))
    dataset = PatchDataset([small], stage(), around((0.0, 10.0, 10.0)))
    for index in range(5):
        labels = dataset[PatchKey(1, 0, index)][1]
        np.testing.assert_array_equal(np.flatnonzero(labels.numpy().any(axis=(1, 2))), [2, 3, 4, 5])


def test_a_worker_that_gets_the_centres_pickled_makes_the_same_patch(case):
    dataset = PatchDataset([case], stage(), around((20.0, 18.0, 16.0)))
    copy = pickle.loads(pickle.dumps(dataset))
    for index in range(5):
        key = PatchKey(2, 0, index)
        assert torch.equal(copy[key][0], dataset[key][0])
