import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segtrail.config.augment_schema import AugmentConfig
from segtrail.training import augment, device_augment
from segtrail.training.patch_plan import SpatialChange, draw_orientation, draw_spatial_change

NOTHING = SpatialChange(np.eye(3), np.zeros(3))
OUTSIDE = np.array([-5.0, -7.0], dtype=np.float32)
SEEDS = st.integers(0, 2**32 - 1)


def draw(config, seed, spacing_mm=(1.0, 1.0, 1.0)):
    return draw_spatial_change(config, spacing_mm, np.random.default_rng(seed))


def random_case(shape=(15, 13, 11)):
    generator = np.random.default_rng(0)
    image = generator.normal(size=(2, *shape)).astype(np.float32)
    return image, generator.integers(0, 4, size=shape).astype(np.uint8)


def sample(image, labels, start, size, change=NOTHING):
    """Interpolate a patch on the CPU and as it is done on a device; both are the same."""
    patch, patch_labels = augment.sample_patch(image, labels, np.asarray(start), size, change, OUTSIDE)
    on_device, labels_on_device = device_augment.sample_patch(
        torch.from_numpy(image),
        torch.from_numpy(labels),
        np.asarray(start),
        size,
        change,
        torch.from_numpy(OUTSIDE),
        n_classes=int(labels.max()) + 1,
    )
    np.testing.assert_allclose(on_device.numpy(), patch, atol=1e-4)
    # shares that are as good as equal may fall to either class
    assert np.mean(labels_on_device.numpy() != patch_labels) <= 0.01
    assert labels_on_device.dtype == torch.uint8
    return patch, patch_labels


def turn(image, labels, config, seed):
    """Flip and turn a patch on the CPU and as it is done on a device; both are the same."""
    orientation = draw_orientation(config, labels.shape, np.random.default_rng(seed))
    turned, turned_labels = augment.orient(image, labels, orientation)
    on_device = device_augment.orient(torch.from_numpy(image), torch.from_numpy(labels), orientation)
    np.testing.assert_array_equal(on_device[0].numpy(), turned)
    np.testing.assert_array_equal(on_device[1].numpy(), turned_labels)
    return turned, turned_labels


def plain_crop(image, labels, start, size):
    """Cut a box that may reach out of the volume, voxel by voxel."""
    cut_image = np.empty((2, *size), np.float32)
    cut_image[:] = OUTSIDE[:, None, None, None]
    cut_labels = np.zeros(size, np.uint8)
    for voxel in np.ndindex(*size):
        source = np.add(voxel, start)
        if (source >= 0).all() and (source < labels.shape).all():
            cut_image[(slice(None), *voxel)] = image[(slice(None), *source)]
            cut_labels[voxel] = labels[tuple(source)]
    return cut_image, cut_labels


def assert_no_change_is_a_plain_crop(shape, start, size):
    image, labels = random_case(shape)
    expected_image, expected_labels = plain_crop(image, labels, start, size)
    patch_image, patch_labels = sample(image, labels, start, size)
    np.testing.assert_allclose(patch_image, expected_image, atol=1e-5)
    np.testing.assert_array_equal(patch_labels, expected_labels)


@pytest.mark.parametrize("start", [(0, 0, 0), (4, 5, 3), (-3, -2, -1), (12, 10, 8)], ids=str)
def test_no_change_is_a_plain_crop(start):
    assert_no_change_is_a_plain_crop((15, 13, 11), start, (6, 7, 5))


def test_a_patch_larger_than_the_volume_is_filled_with_what_lies_outside():
    assert_no_change_is_a_plain_crop((4, 5, 3), (-2, -3, -4), (9, 10, 11))


@pytest.mark.parametrize("shape", [(15, 13, 1), (15, 1, 11), (1, 1, 1)], ids=str)
def test_a_volume_one_voxel_thick_is_not_smeared_over_the_patch(shape):
    assert_no_change_is_a_plain_crop(shape, (-1, -2, -1), (6, 7, 5))


