import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segtrail.images.resample import resample_labels, resample_linear, resampled_shape

# Steps that differ from 1 by less than a thousandth count as 1.
STEP = st.floats(0.3, 4.0).map(lambda step: 1.0 if abs(step - 1.0) < 1e-3 else step)
STEPS = st.tuples(STEP, STEP, STEP)
FACTORS = (2.0, 2.5, 3.0, 4.0)


def resample(labels, factor):
    shape = resampled_shape(labels.shape, (1.0,) * 3, (factor,) * 3)
    return resample_labels(labels, (factor,) * 3, shape)


def random_volume(shape=(11, 9, 8)):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    ("count", "spacing", "target", "expected"),
    [(10, 1.0, 1.0, 10), (11, 1.0, 2.0, 6), (5, 2.0, 1.0, 9), (1, 3.0, 1.0, 1), (3, 1.0, 50.0, 1)],
)
def test_the_new_grid_reaches_from_the_first_voxel_to_the_last(count, spacing, target, expected):
    assert resampled_shape((count, 7, 4), (spacing, 1.0, 1.0), (target, 1.0, 1.0)) == (expected, 7, 4)


@given(STEPS, st.tuples(*[st.floats(-10.0, 10.0)] * 4))
def test_a_linear_ramp_stays_exactly_linear(steps, slopes):
    shape = (9, 7, 6)
    x, y, z = np.indices(shape)
    ramp = (slopes[0] * x + slopes[1] * y + slopes[2] * z + slopes[3]).astype(np.float32)
    new_shape = resampled_shape(shape, (1.0,) * 3, steps)
    sampled = resample_linear(ramp, steps, new_shape)
    places = [
        np.minimum(np.arange(n) * step, last - 1)
        for n, step, last in zip(new_shape, steps, shape, strict=True)
    ]
    x, y, z = np.meshgrid(*places, indexing="ij")
    np.testing.assert_allclose(sampled, slopes[0] * x + slopes[1] * y + slopes[2] * z + slopes[3], atol=2e-4)


@given(STEPS, st.booleans())
def test_a_constant_volume_stays_constant(steps, antialias):
    shape = resampled_shape((9, 7, 6), (1.0,) * 3, steps)
    sampled = resample_linear(np.full((9, 7, 6), 3.5, np.float32), steps, shape, antialias=antialias)
    np.testing.assert_allclose(sampled, np.full(shape, 3.5), rtol=1e-5)


def test_a_grid_of_the_same_spacing_is_left_as_it_is():
    np.testing.assert_array_equal(
        resample_linear(random_volume(), (1.0,) * 3, (11, 9, 8), antialias=True), random_volume()
    )


def test_sampling_at_half_steps_keeps_the_voxels_and_puts_means_between():
    volume = random_volume()
    fine = resample_linear(volume, (0.5, 1.0, 1.0), (21, 9, 8))
    np.testing.assert_allclose(fine[::2], volume, atol=1e-6)
    np.testing.assert_allclose(fine[1::2], (volume[1:] + volume[:-1]) / 2, atol=1e-6)


def test_beyond_the_last_voxel_its_value_goes_on():
    sampled = resample_linear(random_volume(), (1.0, 1.0, 1.0), (14, 9, 8))
    np.testing.assert_allclose(sampled[11:], np.repeat(random_volume()[-1:], 3, axis=0), atol=1e-6)


def test_smoothing_before_sampling_down_removes_a_pattern_too_fine_for_the_new_grid():
    stripes = np.zeros((48, 4, 4), np.float32)
    stripes[::2] = 1.0
    plain = resample_linear(stripes, (4.0, 1.0, 1.0), (12, 4, 4))
    smooth = resample_linear(stripes, (4.0, 1.0, 1.0), (12, 4, 4), antialias=True)
    np.testing.assert_array_equal(plain, 1.0)
    np.testing.assert_allclose(smooth[2:-2], 0.5, atol=0.02)


