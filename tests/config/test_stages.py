"""What the stages of a configuration take over, what is the run's, and the resolved form."""

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from segtrail.config.inheritance import RUN_SECTIONS, STAGE_SECTIONS
from segtrail.config.network_schema import FastConfig, UNet3DConfig
from segtrail.config.schema import Config, StageConfig

Load = Callable[..., Config]

STAGED = """
train: {seed: 5, num_workers: 0, max_epochs: 40, loss: {dice_weight: 2}}
patch: {patch_size: [32, 32, 16]}
model: {name: fast, channels: [8, 16], blocks: [0, 1], dropout: 0.25}
infer: {nsd_tolerances_mm: [2], overlap: 0.25}
region: {margin_mm: 20}
stages:
  coarse:
    train: {max_epochs: 10}
    model: {name: unet3d}
  fine:
    patch: {patch_size: null}
    model: {channels: [4, 8]}
    region: {shift_mm: 5}
"""


def dump(config: Config) -> dict[str, Any]:
    return config.model_dump(mode="json")


def test_the_names_of_the_sections_are_those_of_the_schema() -> None:
    assert set(StageConfig.model_fields) == set(STAGE_SECTIONS)
    assert set(Config.model_fields) == {*STAGE_SECTIONS, *RUN_SECTIONS, "stages"}


def test_a_stage_takes_over_what_it_does_not_give(load: Load) -> None:
    coarse, fine = load(STAGED).stage_configs().values()
    assert (coarse.train.max_epochs, fine.train.max_epochs) == (10, 40)
    assert coarse.train.loss.dice_weight == fine.train.loss.dice_weight == 2
    assert (coarse.patch.patch_size, fine.patch.patch_size) == ((32, 32, 16), None)
    assert coarse.infer.overlap == fine.infer.overlap == 0.25


def test_a_network_of_another_name_takes_over_no_keys_of_the_network(load: Load) -> None:
    coarse, fine = load(STAGED).stage_configs().values()
    assert coarse.model == UNet3DConfig(name="unet3d")
    assert fine.model == FastConfig(name="fast", channels=(4, 8), blocks=(0, 1), dropout=0.25)


def test_a_list_is_replaced_whole(load: Load) -> None:
    text = "augment: {transforms: ['a:b', 'a:c']}\nstages: {main: {augment: {transforms: ['a:d']}}}"
    assert load(text).stages["main"].augment.transforms == ("a:d",)


def test_every_stage_has_the_keys_of_the_run(load: Load) -> None:
    for stage in load(STAGED).stage_configs().values():
        assert (stage.train.seed, stage.train.num_workers) == (5, 0)
        assert stage.infer.nsd_tolerances_mm == (2,)


def test_only_a_later_stage_takes_over_the_region(load: Load) -> None:
    coarse, fine = load(STAGED).stage_configs().values()
    assert coarse.region == StageConfig().region
    assert (fine.region.margin_mm, fine.region.shift_mm) == (20, 5)


def test_a_stage_left_empty_takes_over_everything(load: Load) -> None:
    config = load("optim: {lr: 0.5}\nstages:\n  coarse:\n  fine: {}\n")
    assert [stage.optim.lr for stage in config.stages.values()] == [0.5, 0.5]


def test_the_order_of_the_file_is_the_order_of_work_and_stays(load: Load) -> None:
    config = load("stages: {zoom: , all: }")
    assert list(config.stage_configs()) == ["zoom", "all"]
    assert list(dump(config)["stages"]) == ["zoom", "all"]


@pytest.mark.parametrize("text", ["", "stages: {}"])
def test_without_stages_there_is_one_stage_of_the_sections_themselves(load: Load, text: str) -> None:
    config = load(f"optim: {{lr: 0.5}}\n{text}")
    [(name, stage)] = config.stage_configs().items()
    assert name == "main"
    assert stage.optim == config.optim


# The resolved form


@pytest.mark.parametrize("text", ["", "stages: {}", "region: {margin_mm: 15}"])
def test_a_configuration_without_stages_resolves_without_stages_and_region(load: Load, text: str) -> None:
    resolved = dump(load(text))
    assert list(resolved) == [
        *("schema_version", "project", "paths", "data", "split", "preprocess", "patch", "augment"),
        *("train", "model", "optim", "infer", "report"),
    ]
    assert resolved["train"]["max_epochs"] == 300


