"""The methods section says what the record says, no more, and cites what was used."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from pybtex.database import parse_string

from segtrail.config.schema import Config
from segtrail.errors import InputError
from segtrail.methods_text.numbers import plain_number
from segtrail.methods_text.references import bibliography, cited_keys
from segtrail.methods_text.text import MethodsText, build_methods, methods_of_record
from segtrail.model_card.card import this_program
from segtrail.record.run_folder import read_json
from segtrail.report.run_contents import RunContents, read_run

Command = Callable[..., Any]


def methods_of(contents: RunContents) -> MethodsText:
    return build_methods(contents, this_program())


def with_config(contents: RunContents, **sections: Any) -> RunContents:
    """Return a run of another configuration: what is given of each section is put over what it has."""
    config = dict(contents.config or {})
    for name, values in sections.items():
        config[name] = values if "name" in values else {**config[name], **values}
    return replace(contents, config=config)


def section(text: MethodsText, title: str) -> str:
    return text.markdown.split(f"\n## {title}\n\n")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def contents(quick_run_dir: Path) -> RunContents:
    return read_run(quick_run_dir)


@pytest.fixture(scope="module")
def staged(staged_run_dir: Path) -> RunContents:
    return read_run(staged_run_dir)


@pytest.mark.parametrize("run_name", ["quick_run_dir", "staged_run_dir"])
def test_a_sealed_run_has_text_and_bibliography_and_the_manifest_lists_them(
    run_name: str, request: pytest.FixtureRequest
) -> None:
    run_dir = request.getfixturevalue(run_name)
    text = (run_dir / "methods.md").read_text(encoding="utf-8")
    bibtex = (run_dir / "methods.bib").read_text(encoding="utf-8")
    assert MethodsText(text, bibtex) == methods_of_record(run_dir)
    assert text.endswith(f"```bibtex\n{bibtex}```\n")
    listed = {file["path"] for file in read_json(run_dir / "manifest.json")["files"]}
    assert {"methods.md", "methods.bib"} <= listed


def test_the_bibliography_is_read_by_a_library_and_has_what_is_cited_and_no_more(
    contents: RunContents,
) -> None:
    text = methods_of(contents)
    entries = parse_string(text.bibtex, "bibtex").entries
    assert set(entries) == set(cited_keys(text.markdown))
    assert list(entries) == sorted(entries)
    assert {"paszke2019pytorch", "loshchilov2019adamw", "dice1945measures"} <= set(entries)


def test_every_reference_is_whole_and_cited_somewhere() -> None:
    folder = resources.files("segtrail.methods_text")
    entries = parse_string(folder.joinpath("references.bib").read_text(encoding="utf-8"), "bibtex").entries
    assert all(
        {"title", "year"} <= set(entry.fields) and entry.persons["author"] for entry in entries.values()
    )
    sources = "".join(
        file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".py")
    )
    assert set(entries) == set(re.findall(r"[\"']([a-z]+(?:19|20)\d\d[a-z]+)[\"']", sources))


def test_a_citation_without_an_entry_is_an_error() -> None:
    with pytest.raises(KeyError):
        bibliography("As said before [@nobody1900nothing].")


def test_the_numbers_are_those_of_the_record(contents: RunContents) -> None:
    text = methods_of(contents)
    assert (
        "held 5 images with a reference label map: 2 for training, 2 for validation and 1 for test"
        in text.markdown
    )
    assert "resampled to 1 × 1 × 2 mm by linear interpolation" in section(text, "Preprocessing")
    assert f"It had {contents.run.model.parameters:,} trainable parameters." in section(text, "Network")
    training = section(text, "Training")
    assert "In each epoch 3 patches of 16 × 16 × 8 voxels were drawn from every training case" in training
    assert "The batch size was 2 patches; an epoch had 3 steps." in training
    assert "The training had 2 epochs." in training
    dice = contents.metrics.splits["test"]["ball"].metrics["dice"].mean
    assert (
        f"ball, 1 test case (no case failed; indicative only, with fewer than ten cases): Dice {dice:.3f}"
        in (section(text, "Results"))
    )
    assert contents.run.program_sha256 in section(text, "Reproducibility")
    assert contents.fingerprint in section(text, "Reproducibility")


def test_the_calibration_is_told_where_it_was_measured(contents: RunContents) -> None:
    error = contents.calibration.pooled[0].error
    results = section(methods_of(contents), "Results")
    assert f"Calibration of ball, 2 validation cases: expected calibration error {error:.3f}" in results
    assert "alibration" not in methods_of(replace(contents, calibration=None)).markdown


def test_groups_of_the_configuration_are_told_too(contents: RunContents) -> None:
    split = {**contents.config["split"], "groups": {"a": ["case_0", "case_1"], "b": ["case_2"]}}
    told = methods_of(with_config(contents, split=split))
    assert "those of one of 2 groups (patients or centres), were kept on one side" in section(told, "Data")


def test_every_metric_of_the_record_is_defined(contents: RunContents) -> None:
    told = section(methods_of(contents), "Evaluation")
    for definition in contents.metrics.definitions.values():
        assert f"- {definition.name}" in told
        assert definition.definition.partition(". ")[0] in told


SETTINGS: list[tuple[str, dict[str, Any], str, str]] = [
    ("Preprocessing", {"preprocess": {"normalisation": "none"}}, "Intensities were not scaled.", ""),
    (
        "Preprocessing",
        {"preprocess": {"normalisation": "window", "intensity_window": [-160, 240]}},
        "clipped to −160 to 240 and mapped to 0 to 1",
        "",
    ),
    (
        "Preprocessing",
        {"preprocess": {"antialias": False}},
        "by linear interpolation.",
        "vanderwalt2014scikitimage",
    ),
    (
        "Network",
        {"model": {"name": "unet3d"}},
        "a residual 3D U-Net [@cicek2016unet; @kerfoot2019residual]",
        "",
    ),
    ("Network", {"model": {"name": "unet3d", "num_res_units": 0}}, "a 3D U-Net [@cicek2016unet]", "kerfoot"),
    (
        "Network",
        {"model": {"name": "dynunet", "deep_supervision": True}},
        "deep supervision on at most 2 lower outputs",
        "batch normalisation",
    ),
    ("Network", {"model": {"name": "segresnet", "dropout": 0.1}}, "dropout with a probability of 0.1", ""),
    ("Network", {"model": {"name": "own.nets:Net"}}, "one of our own (`own.nets:Net`)", "MONAI"),
    (
        "Loss",
        {"train": {"loss": {"cross_entropy_weight": 0}}},
        "The loss was the soft Dice loss",
        "cross entropy",
    ),
    ("Loss", {"train": {"loss": {"dice_weight": 0}}}, "The loss was the cross entropy", "Dice"),
    ("Loss", {"train": {"loss": {"dice_weight": 2}}}, "The loss was 2 times the soft Dice loss", ""),
    ("Augmentation", {"augment": {"enabled": False}}, "Patches were not augmented.", "probability"),
    ("Augmentation", {"augment": {"flip": {"probability": 0}}}, "probability", "mirroring"),
    (
        "Augmentation",
        {"augment": {"flip": {"probability": 0.5, "axes": [0, 2]}}},
        "mirroring along each of x, z, probability 0.5",
        "",
    ),
    (
        "Augmentation",
        {"augment": {"elastic": {"probability": 0.3}}},
        "elastic deformation [@cicek2016unet]",
        "",
    ),
    ("Training", {"optim": {"name": "sgd", "momentum": 0.9}}, "Nesterov momentum", "AdamW"),
    (
        "Training",
        {"optim": {"lr": 0.01, "schedule": {"name": "constant"}}},
        "The learning rate was 0.01",
        "deeplab",
    ),
    ("Training", {"optim": {"schedule": {"name": "onecycle"}}}, "one cycle [@smith2019superconvergence]", ""),
    ("Training", {"train": {"gradient_clip": None}}, "The optimiser was AdamW", "pascanu2013clipping"),
    ("Training", {"train": {"ema_decay": 0.99}}, "(decay 0.99 for each step", ""),
    (
        "Training",
        {"train": {"keep": "last"}},
        "The weights of the last epoch were taken",
        "highest mean Dice",
    ),
    ("Inference", {"infer": {"flips": [0, 1]}}, "averaged over 4 copies of the image", ""),
    ("Inference", {"infer": {"largest_component": True}}, "only the largest connected part", ""),
    ("Inference", {"infer": {"largest_component": False}}, "resampled linearly", "largest connected part"),
]


@pytest.mark.parametrize(("title", "changes", "told", "untold"), SETTINGS, ids=lambda value: str(value)[:40])
def test_a_setting_is_told_where_it_is_in_force_and_only_there(
    contents: RunContents, title: str, changes: dict[str, Any], told: str, untold: str
) -> None:
    text = section(methods_of(with_config(contents, **changes)), title)
    assert told in text
    assert not untold or untold not in text


def test_the_default_configuration_can_be_described(contents: RunContents) -> None:
    config = Config(paths={"data_root": "data"}).model_dump(mode="json")
    assert "a residual 3D U-Net" in methods_of(replace(contents, config=config)).markdown


def test_two_networks_are_described_one_after_the_other(staged: RunContents) -> None:
    text = methods_of(staged)
    together = section(text, "Networks from coarse to fine")
    assert (
        "“coarse” found the organs in the whole volume, “fine” segmented the regions around them" in together
    )
    assert "2 further networks like “coarse” were trained" in together
    assert "*Network “coarse”.* Images were brought" in section(text, "Preprocessing")
    assert "*Both networks.* The loss was" in section(text, "Loss")
    training = section(text, "Training")
    assert "The training had 16 epochs." in training
    assert "The training had 8 epochs." in training
    assert training.count("The weights of the last epoch were taken") == 2


def test_what_the_record_lacks_is_told_in_no_sentence(contents: RunContents) -> None:
    lacking = {
        **dict.fromkeys(("device", "model", "energy", "program_sha256")),
        "environment": {},
        "seconds": {},
        "inference": [],
        "stages": [],
    }
    bare = replace(
        contents,
        run=contents.run.model_copy(update=lacking),
        **dict.fromkeys(("dataset", "metrics", "cases", "provenance", "inference", "fingerprint", "card")),
        history=[],
    )
    text = methods_of(bare).markdown
    assert "None" not in text
    assert "not recorded" not in text
    titles = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert not {"Data", "Evaluation", "Results"} & set(titles)
    assert "trainable parameters" not in text


def test_names_of_the_record_mark_nothing_up(contents: RunContents) -> None:
    name = "a [link](http://x) <b>\n\n# Title\n```"
    text = methods_of(replace(contents, dataset=contents.dataset.model_copy(update={"name": name})))
    assert "The data set a \\[link\\](http://x) \\<b\\> # Title \\`\\`\\` (" in section(text, "Data")


def test_nothing_of_the_record_cites_or_marks_up(contents: RunContents) -> None:
    odd = "[@nobody1900nothing] $x$ a^2^ b~2~"
    device = contents.run.device.model_copy(update={"type": odd, "name": odd})
    run = contents.run.model_copy(update={"run_id": odd, "program_sha256": odd, "device": device})
    dice = contents.metrics.definitions["dice"].model_copy(update={"unit": odd, "definition": odd})
    definitions = {**contents.metrics.definitions, "dice": dice}
    metrics = contents.metrics.model_copy(update={"definitions": definitions})
    dataset = contents.dataset.model_copy(update={"fingerprint": odd})
    text = methods_of(replace(contents, run=run, metrics=metrics, dataset=dataset))
    escaped = r"\[\@nobody1900nothing\] \$x\$ a\^2\^ b\~2\~"
    assert odd not in text.markdown
    assert f"The run is {escaped}, begun" in section(text, "Reproducibility")
    assert f"- Dice ({escaped})" in section(text, "Evaluation")
    assert "nobody" not in text.bibtex


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.1234567891, "0.1234567891"),
        (100 * 0.07, "7"),
        (-160, "−160"),
        (3e-5, "3 × 10^−5"),
        (1e-10, "10^−10"),
        (1234567, "1234567"),
    ],
)
def test_a_setting_is_told_with_all_its_digits(value: float, told: str) -> None:
    assert plain_number(value) == told


@pytest.mark.parametrize(
    ("changes", "is_cited"),
    [
        ({"description": "Medical Segmentation Decathlon"}, True),
        ({"name": "Task02_Heart"}, True),
        ({"description": "Hearts of our hospital"}, False),
    ],
)
def test_the_decathlon_is_cited_where_the_data_are_of_it(
    contents: RunContents, changes: dict[str, str], is_cited: bool
) -> None:
    run = replace(contents, dataset=contents.dataset.model_copy(update=changes))
    assert ("antonelli2022decathlon" in methods_of(run).bibtex) is is_cited


def test_a_configuration_that_is_not_understood_is_named(contents: RunContents) -> None:
    with pytest.raises(
        InputError, match=r"config_resolved.yaml of run_.* is not understood, at train.max_epochs"
    ):
        methods_of(with_config(contents, train={"max_epochs": "many"}))


def test_the_command_prints_the_text_with_the_fingerprint(
    quick_run_dir: Path, contents: RunContents, segtrail: Command
) -> None:
    result = segtrail("methods", quick_run_dir)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == methods_of(contents).markdown
    assert contents.fingerprint in result.stdout


def test_the_command_writes_text_and_bibliography_and_overwrites_nothing(
    quick_run_dir: Path, tmp_path: Path, segtrail: Command
) -> None:
    answer = json.loads(segtrail("methods", quick_run_dir, "--output", tmp_path / "text.md", "--json").stdout)
    assert answer["output"] == str(tmp_path / "text.md")
    assert (tmp_path / "text.md").read_text(encoding="utf-8") == answer["text"]
    assert (tmp_path / "text.bib").read_text(encoding="utf-8") == answer["bibtex"]
    (tmp_path / "text.md").unlink()
    again = segtrail("methods", quick_run_dir, "--output", tmp_path / "text.md")
    assert again.exit_code == 2
    assert "text.bib is there already, and is kept" in again.stderr
    assert not (tmp_path / "text.md").exists()


def test_the_text_of_a_reference_file_is_refused(
    quick_run_dir: Path, tmp_path: Path, segtrail: Command
) -> None:
    result = segtrail("methods", quick_run_dir, "--output", tmp_path / "text.bib")
    assert result.exit_code == 2
    assert "Name a file for the text" in result.stderr
