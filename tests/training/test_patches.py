import pickle

import numpy as np
import pytest
import torch

from segtrail.training.patch_plan import PatchKey
from segtrail.training.patches import PatchDataset

SHAPE = (20, 18, 16)
EVERYTHING = {
    "affine": {"probability": 1.0},
    "elastic": {"probability": 0.5},
    "flip": {"probability": 0.5},
    "right_angle": {"probability": 1.0},
    "blur": {"probability": 1.0},
    "noise": {"probability": 1.0},
    "brightness": {"probability": 1.0},
    "contrast": {"probability": 1.0},
    "gamma": {"probability": 1.0},
}


def numbered(shape=SHAPE):
    """An image whose every voxel holds another number, from 1."""
    return np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(1, *shape)


def one_voxel(shape=SHAPE, voxel=(15, 4, 9)):
    labels = np.zeros(shape, np.uint8)
    labels[voxel] = 1
    return labels


def patches(dataset, count=60, epoch=1):
    return [dataset[PatchKey(epoch, 0, index)] for index in range(count)]


def first_voxel(image, shape=SHAPE):
    """Where in a numbered image a patch was cut."""
    return np.unravel_index(int(image[0, 0, 0, 0]) - 1, shape)


@pytest.fixture
def case(prepare):
    """A numbered image with a single voxel of foreground."""
    return prepare(numbered(), one_voxel())


def test_a_patch_is_a_pure_function_of_seed_epoch_case_and_index(case, configure):
    config = configure(augment=EVERYTHING)
    key = PatchKey(3, 0, 2)
    alone = PatchDataset([case], config)[key]
    after_others = PatchDataset([case], config)
    patches(after_others, 5)
    np.random.default_rng(1).random(7)
    torch.manual_seed(99)
    image, labels = after_others[key]
    assert torch.equal(image, alone[0])
    assert torch.equal(labels, alone[1])


@pytest.mark.parametrize("change", ["seed", "epoch", "index", "case"])
def test_another_seed_epoch_index_or_case_gives_another_patch(prepare, case, configure, change):
    other = prepare(numbered(), one_voxel(), "other")
    seed = 1 if change == "seed" else 0
    key = PatchKey(2 if change == "epoch" else 1, 1 if change == "case" else 0, 1 if change == "index" else 0)
    config = configure(augment=EVERYTHING)
    changed = PatchDataset([case, other], configure(augment=EVERYTHING, train={"seed": seed}))[key]
    assert not torch.equal(PatchDataset([case, other], config)[PatchKey(1, 0, 0)][0], changed[0])


def test_a_patch_does_not_depend_on_the_place_of_its_case_in_the_list(prepare, case, configure):
    other = prepare(numbered(), one_voxel(), "other")
    first = PatchDataset([case, other], configure())[PatchKey(1, 0, 0)]
    second = PatchDataset([other, case], configure())[PatchKey(1, 1, 0)]
    assert torch.equal(first[0], second[0])


def test_a_worker_that_gets_the_dataset_pickled_makes_the_same_patch(case, configure):
    dataset = PatchDataset([case], configure(augment=EVERYTHING))
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy[PatchKey(1, 0, 0)][0], dataset[PatchKey(1, 0, 0)][0])


def test_a_patch_without_augmentation_is_a_piece_of_the_volume(case, configure):
    for image, labels in patches(PatchDataset([case], configure()), 20):
        start = first_voxel(image)
        box = tuple(slice(s, s + 8) for s in start)
        np.testing.assert_array_equal(image, numbered()[(slice(None), *box)])
        np.testing.assert_array_equal(labels, one_voxel()[box])
        assert (image.dtype, labels.dtype) == (torch.float32, torch.uint8)


def test_patches_come_from_everywhere_in_the_volume(case, configure):
    config = configure(patch={"patch_size": (8, 8, 8), "pos_neg_ratio": 0.0})
    starts = np.array([first_voxel(image) for image, _ in patches(PatchDataset([case], config), 300)])
    np.testing.assert_array_equal(starts.min(axis=0), [0, 0, 0])
    np.testing.assert_array_equal(starts.max(axis=0), np.array(SHAPE) - 8)


@pytest.mark.parametrize(("ratio", "share"), [(1.0, 1 / 2), (3.0, 3 / 4), (0.25, 1 / 5)])
def test_the_ratio_decides_how_many_patches_hold_foreground(prepare, configure, ratio, share):
    """The volume is so long that a patch anywhere seldom meets the foreground by chance."""
    shape = (400, 8, 8)
    labels = one_voxel(shape, (200, 4, 4))
    case = prepare(np.zeros((1, *shape)), labels)
    config = configure(patch={"patch_size": (8, 8, 8), "pos_neg_ratio": ratio})
    found = np.mean([bool(labels.any()) for _, labels in patches(PatchDataset([case], config), 400)])
    chance = 8 / 393
    assert found == pytest.approx(share + (1 - share) * chance, abs=0.08)