def test_the_resolved_form_gives_the_keys_of_the_run_once(load: Load) -> None:
    resolved = dump(load(STAGED))
    run_keys = {"seed", "num_workers", "device", "precision", "deterministic", "num_threads", "watch"}
    assert set(resolved) == {*RUN_SECTIONS, "train", "infer", "stages"}
    assert set(resolved["train"]) == run_keys
    assert resolved["infer"] == {"nsd_tolerances_mm": [2.0]}
    for stage in resolved["stages"].values():
        assert not run_keys & set(stage["train"])
        assert "nsd_tolerances_mm" not in stage["infer"]
        assert stage["train"]["loss"]["dice_weight"] == 2


def test_the_resolved_first_stage_has_no_region(load: Load) -> None:
    stages = dump(load(STAGED))["stages"]
    assert set(stages["fine"]) == set(STAGE_SECTIONS)
    assert set(stages["coarse"]) == set(STAGE_SECTIONS) - {"region"}


@pytest.mark.parametrize(
    "text", [STAGED, "stages: {main: }", "stages: {coarse: , fine: }", "train: {seed: 3}"]
)
def test_the_resolved_form_is_the_same_configuration(load: Load, text: str) -> None:
    config = load(text)
    assert load(yaml.safe_dump(dump(config), sort_keys=False)) == config


SECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "train": st.fixed_dictionaries(
            {}, optional={"max_epochs": st.integers(1, 9), "keep": st.just("last")}
        ),
        "patch": st.fixed_dictionaries({"patch_size": st.none() | st.just([16, 16, 16])}),
        "model": st.sampled_from(["fast", "dynunet", "unet3d"]).map(lambda name: {"name": name}),
        "infer": st.fixed_dictionaries({}, optional={"flips": st.lists(st.integers(0, 2), unique=True)}),
        "preprocess": st.fixed_dictionaries({"spacing": st.none() | st.just([1, 2, 3])}),
    },
)
REGION = st.fixed_dictionaries(
    {}, optional={"margin_mm": st.floats(0, 99), "crossfit_folds": st.integers(2, 5)}
)


@given(SECTIONS, SECTIONS, SECTIONS | st.none(), REGION, st.integers(0, 9), st.booleans())
@settings(max_examples=40)
def test_any_stages_resolve_to_the_same_configuration(
    shared, first, second, region, seed, region_above
) -> None:
    above = {**shared, "train": {**shared.get("train", {}), "seed": seed}}
    if region_above:
        above["region"] = region
    else:
        second = {**(second or {}), "region": region}
    config = Config.model_validate(
        {"paths": {"data_root": "data"}, **above, "stages": {"coarse": first, "fine": second}}
    )
    assert Config.model_validate(dump(config)) == config
    assert config.with_stages(config.stage_configs()) == config


# Stages put back


def with_epochs(stage: StageConfig, epochs: int) -> StageConfig:
    return stage.model_copy(update={"train": stage.train.model_copy(update={"max_epochs": epochs})})


def test_a_stage_put_back_replaces_the_stage(load: Load) -> None:
    config = load(STAGED)
    stages = config.stage_configs()
    changed = config.with_stages(stages | {"fine": with_epochs(stages["fine"], 3)})
    assert [stage.train.max_epochs for stage in changed.stage_configs().values()] == [10, 3]
    assert config.stages["fine"].train.max_epochs == 40


def test_the_only_stage_put_back_becomes_the_sections_again(load: Load) -> None:
    config = load("optim: {lr: 0.5}")
    changed = config.with_stages({"main": with_epochs(config.stage_configs()["main"], 3)})
    assert changed == load("optim: {lr: 0.5}\ntrain: {max_epochs: 3}")


def test_stages_that_the_configuration_does_not_have_are_not_put_in(load: Load) -> None:
    config = load(STAGED)
    with pytest.raises(ValueError, match="coarse"):
        config.with_stages({"coarse": config.stages["coarse"]})


def test_a_stage_is_not_put_back_with_another_seed_than_the_run(load: Load) -> None:
    config = load(STAGED)
    other = StageConfig.model_validate({"train": {"seed": 6}})
    with pytest.raises(ValueError, match="seed is the run's"):
        config.with_stages({**config.stage_configs(), "fine": other})