def test_it_agrees_with_monai_spacing_on_an_anisotropic_volume():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from monai.data import MetaTensor
        from monai.transforms import Spacing

        spacing, target = (0.7, 0.7, 3.0), (1.0, 0.9, 1.3)
        volume = ndimage.gaussian_filter(random_volume((20, 24, 12)), 1.0)
        meta = MetaTensor(torch.from_numpy(volume[None]), affine=torch.diag(torch.tensor([*spacing, 1.0])))
        expected = Spacing(pixdim=target, mode="bilinear", padding_mode="border")(meta)
    shape = resampled_shape(volume.shape, spacing, target)
    steps = [want / have for want, have in zip(target, spacing, strict=True)]
    assert shape == tuple(expected.shape[1:])
    np.testing.assert_allclose(resample_linear(volume, steps, shape), expected[0].numpy(), atol=1e-5)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("place", [(11, 12), (12, 12), (13, 14), (3, 20)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_line_one_voxel_thick_goes_on_through_the_coarse_map(factor, place, axis):
    labels = np.zeros((24, 24, 24), np.uint8)
    np.moveaxis(labels, axis, 0)[:, place[0], place[1]] = 1
    coarse = np.moveaxis(resample(labels, factor), axis, 0)
    assert coarse.any(axis=(1, 2)).all()
    found = np.argwhere(coarse)[:, 1:] * factor
    assert np.abs(found - place).max() <= factor


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("place", [11, 12, 13, 22])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_sheet_one_voxel_thick_has_no_hole_in_the_coarse_map(factor, place, axis):
    labels = np.zeros((24, 24, 24), np.uint8)
    np.moveaxis(labels, axis, 0)[place] = 1
    assert np.moveaxis(resample(labels, factor), axis, 0).any(axis=0).all()


@given(st.tuples(*[st.integers(0, 23)] * 3), st.sampled_from(FACTORS), st.integers(1, 255))
@settings(max_examples=30)
def test_a_single_voxel_is_kept_at_its_place(voxel, factor, value):
    labels = np.zeros((24, 24, 24), np.uint8)
    labels[voxel] = value
    coarse = resample(labels, factor)
    assert np.unique(coarse).tolist() == [0, value]
    assert np.abs(np.argwhere(coarse) * factor - voxel).max() <= factor


@pytest.mark.parametrize("factor", FACTORS)
def test_two_thin_classes_that_touch_are_both_kept(factor):
    kept = {}
    for place in range(4, 12):
        labels = np.zeros((24, 24, 24), np.uint8)
        labels[:, place, 12], labels[:, place + 1, 12] = 1, 2
        kept[place] = np.unique(resample(labels, factor)).tolist()
    assert kept == {place: [0, 1, 2] for place in range(4, 12)}


@pytest.mark.parametrize("factor", FACTORS)
def test_a_thick_block_keeps_its_volume(factor):
    labels = np.zeros((48, 48, 48), np.uint8)
    labels[12:36, 12:36, 12:36] = 3
    coarse = resample(labels, factor)
    assert np.unique(coarse).tolist() == [0, 3]
    assert np.count_nonzero(coarse) * factor**3 == pytest.approx(24**3, rel=0.15)


@given(STEPS, st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_no_label_appears_where_none_was_near(steps, seed):
    labels = (np.random.default_rng(seed).random((12, 10, 9)) < 0.01).astype(np.uint8) * 2
    shape = resampled_shape(labels.shape, (1.0,) * 3, steps)
    new = np.argwhere(resample_labels(labels, steps, shape)) * steps
    old = np.argwhere(labels)
    for point in new:
        assert (np.abs(old - point) <= np.maximum(steps, 1.0)).all(axis=1).any()


def test_labels_on_a_grid_of_the_same_spacing_are_left_as_they_are():
    labels = np.random.default_rng(0).integers(0, 4, size=(7, 6, 5)).astype(np.uint8)
    np.testing.assert_array_equal(resample_labels(labels, (1.0,) * 3, (7, 6, 5)), labels)


def largest_shares_of_the_whole_volume(labels, steps, shape):
    best, result = np.full(shape, -1.0, np.float32), np.zeros(shape, np.uint8)
    for value in np.unique(labels):
        share = resample_linear((labels == value).astype(np.float32), steps, shape, antialias=True)
        result[share > best] = value
        best = np.maximum(best, share)
    return result


def labels_in_a_box(seed, n_classes, shape=(15, 12, 13)):
    generator = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint8)
    low = generator.integers(0, np.array(shape))
    box = tuple(slice(a, generator.integers(a, n) + 1) for a, n in zip(low, shape, strict=True))
    labels[box] = generator.integers(0, n_classes + 1, size=labels[box].shape)
    return labels


@given(STEPS, st.integers(0, 2**32 - 1))
def test_on_any_grid_only_lost_voxels_are_added_to_what_has_the_larger_share(steps, seed):
    labels = labels_in_a_box(seed, n_classes=1)
    shape = resampled_shape(labels.shape, (1.0,) * 3, steps)
    expected = largest_shares_of_the_whole_volume(labels, steps, shape)
    found = resample_labels(labels, steps, shape)
    assert (found >= expected).all()
    for place in np.argwhere(found > expected):
        around = tuple(slice(max(p - 1, 0), p + 2) for p in place)
        assert not expected[around].any()


@given(STEPS, st.integers(0, 2**32 - 1))
def test_the_order_of_voxels_in_the_memory_changes_nothing(steps, seed):
    labels, volume = labels_in_a_box(seed, n_classes=3), random_volume((15, 12, 13))
    shape = resampled_shape(labels.shape, (1.0,) * 3, steps)
    mirrored = np.asfortranarray(volume[::-1])[::-1]
    np.testing.assert_array_equal(
        resample_labels(np.asfortranarray(labels), steps, shape), resample_labels(labels, steps, shape)
    )
    np.testing.assert_array_equal(
        resample_linear(mirrored, steps, shape, antialias=True),
        resample_linear(volume, steps, shape, antialias=True),
    )