def test_foreground_far_from_the_border_comes_to_the_middle_of_the_patch(case, configure):
    config = configure(patch={"patch_size": (8, 8, 8), "pos_neg_ratio": 1e9})
    for _, labels in patches(PatchDataset([case], config), 10):
        assert np.argwhere(labels.numpy()).tolist() == [[4, 4, 4]]


def test_small_classes_are_seen_as_often_as_large_ones(prepare, configure):
    shape = (200, 8, 8)
    labels = np.zeros(shape, np.uint8)
    labels[10:60], labels[150, 4, 4] = 1, 2
    case = prepare(np.zeros((1, *shape)), labels)
    config = configure(patch={"patch_size": (8, 8, 8), "pos_neg_ratio": 1e9})
    found = [bool((labels == 2).any()) for _, labels in patches(PatchDataset([case], config), 300)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.1)


def test_a_patch_larger_than_the_volume_holds_it_whole_and_the_lowest_intensity_around_it(prepare, configure):
    case = prepare(numbered((6, 5, 8)) + 10, one_voxel((6, 5, 8), (1, 2, 3)))
    places = set()
    for image, labels in patches(PatchDataset([case], configure(patch={"patch_size": (8, 8, 8)}))):
        x, y, z = np.argwhere(labels.numpy())[0] - (1, 2, 3)
        places.add((int(x), int(y), int(z)))
        expected = np.full((8, 8, 8), 11.0)
        expected[x : x + 6, y : y + 5, z : z + 8] = numbered((6, 5, 8))[0] + 10
        np.testing.assert_array_equal(image[0], expected)
    assert len(places) > 5


def test_every_channel_has_its_own_lowest_intensity_outside(prepare, configure):
    image = np.stack([numbered((6, 6, 6))[0] + 100, -numbered((6, 6, 6))[0]])
    case = prepare(image, one_voxel((6, 6, 6), (3, 3, 3)))
    patch, _ = PatchDataset([case], configure())[PatchKey(1, 0, 0)]
    assert patch[0].min() == 101
    assert patch[1].min() == -216
    assert (patch[0] == 101).sum() == 8**3 - 6**3 + 1
    assert (patch[1] == -216).sum() == 8**3 - 6**3 + 1


def test_a_case_without_foreground_gives_patches_too(prepare, configure):
    case = prepare(numbered(), np.zeros(SHAPE))
    image, labels = PatchDataset([case], configure(augment=EVERYTHING))[PatchKey(1, 0, 0)]
    assert image.shape == (1, 8, 8, 8)
    assert not labels.any()


def test_image_and_labels_stay_aligned_under_every_change_of_place(prepare, configure):
    generator = np.random.default_rng(0)
    labels = (generator.random((5, 4, 4)) < 0.5).astype(np.uint8).repeat(4, 0).repeat(5, 1).repeat(4, 2)
    case = prepare(labels[np.newaxis].astype(np.float32), labels)
    nothing = {name: {"probability": 0.0} for name in ("blur", "noise", "brightness", "contrast", "gamma")}
    config = configure(
        augment={
            "affine": {
                "probability": 1.0,
                "rotation_degrees": 40,
                "scale_range": (0.7, 1.4),
                "anisotropic_scale": 0.2,
                "shift_voxels": 3,
            },
            "elastic": {"probability": 0.5, "displacement_voxels": 2.0},
            "flip": {"probability": 0.5},
            "right_angle": {"probability": 0.7},
            **nothing,
        }
    )
    for image, patch_labels in patches(PatchDataset([case], config), 25):
        clear = np.abs(image[0].numpy() - 0.5) > 1e-4
        np.testing.assert_array_equal(image[0].numpy()[clear] > 0.5, patch_labels.numpy()[clear] == 1)
        assert clear.mean() > 0.95


def test_a_transform_of_your_own_comes_last_with_a_generator_of_its_patch(
    case, configure, tmp_path, monkeypatch
):
    tmp_path.joinpath("own_patch_transform.py").write_text(
        "def replace(image, labels, generator):\n    return image * 0 + generator.random(dtype='f4'), labels * 0 + 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    config = configure(augment={**EVERYTHING, "transforms": ["own_patch_transform:replace"]})
    results = [image.unique().tolist() for image, _ in patches(PatchDataset([case], config), 3)]
    again = [image.unique().tolist() for image, _ in patches(PatchDataset([case], config), 3)]
    assert results == again
    assert len({value for values in results for value in values}) == 3
