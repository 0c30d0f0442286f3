import re

import pytest

from segtrail.config.load import load_config
from segtrail.errors import InputError


@pytest.mark.requirement("TRN-07")
@pytest.mark.parametrize(
    ("text", "found", "nearest"),
    [
        ("trian: {}", "trian", "train"),
        ("train: {batchsize: 1}", "train.batchsize", "train.batch_size"),
        ("train: {loss: {dice_wieght: 1}}", "train.loss.dice_wieght", "train.loss.dice_weight"),
        ("augment: {affine: {rotation: 1}}", "augment.affine.rotation", "augment.affine.rotation_degrees"),
        ("model: {name: segresnet, drop_out: 0.1}", "model.drop_out", "model.dropout"),
        ("model: {name: fast, chanels: [8]}", "model.chanels", "model.channels"),
        ("model: {name: 'a.b:Net', argument: {}}", "model.argument", "model.arguments"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(refusal, text, found, nearest):
    assert f"{found}: this key is not known; the nearest known one is {nearest}." in refusal(text)


def test_a_key_like_no_other_is_refused_with_all_known_ones(refusal):
    assert "known here: batch_dice, cross_entropy_weight, dice_weight, name." in refusal(
        "train: {loss: {zzz: 1}}"
    )


def test_a_key_of_another_network_is_refused(refusal):
    assert "model.strides: this key is not known" in refusal("model: {name: fast, strides: [2]}")


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("train.batch_size=0", "train.batch_size: expected a number above 0; found 0"),
        ("train.num_workers=65", "train.num_workers: expected a number of at most 64; found 65"),
        ("infer.flips=[0, 2, 0]", "flips names an axis twice"),
        ("infer.overlap=1.0", "infer.overlap: expected a number below 1.0; found 1.0"),
        ("optim.lr=.inf", "optim.lr: expected a finite number; found inf"),
        ("optim.lr=fast", "optim.lr: expected a valid number"),
        ("train.precision=fp8", "train.precision: expected 'auto', 'fp32', 'bf16' or 'fp16'; found 'fp8'"),
        ("train.channels_last=maybe", "train.channels_last: expected 'auto', True or False; found 'maybe'"),
        ("patch.patch_size=96", "patch.patch_size: expected a list; found 96"),
        ("patch.patch_size=[96,96]", "patch.patch_size.2: an entry is missing from the list"),
        ("patch.patch_size=[8,8,8,8]", "patch.patch_size: expected at most 3 entries"),
        ("train=3", "train: expected a section of keys and values; found 3"),
        ("model.name=vnet", "name must be one of unet3d, dynunet, segresnet, fast, or module:Class"),
        ("schema_version=2", "schema_version: expected 1; found 2"),
        ("augment.affine.scale_range=[2, 1]", "scale_range must be [lowest, highest]"),
        ("augment.gamma.gamma_range=[0, 1]", "gamma_range must lie above 0"),
        ("preprocess.normalisation=window", "normalisation: window needs intensity_window"),
        ("model={name: unet3d, strides: [2]}", "strides one entry fewer than channels"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_expected(refusal, override, sentence):
    assert sentence in refusal("", override)


@pytest.mark.parametrize(
    ("override", "known"),
    [
        ("train.device=gpu", ["auto", "cpu", "mps", "cuda"]),
        ("train.loss.name=dice", ["dice_ce", "module:Class"]),
    ],
)
def test_a_wrong_name_is_refused_with_the_names_that_are_known(refusal, override, known):
    message = refusal("", override)
    assert [name for name in known if name not in message] == []


def test_a_scaling_range_that_reaches_zero_is_refused(refusal):
    assert "scale_range" in refusal("", "augment.affine.scale_range=[0, 1]")


def test_a_key_that_must_be_given_is_named_with_what_it_is_for(refusal):
    assert "paths.data_root: this key must be given: Folder that holds" in refusal("", "paths={}")


def test_all_problems_are_told_at_once(refusal):
    message = refusal("trian: 1\ntrain: {batch_size: 0, device: gpu}\nmodel: {name: fast, block: 2}")
    assert "has 4 problems" in message
    for key in ("trian", "train.batch_size", "train.device", "model.block"):
        assert re.search(rf"^  {re.escape(key)}: ", message, re.MULTILINE)


def test_a_key_given_twice_is_refused_with_its_place(refusal):
    message = refusal("train:\n  batch_size: 1\n  batch_size: 2")
    assert "line 4, column 3: the key 'batch_size' stands here twice" in message


@pytest.mark.parametrize("text", ["train: {{ batch }}", "? [a, b]\n: 1"])
def test_a_key_that_is_no_text_is_refused_with_a_sentence(refusal, text):
    assert "not valid YAML" in refusal(text) or "key" in refusal(text)


def test_an_override_with_braces_left_from_a_template_is_refused_with_a_sentence(refusal):
    assert "train.batch_size" in refusal("", "train.batch_size={{ batch }}")


def test_a_merge_key_of_yaml_takes_over_the_keys_of_an_anchor(load):
    text = "augment:\n  brightness: &often {probability: 0.9}\n  contrast: {<<: *often, factor_range: [1, 2]}"
    assert load(text).augment.contrast.probability == 0.9


@pytest.mark.requirement("SAF-02")
def test_yaml_that_would_run_code_is_refused(refusal, tmp_path):
    code = f"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{tmp_path}/ran']]"
    assert "not valid YAML" in refusal(f"project: {{name: {code}}}")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("train.batch_size", "is not of the form key.sub=value"),
        ("=1", "is not of the form key.sub=value"),
        ("train..seed=1", "is not of the form key.sub=value"),
        ("train.batch_size=[1", "is not valid YAML"),
        ("paths.data_root.deep=1", "reaches into paths.data_root, which is no section"),
    ],
)
def test_a_malformed_override_is_refused(refusal, override, sentence):
    message = refusal("", override)
    assert override in message
    assert sentence in message


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "holds no sections"),
        (b"- a\n- b\n", "holds no sections"),
        (b"paths: {data_root: [1", "is not valid YAML: line 1, column"),
        (b"paths:\n\tdata_root: x\n", "is not valid YAML: line 2, column 1"),
        (b"\xff\xfe\x00p", "is not a text file in UTF-8"),
    ],
)
def test_a_file_that_holds_no_configuration_is_refused(tmp_path, content, sentence):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        load_config(path)


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"There is no configuration file .*quick\.yaml"):
        load_config(tmp_path / "quick.yaml")
    with pytest.raises(InputError, match="can't be read"):
        load_config(tmp_path)
