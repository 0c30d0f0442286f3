import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segtrail.config.schema import PreprocessConfig
from segtrail.preprocessing.normalise import normalise


def channel(*values):
    return np.array(values, dtype=np.float32).reshape(1, 1, -1)


def scaled(volume, method, **config):
    return normalise(volume, PreprocessConfig(normalisation=method, **config)).ravel()


def test_zscore_nonzero_takes_mean_and_deviation_of_the_voxels_that_are_not_zero():
    result = scaled(channel(0, 2, 0, 4, 6), "zscore_nonzero")
    np.testing.assert_allclose(result, np.array([-4, -2, -4, 0, 2]) / np.sqrt(8 / 3), rtol=1e-6)


def test_zscore_scales_over_all_voxels():
    np.testing.assert_allclose(
        scaled(channel(0, 2, 4), "zscore"), np.array([-1, 0, 1]) * np.sqrt(1.5), rtol=1e-6
    )


def test_percentile_maps_the_bulk_to_zero_to_one_and_cuts_off_the_rest():
    values = np.arange(1001, dtype=np.float32)
    result = scaled(channel(*values), "percentile")
    np.testing.assert_allclose(result, np.clip((values - 5) / 990, 0, 1), atol=1e-6)


def test_window_maps_its_limits_to_zero_and_one():
    result = scaled(channel(-1000, -160, 40, 240, 3000), "window", intensity_window=(-160, 240))
    np.testing.assert_allclose(result, [0, 0, 0.5, 1, 1], atol=1e-6)


def test_none_leaves_the_intensities_alone():
    np.testing.assert_array_equal(scaled(channel(-3, 0, 7), "none"), [-3, 0, 7])


@pytest.mark.parametrize("method", ["zscore_nonzero", "zscore", "percentile", "none"])
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_an_image_of_one_value_stays_finite(method, value):
    result = scaled(np.full((3, 3, 3), value, np.float32), method)
    assert np.isfinite(result).all()
    assert len(np.unique(result)) == 1


@given(st.floats(0.01, 1000.0), st.floats(-1000.0, 1000.0))
def test_zscore_does_not_depend_on_scale_and_offset(scale, offset):
    volume = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32)
    moved = (volume.astype(np.float64) * scale + offset).astype(np.float32)
    tolerance = 1e-3 + 1e-6 * abs(offset) / scale
    np.testing.assert_allclose(scaled(moved, "zscore"), scaled(volume, "zscore"), atol=tolerance)


@pytest.mark.parametrize("method", ["zscore_nonzero", "zscore", "percentile", "none"])
def test_the_input_is_not_changed_and_the_result_is_float32(method):
    volume = channel(0, 1, 2, 3)
    result = normalise(volume, PreprocessConfig(normalisation=method))
    np.testing.assert_array_equal(volume.ravel(), [0, 1, 2, 3])
    assert result.dtype == np.float32
