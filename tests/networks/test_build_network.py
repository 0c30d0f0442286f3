import pytest
import torch

from segtrail.config.load import load_config
from segtrail.errors import InputError
from segtrail.networks.build import build_network, plan_strides


@pytest.mark.parametrize(("channels", "classes"), [(1, 2), (3, 4)])
def test_each_network_gives_a_score_for_every_class_and_voxel(build, tiny, channels, classes):
    network = build(tiny, (16, 24, 16), channels, classes).network.eval()
    with torch.inference_mode():
        output = network(torch.zeros(2, channels, 16, 24, 16))
    assert output.shape == (2, classes, 16, 24, 16)


def test_each_network_takes_every_size_that_its_divisor_divides(build, tiny):
    built = build(tiny)
    size = [3 * divisor for divisor in built.size_divisor]
    with torch.inference_mode():
        output = built.network.eval()(torch.zeros(1, 1, *size))
    assert list(output.shape[2:]) == size


def test_deep_supervision_gives_several_outputs_in_training_and_one_afterwards(build):
    network = build(
        {"name": "dynunet", "filters": [4, 8, 8, 8], "deep_supervision": True}, (32, 32, 32)
    ).network
    image = torch.zeros(2, 1, 32, 32, 32)
    with torch.no_grad():
        assert network.train()(image).shape == (2, 3, 2, 32, 32, 32)
        assert network.eval()(image).shape == (2, 2, 32, 32, 32)


@pytest.mark.parametrize(
    ("model", "patch_size", "fits"),
    [
        ({"name": "unet3d"}, (100, 96, 90), "[96, 96, 96]"),
        ({"name": "segresnet"}, (7, 12, 30), "[8, 16, 32]"),
        ({"name": "unet3d", "channels": [4, 8], "strides": [3]}, (3, 4, 5), "[3, 3, 6]"),
    ],
)
def test_a_patch_that_does_not_divide_is_refused_with_one_that_fits(build, model, patch_size, fits):
    with pytest.raises(InputError, match=r"does not suit model\.name") as caught:
        build(model, patch_size)
    assert f"patch.patch_size={fits}" in str(caught.value)
    build(model, tuple(int(n) for n in fits.strip("[]").split(", ")))


def test_instance_and_group_norms_are_known_to_look_at_each_input(build):
    assert build({"name": "unet3d", "norm": "instance"}).normalises_each_input
    assert build({"name": "segresnet", "norm": "group"}).normalises_each_input
    assert not build({"name": "unet3d"}).normalises_each_input
    assert not build({"name": "fast"}).normalises_each_input


def test_the_channels_last_layout_gives_the_same_scores(build, tiny):
    image = torch.randn(1, 1, 16, 16, 16)
    plain, last = build(tiny), build(tiny)
    plain.place(torch.device("cpu"), False)
    last.place(torch.device("cpu"), True)
    image_last = image.contiguous(memory_format=torch.channels_last_3d)
    with torch.inference_mode():
        torch.testing.assert_close(
            last.network.eval()(image_last), plain.network.eval()(image), atol=1e-4, rtol=1e-4
        )


def test_the_number_of_weights_counts_those_that_learn(build):
    built = build({"name": "fast", "channels": [8, 8], "blocks": [0, 0]})
    everything = built.n_parameters
    built.network.head.bias.requires_grad_(False)
    assert built.n_parameters == everything - 16


@pytest.mark.parametrize(
    ("patch_size", "spacing_mm", "strides"),
    [
        ((16, 16, 16), (1, 1, 1), [[1, 1, 1], [2, 2, 2], [2, 2, 2]]),
        ((96, 96, 96), (1, 1, 1), [[1, 1, 1]] + [[2, 2, 2]] * 4),
        ((64, 64, 16), (1, 1, 4), [[1, 1, 1], [2, 2, 1], [2, 2, 1], [2, 2, 2], [2, 2, 2]]),
        ((16, 64, 16), (1, 1, 1), [[1, 1, 1], [2, 2, 2], [2, 2, 2], [1, 2, 1], [1, 2, 1]]),
    ],
)
def test_strides_follow_patch_size_and_spacing(patch_size, spacing_mm, strides):
    assert plan_strides(patch_size, spacing_mm) == strides


def test_strides_bring_the_voxels_near_to_cubes_first():
    strides = plan_strides((128, 128, 32), (0.5, 0.5, 3.0))
    shortest_mm = [0.5 * 2**level for level in range(3)]
    assert [stride[2] for stride in strides[: len(shortest_mm)]] == [1, 1, 1]
    assert all(stride[0] == 2 for stride in strides[1:])


@pytest.mark.parametrize("patch_size", [(8, 8, 8), (15, 15, 15), (4, 4, 4)])
def test_a_patch_too_small_for_dynunet_is_refused(patch_size):
    with pytest.raises(InputError, match="too small for dynunet"):
        plan_strides(patch_size, (1, 1, 1))


def test_dynunet_with_another_number_of_filters_than_levels_is_refused(build):
    with pytest.raises(InputError, match="has 2 entries, but the patch size gives 3 levels"):
        build({"name": "dynunet", "filters": [4, 8]})


@pytest.mark.parametrize(
    "model",
    [
        "{name: segresnet, blocks_down: [1, 2, 2, 4], blocks_up: [1, 1]}",
        "{name: segresnet, blocks_down: [1, 1], blocks_up: [1, 1, 1]}",
        "{name: segresnet, blocks_down: [], blocks_up: []}",
        "{name: segresnet, norm: group, initial_filters: 12}",
        "{name: unet3d, channels: [8], strides: []}",
        "{name: fast, channels: [], blocks: []}",
    ],
    ids=[
        "too few levels up",
        "too many levels up",
        "no level of segresnet",
        "groups that do not divide",
        "one level of unet3d",
        "no level of fast",
    ],
)
def test_sizes_that_make_no_network_are_refused_before_training(tmp_path, model):
    path = tmp_path / "config.yaml"
    path.write_text(f"paths: {{data_root: data}}\nmodel: {model}\n", encoding="utf-8")
    with pytest.raises(InputError, match="model"):
        build_network(load_config(path).model, 1, 2, (16, 16, 16), (1, 1, 1))