# Overrides


def test_an_override_reaches_one_stage(load: Load) -> None:
    config = load(STAGED, "stages.fine.train.max_epochs=3")
    assert [stage.train.max_epochs for stage in config.stages.values()] == [10, 3]


def test_an_override_reaches_a_stage_left_empty(load: Load) -> None:
    assert load("stages: {fine: }", "stages.fine.train.max_epochs=3").stages["fine"].train.max_epochs == 3


def test_an_override_above_the_stages_reaches_those_without_a_value_of_their_own(load: Load) -> None:
    config = load(STAGED, "train.max_epochs=3")
    assert [stage.train.max_epochs for stage in config.stages.values()] == [10, 3]


def test_an_override_of_a_key_of_the_run_reaches_every_stage(load: Load) -> None:
    config = load(yaml.safe_dump(dump(load(STAGED)), sort_keys=False), "train.seed=8")
    assert [stage.train.seed for stage in config.stages.values()] == [8, 8]


def test_an_override_of_a_stage_leaves_another_one_alone_that_shares_an_anchor(load: Load) -> None:
    config = load("stages: {a: &a {train: {max_epochs: 3}}, b: *a}", "stages.b.train.max_epochs=4")
    assert [stage.train.max_epochs for stage in config.stages.values()] == [3, 4]


@pytest.mark.parametrize(
    ("override", "keys"),
    [
        ("train.max_epochs=2", ["stages.coarse.train.max_epochs", "stages.fine.train.max_epochs"]),
        ("train={max_epochs: 2}", ["stages.coarse.train.max_epochs", "stages.fine.train.max_epochs"]),
        ("model.name=fast", ["stages.coarse.model.name", "stages.fine.model.name"]),
        ("region.margin_mm=2", ["stages.fine.region.margin_mm"]),
    ],
)
def test_an_override_that_no_stage_takes_is_refused_with_the_keys_to_change(
    load: Load, refusal: Callable[..., str], override: str, keys: list[str]
) -> None:
    message = refusal(yaml.safe_dump(dump(load(STAGED)), sort_keys=False), override)
    assert message.endswith(f"because each gives its own. Change {' and '.join(keys)}.")


@pytest.mark.parametrize(
    ("text", "override", "sentence"),
    [
        (STAGED, "stages.fin.optim.lr=1", "the configuration has coarse, fine. Did you mean fine?"),
        (STAGED, "stages.xyz=null", "names the stage xyz; the configuration has coarse, fine."),
        (STAGED, "stages={third: {}}", "names the stage third"),
        ("", "stages.fine.optim.lr=1", "the configuration has no stages. Its key is optim.lr."),
        ("", "stages={fine: {}}", "the configuration has no stages."),
        ("stages: [a]", "stages.fine.optim.lr=1", "reaches into stages, which is no section"),
    ],
)
def test_an_override_makes_no_new_stage(
    refusal: Callable[..., str], text: str, override: str, sentence: str
) -> None:
    assert sentence in refusal(text, override)


