from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from segtrail.config.load import load_config
from segtrail.config.network_schema import (
    DynUNetConfig,
    FastConfig,
    OwnNetworkConfig,
    SegResNetConfig,
    UNet3DConfig,
)
from segtrail.config.schema import Config

SHIPPED = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


def dump(config: Config) -> str:
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def test_what_the_file_leaves_out_takes_the_defaults_of_the_runbook(load):
    config = load()
    assert config.patch.patch_size == (96, 96, 96)
    assert config.optim.lr == 2e-4
    assert isinstance(config.model, UNet3DConfig)
    assert config.model.channels == (16, 32, 64, 128, 256)


@pytest.mark.parametrize("text", ["2e-4", "2.0e-4", "0.0002", "2E-04"])
def test_a_learning_rate_may_be_written_in_any_notation(load, text):
    assert load(f"optim: {{lr: {text}}}").optim.lr == 2e-4
    assert load("", f"optim.lr={text}").optim.lr == 2e-4


@pytest.mark.parametrize(
    ("override", "section", "key", "expected"),
    [
        ("train.batch_size=7", "train", "batch_size", 7),
        ("patch.patch_size=[80,80,64]", "patch", "patch_size", (80, 80, 64)),
        ("split.val=[la_004, la_010]", "split", "val", ("la_004", "la_010")),
        ("train.gradient_clip=null", "train", "gradient_clip", None),
        ("train.gradient_clip=", "train", "gradient_clip", None),
        ("train.deterministic=false", "train", "deterministic", False),
        ("paths.data_root=C:\\Data\\heart scans", "paths", "data_root", "C:\\Data\\heart scans"),
        ("paths.data_root=~/heart", "paths", "data_root", "~/heart"),
        ("project.description=a=b", "project", "description", "a=b"),
        ("split.groups={patient: [a, b]}", "split", "groups", {"patient": ("a", "b")}),
    ],
)
def test_an_override_is_read_as_yaml(load, override, section, key, expected):
    assert getattr(getattr(load("", override), section), key) == expected


def test_an_override_wins_over_the_file_and_the_last_override_wins(load):
    config = load("train: {batch_size: 3}", "train.batch_size=4", "train.batch_size=5")
    assert config.train.batch_size == 5


def test_an_override_leaves_the_other_keys_of_its_section_alone(load):
    config = load("train: {batch_size: 3, max_epochs: 9}", "train.batch_size=4")
    assert config.train.max_epochs == 9


def test_an_override_reaches_into_a_section_that_the_file_leaves_empty(load):
    assert load("train:\n", "train.loss.dice_weight=0.5").train.loss.dice_weight == 0.5


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("{name: unet3d, channels: [8, 16], strides: [2]}", UNet3DConfig),
        ("{name: dynunet, deep_supervision: true}", DynUNetConfig),
        ("{name: segresnet, norm: group}", SegResNetConfig),
        ("{name: fast, channels: [8, 16], blocks: [0, 1]}", FastConfig),
        ("{name: 'mypackage.nets:MyNet', arguments: {width: 4}}", OwnNetworkConfig),
    ],
)
def test_the_name_of_the_model_decides_its_keys(load, model, kind):
    assert type(load(f"model: {model}").model) is kind


def test_the_name_of_the_model_can_be_overridden(load):
    assert isinstance(load("", "model.name=dynunet", "model.residual=true").model, DynUNetConfig)


def test_a_file_of_windows_with_byte_order_mark_and_line_ends_is_read(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_bytes("\ufeffpaths:\r\n  data_root: dåta\r\n".encode())
    assert load_config(path).paths.data_root == "dåta"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_configuration_is_valid_and_its_dump_is_the_same_configuration(load, path):
    config = load_config(path)
    assert load(dump(config)) == config


# PyYAML itself does not bring the line breaks of other writing systems back.
LETTERS = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")) | st.sampled_from("\n\t")
NAMES = st.text(LETTERS, min_size=1, max_size=20)
POSITIVE = st.floats(1e-300, 1e300)


@st.composite
def configurations(draw):
    model = draw(
        st.sampled_from(
            [
                {"name": "unet3d"},
                {"name": "dynunet", "filters": [4, 8, 16], "deep_supervision": True},
                {"name": "segresnet", "dropout": 0.25},
                {"name": "fast", "channels": [8, 16], "blocks": [0, 1]},
                {
                    "name": "own.nets:Net",
                    "arguments": {"depth": 3, "text": "2e-4", "list": [1.5, None, True]},
                },
            ]
        )
    )
    return Config.model_validate(
        {
            "paths": {"data_root": draw(NAMES)},
            "project": {"description": draw(NAMES), "operator": draw(st.none() | NAMES)},
            "split": {
                "val": draw(st.none() | st.lists(NAMES, max_size=3)),
                "groups": draw(st.dictionaries(NAMES, st.lists(NAMES, max_size=2), max_size=2)),
            },
            "preprocess": {"spacing": draw(st.none() | st.tuples(POSITIVE, POSITIVE, POSITIVE))},
            "train": {"channels_last": draw(st.sampled_from(["auto", True, False]))},
            "optim": {"lr": draw(POSITIVE)},
            "model": model,
        }
    )


@given(configurations())
@settings(max_examples=40)
def test_the_dump_of_any_configuration_loads_as_the_same_configuration(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("config") / "config_resolved.yaml"
    path.write_text(dump(config), encoding="utf-8", newline="\n")
    assert load_config(path) == config
