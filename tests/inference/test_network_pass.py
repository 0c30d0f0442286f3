"""A network's way over a volume: whole, in sliding windows, in windows that are asked for."""

import numpy as np
import pytest
import torch
from networks_for_tests import ByIntensity, network_pass

from segtrail.errors import TrainingFailed

SCENE = np.random.default_rng(0).uniform(-0.5, 1.5, size=(1, 20, 18, 14)).astype(np.float32)


def test_one_window_gives_the_probabilities_of_the_whole_volume_inside_it() -> None:
    network = network_pass(ByIntensity(), mode="whole_volume")
    whole, _ = network.everywhere(SCENE)
    box = network.in_windows(SCENE, [(3, 4, 5)])
    assert box.origin == (3, 4, 5)
    np.testing.assert_array_equal(box.values, whole[:, 3:11, 4:12, 5:13])


def test_windows_that_overlap_are_blended_and_places_between_them_are_background() -> None:
    network = network_pass(ByIntensity(), mode="whole_volume")
    whole, _ = network.everywhere(SCENE)
    box = network.in_windows(SCENE, [(0, 0, 0), (4, 2, 0), (12, 10, 6)])
    assert box.origin == (0, 0, 0)
    assert box.values.shape == (2, 20, 18, 14)
    np.testing.assert_allclose(box.values[:, :8, :8, :8], whole[:, :8, :8, :8], rtol=1e-5)
    np.testing.assert_allclose(box.values[:, 12:, 10:, 6:], whole[:, 12:, 10:, 6:], rtol=1e-5)
    assert (box.values[0, :4, 12:, :] == 1).all()
    assert (box.values[1, :4, 12:, :] == 0).all()


def test_a_window_that_reaches_beyond_the_volume_is_padded_with_the_lowest_intensity() -> None:
    seen = []
    module = ByIntensity()
    module.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0].clone()))
    box = network_pass(module).in_windows(SCENE[:, :6], [(-1, 0, 0)])
    assert box.values.shape == (2, 6, 8, 8)
    assert float(seen[0][0, 0, 0].max()) == pytest.approx(float(SCENE[:, :6].min()))
    np.testing.assert_array_equal(seen[0][0, 0, 1:7], SCENE[0, :6, :8, :8])


def test_flips_average_the_mirror_images() -> None:
    class Shifted(ByIntensity):
        def forward(self, image):
            return super().forward(image.roll(1, dims=2))

    plain = network_pass(Shifted(), mode="whole_volume").everywhere(SCENE)[0]
    mirrored = network_pass(Shifted(), mode="whole_volume").everywhere(SCENE[:, ::-1])[0][:, ::-1]
    both = network_pass(Shifted(), mode="whole_volume", flips=(0,)).everywhere(SCENE)[0]
    np.testing.assert_allclose(both, (plain + mirrored) / 2, rtol=1e-5)


def test_flips_along_three_axes_show_eight_mirror_images() -> None:
    module = ByIntensity()
    network_pass(module, mode="whole_volume", flips=(0, 1, 2)).everywhere(SCENE)
    assert len(module.sizes) == 8


def test_a_network_that_gives_nan_is_answered_with_a_sentence() -> None:
    class Broken(ByIntensity):
        def forward(self, image):
            return super().forward(image) * float("nan")

    network = network_pass(Broken(), mode="whole_volume")
    with pytest.raises(TrainingFailed, match="not finite"):
        network.everywhere(SCENE)
    with pytest.raises(TrainingFailed, match="not finite"):
        network.in_windows(SCENE, [(0, 0, 0)])


def test_windows_that_overlap_weigh_as_in_the_sliding_window_of_monai() -> None:
    from monai.inferers import SlidingWindowInferer

    class ByFirstVoxel(ByIntensity):
        def forward(self, image):
            return super().forward(image[:, :, :1, :1, :1].expand_as(image))

    starts = [(x, 0, z) for x in (0, 4, 8) for z in (0, 4, 6)]
    box = network_pass(ByFirstVoxel()).in_windows(SCENE[:, :16, :8], starts)
    slide = SlidingWindowInferer((8, 8, 8), overlap=0.5, mode="gaussian")
    expected = slide(
        torch.from_numpy(SCENE[None, :, :16, :8]), lambda image: ByFirstVoxel()(image).softmax(1)
    )
    np.testing.assert_allclose(box.values, expected[0].numpy(), rtol=1e-4, atol=1e-6)