@pytest.mark.parametrize("start", [(40, 0, 0), (0, -20, 0), (12, 10, 11)], ids=str)
def test_a_patch_beyond_the_volume_holds_nothing_of_it(start):
    assert_no_change_is_a_plain_crop((15, 13, 11), start, (6, 7, 5))


@pytest.mark.parametrize("size", [6, 7])
@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("plane", [(0, 1), (0, 2), (1, 2)])
def test_a_rotation_by_right_angles_is_rot90(size, turns, plane):
    image, labels = random_case()
    quarter = np.eye(3)
    first, second = plane
    quarter[first, first] = quarter[second, second] = 0.0
    quarter[first, second], quarter[second, first] = 1.0, -1.0
    change = SpatialChange(np.linalg.matrix_power(quarter, turns), np.zeros(3))
    start, box = (3, 2, 1), (size, size, size)
    turned_image, turned_labels = sample(image, labels, start, box, change)
    cut_image, cut_labels = plain_crop(image, labels, start, box)
    axes = (first + 1, second + 1)
    np.testing.assert_allclose(turned_image, np.rot90(cut_image, turns, axes), atol=1e-5)
    np.testing.assert_array_equal(turned_labels, np.rot90(cut_labels, turns, plane))


def test_a_whole_shift_is_a_crop_elsewhere():
    image, labels = random_case()
    change = SpatialChange(np.eye(3), np.array([2.0, -1.0, 3.0]))
    shifted = sample(image, labels, (4, 4, 2), (5, 5, 5), change)
    expected = plain_crop(image, labels, (6, 3, 5), (5, 5, 5))
    np.testing.assert_allclose(shifted[0], expected[0], atol=1e-5)
    np.testing.assert_array_equal(shifted[1], expected[1])


def test_a_shift_by_half_a_voxel_takes_the_mean_of_neighbours():
    image, labels = random_case()
    change = SpatialChange(np.eye(3), np.array([0.5, 0.0, 0.0]))
    patch, _ = sample(image, np.ones_like(labels), (4, 4, 2), (5, 5, 5), change)
    mean = (image[:, 4:9, 4:9, 2:7] + image[:, 5:10, 4:9, 2:7]) / 2
    np.testing.assert_allclose(patch, mean, atol=1e-5)


def deform(displacements):
    return SpatialChange(np.eye(3), np.zeros(3), np.asarray(displacements, dtype=np.float32))


def test_a_deformation_by_the_same_displacement_everywhere_is_a_shift():
    image, labels = random_case()
    displacements = np.empty((3, 4, 4, 4))
    displacements[:] = np.array([2.0, -1.0, 3.0])[:, None, None, None]
    moved = sample(image, labels, (4, 4, 2), (5, 6, 7), deform(displacements))
    expected = plain_crop(image, labels, (6, 3, 5), (5, 6, 7))
    np.testing.assert_allclose(moved[0], expected[0], atol=1e-5)
    np.testing.assert_array_equal(moved[1], expected[1])


def test_a_deformation_that_grows_along_an_axis_is_a_scaling():
    """Control points reach from the first voxel of the patch to the last: 4 voxels become 8."""
    image, labels = random_case()
    displacements = np.zeros((3, 3, 3, 3))
    displacements[0] = np.array([-2.0, 0.0, 2.0])[:, None, None]
    stretched = sample(image, labels, (5, 4, 3), (5, 5, 5), deform(displacements))
    expected = plain_crop(image, labels, (3, 4, 3), (9, 5, 5))
    np.testing.assert_allclose(stretched[0], expected[0][:, ::2], atol=1e-5)
    np.testing.assert_array_equal(stretched[1], expected[1][::2])


def test_a_deformation_is_drawn_with_its_probability_and_size():
    config = AugmentConfig(
        affine={"probability": 0.0},
        elastic={"probability": 0.4, "displacement_voxels": 3.0, "control_points": 6},
    )
    drawn = [draw(config, seed) for seed in range(400)]
    fields = [change.control_displacements for change in drawn if change is not None]
    assert len(fields) / 400 == pytest.approx(0.4, abs=0.08)
    assert fields[0].shape == (3, 6, 6, 6)
    assert np.std(fields) == pytest.approx(3.0, rel=0.05)