# Refusals


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("stages: [a]", ["stages: expected a section of keys and values; found ['a']."]),
        ("stages: 3", ["stages: expected a section of keys and values; found 3."]),
        ("stages: {a: 3}", ["stages.a: expected a section of keys and values; found 3."]),
        ("stages: {a: {train: }}", ["stages.a.train: expected a section of keys and values; found None."]),
        (
            "stages: {a: {optim: {lr: -1}}, b: {trian: {}, augment: {affine: {rotation: 1}}}}",
            [
                "stages.a.optim.lr: expected a number above 0.0; found -1.",
                "stages.b.augment.affine.rotation: this key is not known; "
                "the nearest known one is stages.b.augment.affine.rotation_degrees.",
                "stages.b.trian: this key is not known; the nearest known one is stages.b.train.",
            ],
        ),
        (
            "stages: {a: {model: {name: fast, chanels: [1]}}}",
            [
                "stages.a.model.chanels: this key is not known; the nearest known one is stages.a.model.channels."
            ],
        ),
        (
            "stages: {Fine: , 1: }",
            [
                f"stages.{name}: a stage's name is lower-case letters, digits and _, at most 30, and begins with a "
                "letter."
                for name in ("Fine", "1")
            ],
        ),
        (
            "stages: {a_fold1: , b: }",
            ["stages.a_fold1: names ending in _fold and a number are those of cross-fitting."],
        ),
        (
            "stages: {a: , b: , c: }",
            ["stages: at most two stages work one after the other; found a, b, c."],
        ),
        (
            "stages: {a: {train: {seed: 0}, infer: {nsd_tolerances_mm: [1]}}, b: {paths: {data_root: x}}}",
            [
                "stages.a.train.seed: seed is the run's; give it once, under train.",
                "stages.a.infer.nsd_tolerances_mm: nsd_tolerances_mm is the run's; give it once, under infer.",
                "stages.b.paths: paths is the run's; give it once, outside the stages.",
            ],
        ),
        (
            "stages: {a: {region: {margin_mm: 1}}, b: }",
            [
                "stages.a.region: only a later stage looks at a region; the first looks everywhere; take it out."
            ],
        ),
        *(
            (text, ["region: only a later stage looks at a region, and there is only one; take it out."])
            for text in ("region: {margin_mm: 1}", "region: {margin_mm: 1}\nstages: {main: }")
        ),
    ],
)
def test_a_wrong_stage_is_refused_at_its_full_key(
    refusal: Callable[..., str], text: str, lines: list[str]
) -> None:
    assert [line.strip() for line in refusal(text).splitlines()[1:]] == lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "train: {batchsize: 1}",
            ["train.batchsize: this key is not known; the nearest known one is train.batch_size."],
        ),
        ("train: {seed: x}", ["train.seed: expected a valid integer; found 'x'."]),
        ("train: 3", ["train: expected a section of keys and values; found 3."]),
        ("region: {margin_mm: -1}", ["region.margin_mm: expected a number of at least 0.0; found -1."]),
        ("model: {name: fast, dropout: 2}", ["model.dropout: expected a number of at most 1.0; found 2."]),
        (
            "augment: {affine: {scale_range: [2, 1]}}",
            [
                "augment.affine: scale_range must be [lowest, highest]; found [2.0, 1.0]; "
                "found {'scale_range': [2, 1]}."
            ],
        ),
    ],
)
@pytest.mark.parametrize("stages", ["{a: , b: }", "{a: , b: {augment: {affine: {probability: 0.5}}}}"])
def test_what_is_wrong_above_the_stages_is_told_once_where_it_is_written(
    refusal: Callable[..., str], text: str, lines: list[str], stages: str
) -> None:
    message = refusal(f"{text}\nstages: {stages}")
    assert [line.strip() for line in message.splitlines()[1:]] == lines


def test_a_stage_that_repeats_a_mistake_with_another_value_is_told_too(refusal: Callable[..., str]) -> None:
    message = refusal("train: {batch_size: 0}\nstages: {a: , b: {train: {batch_size: -1}}}")
    assert "  train.batch_size: expected a number above 0; found 0." in message
    assert "  stages.b.train.batch_size: expected a number above 0; found -1." in message


# Editors


@pytest.fixture
def editor() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(Config.model_json_schema())


@pytest.mark.parametrize(
    "text",
    [STAGED.replace("model: {channels: [4, 8]}", ""), "stages: {coarse: , fine: {patch: {patch_size: }}}"],
)
def test_an_editor_accepts_a_stage_that_says_only_what_differs(
    editor: jsonschema.Draft202012Validator, text: str
) -> None:
    assert list(editor.iter_errors(yaml.safe_load(f"paths: {{data_root: x}}\n{text}"))) == []


@pytest.mark.parametrize("stages", ["{Fine: }", "{a: , b: , c: }", "{a: {trian: {}}}", "[a]", "{a: 3}"])
def test_an_editor_marks_a_wrong_stage(editor: jsonschema.Draft202012Validator, stages: str) -> None:
    assert list(editor.iter_errors(yaml.safe_load(f"paths: {{data_root: x}}\nstages: {stages}")))


def test_an_editor_accepts_the_resolved_form(editor: jsonschema.Draft202012Validator, load: Load) -> None:
    assert list(editor.iter_errors(dump(load(STAGED)))) == []
