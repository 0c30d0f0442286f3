import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segtrail.config.augment_schema import AugmentConfig
from segtrail.training import augment, device_augment
from segtrail.training.patch_plan import draw_intensity_change

CHANGES = ("blur", "noise", "brightness", "contrast", "gamma")
SEEDS = st.integers(0, 2**32 - 1)


def patch():
    return np.random.default_rng(0).normal(2.0, 3.0, size=(2, 12, 11, 10)).astype(np.float32)


def change(image, seed=0, **chosen):
    """Change intensities by the methods chosen, always, and by no other."""
    return change_by(_on_the_cpu, image, seed, **chosen)


def change_by(maker, image, seed=0, **chosen):
    sections = {name: {"probability": 0.0} for name in CHANGES}
    sections |= {name: {"probability": 1.0, **ranges} for name, ranges in chosen.items()}
    plan = draw_intensity_change(AugmentConfig(**sections), np.random.default_rng(seed))
    return maker(image, plan, seed)


def _on_the_cpu(image, plan, seed):
    return augment.change_intensity(image, plan, np.random.default_rng(seed))


def _on_a_device(image, plan, seed):
    noise = torch.Generator().manual_seed(seed)
    return device_augment.change_intensity(torch.from_numpy(image), plan, noise).numpy()


@pytest.mark.parametrize("name", [name for name in CHANGES if name != "noise"])
@given(seed=SEEDS)
def test_each_change_is_the_same_on_a_device(name, seed):
    changed = change_by(_on_a_device, patch(), seed, **{name: {}})
    np.testing.assert_allclose(changed, change(patch(), seed, **{name: {}}), atol=1e-4)
    assert changed.dtype == np.float32


def test_noise_on_a_device_is_as_strong_and_the_same_every_time():
    strong = {"noise": {"standard_deviation_range": (0.5, 0.5)}}
    first, second = (change_by(_on_a_device, patch(), 3, **strong) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (first - patch()).std() == pytest.approx(0.5, abs=0.03)


def test_no_change_leaves_the_patch_as_it_is():
    np.testing.assert_array_equal(change(patch()), patch())


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_changes_the_patch_and_not_its_input(name):
    image = patch()
    changed = change(image, **{name: {}})
    assert not np.array_equal(changed, image)
    np.testing.assert_array_equal(image, patch())
    assert changed.dtype == np.float32
    assert changed.shape == image.shape


def test_brightness_adds_a_constant():
    np.testing.assert_allclose(
        change(patch(), brightness={"shift_range": (0.7, 0.7)}), patch() + 0.7, atol=1e-5
    )


def test_contrast_moves_intensities_away_from_their_mean():
    changed = change(patch(), contrast={"factor_range": (2.0, 2.0)})
    np.testing.assert_allclose(changed, (patch() - patch().mean()) * 2 + patch().mean(), atol=1e-4)


@given(SEEDS)
def test_gamma_keeps_the_range_and_the_order_of_intensities(seed):
    changed = change(patch(), seed, gamma={})
    assert changed.min() == pytest.approx(patch().min(), abs=1e-4)
    assert changed.max() == pytest.approx(patch().max(), abs=1e-4)
    assert (np.diff(changed.ravel()[np.argsort(patch().ravel())]) >= -1e-5).all()


def test_gamma_is_a_power_of_the_intensity_between_lowest_and_highest():
    ramp = np.linspace(-1.0, 3.0, 9, dtype=np.float32).reshape(1, 9, 1, 1)
    changed = change(ramp, gamma={"gamma_range": (2.0, 2.0)})
    np.testing.assert_allclose(changed.ravel(), np.linspace(0, 1, 9) ** 2 * 4 - 1, atol=1e-6)


def test_noise_has_the_standard_deviation_asked_for():
    added = change(patch(), noise={"standard_deviation_range": (0.5, 0.5)}) - patch()
    assert added.std() == pytest.approx(0.5, rel=0.05)
    assert added.mean() == pytest.approx(0.0, abs=0.05)


def test_blur_spreads_a_point_by_its_sigma_and_keeps_channels_apart():
    point = np.zeros((2, 21, 21, 21), np.float32)
    point[0, 10, 10, 10] = 1.0
    changed = change(point, blur={"sigma_voxels_range": (1.5, 1.5)})
    along = changed[0].sum(axis=(1, 2))
    assert changed[0].sum() == pytest.approx(1.0, abs=1e-5)
    assert np.sqrt((along * (np.arange(21) - 10) ** 2).sum()) == pytest.approx(1.5, rel=0.05)
    assert not changed[1].any()


@pytest.mark.parametrize("name", CHANGES)
def test_a_patch_of_one_value_stays_finite(name):
    assert np.isfinite(change(np.full((1, 5, 5, 5), 3.0, np.float32), **{name: {}})).all()


@given(SEEDS)
def test_the_generator_alone_decides(seed):
    everything = {name: {} for name in CHANGES}
    np.testing.assert_array_equal(change(patch(), seed, **everything), change(patch(), seed, **everything))