def only(**changes):
    none = {"probability": 1.0, "rotation_degrees": 0, "scale_range": (1.0, 1.0)}
    return AugmentConfig(affine=none | changes)


@given(SEEDS)
def test_a_rotation_keeps_lengths_and_is_no_mirror_image(seed):
    change = draw(only(rotation_degrees=60), seed)
    np.testing.assert_allclose(change.matrix @ change.matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(change.matrix) == pytest.approx(1.0)


@given(SEEDS, st.tuples(*[st.floats(0.5, 5.0)] * 3))
def test_a_rotation_is_rigid_in_millimetres_at_any_spacing(seed, spacing_mm):
    config = only(rotation_degrees=60, scale_range=(2.0, 2.0))
    matrix = draw(config, seed, spacing_mm).matrix
    in_mm = np.diag(spacing_mm) @ matrix @ np.diag(1.0 / np.asarray(spacing_mm))
    np.testing.assert_allclose(in_mm @ in_mm.T, np.eye(3) / 4, atol=1e-9)
    np.testing.assert_allclose(in_mm, draw(config, seed).matrix, atol=1e-9)


@given(SEEDS)
def test_scales_and_shifts_stay_in_their_ranges(seed):
    config = only(scale_range=(0.8, 1.25), anisotropic_scale=0.1, shift_voxels=4)
    change = draw(config, seed)
    scales = 1.0 / np.diag(change.matrix)
    np.testing.assert_array_equal(change.matrix, np.diag(np.diag(change.matrix)))
    assert ((scales >= 0.8 * 0.9 - 1e-9) & (scales <= 1.25 * 1.1 + 1e-9)).all()
    assert np.abs(change.shift).max() <= 4


def test_a_scale_above_one_makes_things_larger():
    labels = np.zeros((24, 24, 24), np.uint8)
    labels[8:16, 8:16, 8:16] = 1
    image = np.stack([labels, labels]).astype(np.float32)
    change = draw(only(scale_range=(1.5, 1.5)), 0)
    _, larger = sample(image, labels, (0, 0, 0), (24, 24, 24), change)
    assert larger.sum() == 12**3


@pytest.mark.parametrize("probability", [0.0, 0.3])
def test_the_probability_decides_how_many_patches_are_changed(probability):
    config = only(probability=probability, rotation_degrees=10)
    drawn = [draw(config, seed) is not None for seed in range(500)]
    assert np.mean(drawn) == pytest.approx(probability, abs=0.07)


@given(SEEDS)
def test_flips_and_turns_move_image_and_labels_alike_and_lose_no_voxel(seed):
    image, labels = random_case((6, 6, 4))
    image[0] = labels
    config = AugmentConfig(flip={"probability": 0.5}, right_angle={"probability": 0.8})
    new_image, new_labels = turn(image, labels, config, seed)
    np.testing.assert_array_equal(new_image[0], new_labels)
    np.testing.assert_array_equal(np.sort(new_image[1].ravel()), np.sort(image[1].ravel()))
    assert new_labels.shape == (6, 6, 4)


def test_only_the_axes_named_are_flipped():
    image, labels = random_case()
    config = AugmentConfig(flip={"probability": 1.0, "axes": (2,)})
    flipped_image, flipped = turn(image, labels, config, 0)
    np.testing.assert_array_equal(flipped, labels[:, :, ::-1])
    np.testing.assert_array_equal(flipped_image, image[..., ::-1])


def test_patches_with_no_two_equal_sides_are_not_turned():
    image, labels = random_case()
    config = AugmentConfig(flip={"probability": 0.0}, right_angle={"probability": 1.0})
    _, same = turn(image, labels, config, 0)
    np.testing.assert_array_equal(same, labels)


def test_turns_reach_every_right_angle_about_every_axis():
    cube = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    config = AugmentConfig(flip={"probability": 0.0}, right_angle={"probability": 1.0})
    seen = {turn(cube[None].astype(np.float32), cube, config, seed)[1].tobytes() for seed in range(200)}
    assert len(seen) == 9
