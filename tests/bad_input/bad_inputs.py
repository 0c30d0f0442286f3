"""Bad inputs over all commands: how each is arranged, and what is said of it.

``docs/bad-input.md`` is the table of these; ``python tests/bad_input/bad_inputs.py docs/bad-input.md`` writes it.
"""

import gzip
import json
import os
import pickle
import shutil
import stat
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nibabel
import numpy as np

from run_copies import copy_run, unseal

SHAPE = (20, 18, 14)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


@dataclass
class Bench:
    """Where a bad input is made: a sound data set, a configuration and a finished run, all of them copies."""

    home: Path
    data: Any
    config: Path
    finished_run: Path

    @property
    def outputs(self) -> Path:
        return self.home / "outputs"

    def run(self) -> Path:
        """Copy the finished run; its data set lies in ``home/data``."""
        run = self.outputs / "runs" / self.finished_run.name
        if not run.exists():
            copy_run(self.finished_run, run)
        return run

    def edit_config(self, before: str, after: str) -> None:
        text = self.config.read_text(encoding="utf-8")
        assert before in text
        self.config.write_text(text.replace(before, after), encoding="utf-8")


@dataclass(frozen=True)
class BadInput:
    """A bad input.

    Attributes:
        what: What is wrong, for the table.
        command: The command that meets it, for the table.
        message: A part of what is said.
        exit_code: How the command ends.
        arrange: Makes it, and gives the command's arguments.
        setting: What the system allows: "another user" takes root's rights from the tests; a number is the
            largest file in bytes, as on a disk that is full; "pipes" needs a system that has them among its files.
    """

    what: str
    command: str
    message: str
    exit_code: int
    arrange: Callable[[Bench], list[object]]
    setting: Literal["another user", "pipes"] | int | None = None


def _train(*changes: str) -> Callable[[Bench], list[object]]:
    return lambda bench: ["train", bench.config, "report.enabled=false", *changes]


def _config(before: str, after: str) -> Callable[[Bench], list[object]]:
    def arrange(bench: Bench) -> list[object]:
        bench.edit_config(before, after)
        return ["train", bench.config]

    return arrange


def _stages(stages: str, *changes: str) -> Callable[[Bench], list[object]]:
    def arrange(bench: Bench) -> list[object]:
        text = bench.config.read_text(encoding="utf-8")
        bench.config.write_text(f"{text}stages: {stages}\n", encoding="utf-8")
        return ["train", bench.config, *changes]

    return arrange


def _config_file(content: bytes) -> Callable[[Bench], list[object]]:
    def arrange(bench: Bench) -> list[object]:
        bench.config.write_bytes(content)
        return ["train", bench.config]

    return arrange


def _description(**changes: Any) -> Callable[[Bench], list[object]]:
    def arrange(bench: Bench) -> list[object]:
        bench.data.save(**changes)
        return ["train", bench.config]

    return arrange


def _entry(image: str, label: str = "labelsTr/x.nii.gz") -> Callable[[Bench], list[object]]:
    def arrange(bench: Bench) -> list[object]:
        entries = [*bench.data.description["training"], {"image": image, "label": label}]
        bench.data.save(training=entries)
        return ["check", bench.data.root]

    return arrange


def _file(name: str, change: Callable[[Path], None]) -> Callable[[Bench], list[object]]:
    def arrange(bench: Bench) -> list[object]:
        change(bench.data.root / name)
        return ["check", bench.data.root]

    return arrange


def _case(image: Any = None, label: Any = None, **options: Any) -> Callable[[Bench], list[object]]:
    def arrange(bench: Bench) -> list[object]:
        bench.data.add_case("odd", image, label, **options)
        return ["check", bench.data.root]

    return arrange


def _run_file(name: str, change: Callable[[Path], None], *command: str) -> Callable[[Bench], list[object]]:
    def arrange(bench: Bench) -> list[object]:
        run = bench.run()
        change(run / name)
        return [command[0], run, *command[1:]]

    return arrange


def _replace_in(before: str, after: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after, 1), encoding="utf-8")

    return change


def _cut_in_half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _flip_last_voxel(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)


def _write(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def _make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _labels_up_to(n_labels: int) -> dict[str, str]:
    return {str(number): f"class {number}" for number in range(n_labels)}


class _Hostile:
    def __reduce__(self) -> Any:
        return (print, ("taken over",))


def _image(value: float = 7.0, shape: tuple[int, ...] = SHAPE) -> Any:
    return np.full(shape, value, np.float32)


def _label(value: float = 1, dtype: Any = np.uint8) -> Any:
    label = np.zeros(SHAPE, dtype)
    label[5:9, 5:9, 5:9] = value
    return label


def _claim_more_voxels(path: Path) -> None:
    volume = nibabel.Nifti1Image(_image(), AFFINE)
    content = bytearray(volume.to_bytes())
    content[42:48] = np.array([30000, 30000, 30000], "<i2").tobytes()
    path.write_bytes(gzip.compress(content))


def _flatten_affine(path: Path) -> None:
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[252:256] = np.array([0, 1], "<i2").tobytes()  # no qform, an sform
    content[312:328] = bytes(16)  # whose last row is zero
    path.write_bytes(gzip.compress(content))


def _other_classes(bench: Bench) -> list[object]:
    bench.data.save(labels={"0": "background", "1": "cube"})
    return ["evaluate", bench.run(), bench.data.root]


def _file_for_a_folder(bench: Bench) -> list[object]:
    bench.outputs.write_text("not a folder", encoding="utf-8")
    return ["train", bench.config]


def _folder_for_a_file(bench: Bench) -> list[object]:
    return ["train", bench.data.root]


def _unknown_run(*command: str) -> Callable[[Bench], list[object]]:
    return lambda bench: [command[0], "nowhere", *command[1:], "--output-root", bench.outputs]


def _answers(line: str) -> Callable[[Bench], list[object]]:
    def arrange(bench: Bench) -> list[object]:
        run = bench.run()
        text = f"schema_version: 1\nrun_id: {run.name}\nanswers:\n  {line}\n"
        (bench.home / "answers.yaml").write_text(text, encoding="utf-8")
        return ["card", run, "--answers", "answers.yaml"]

    return arrange


def _damaged_card(bench: Bench) -> list[object]:
    run = bench.run()
    (run / "model_card.md").write_bytes(b"\xff\xfe")
    return ["card", run]


def _without_test_cases(bench: Bench) -> list[object]:
    run = bench.run()
    path = run / "dataset_summary.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"test"', '"unused"'), encoding="utf-8")
    return ["test-uses", run]


def _no_run_yet(bench: Bench) -> list[object]:
    return ["report", "latest", "--output-root", bench.outputs]


def _plain_folder(bench: Bench) -> list[object]:
    (bench.home / "empty").mkdir()
    return ["report", bench.home / "empty"]


COMMAND_LINE = [
    BadInput("no configuration", "train", "Which configuration?", 2, lambda _: ["train"]),
    BadInput("no configuration", "cv", "Which configuration?", 2, lambda _: ["cv", "--folds", "2"]),
    BadInput("an unknown command", "trian", "No such command 'trian'", 2, lambda _: ["trian"]),
    BadInput("an unknown option", "train", "--nope", 2, lambda bench: ["train", bench.config, "--nope"]),
    BadInput("a run is missing", "report", "Missing argument 'RUN'", 2, lambda _: ["report"]),
    BadInput(
        "an override without a value", "train", "not of the form key.sub=value", 2, _train("train.seed")
    ),
    BadInput(
        "an override below a value", "train", "which is no section", 2, _train("preprocess.spacing.x=1")
    ),
    BadInput("an override that is no YAML", "train", "not valid YAML", 2, _train("patch.patch_size=[8")),
    BadInput(
        *("an unknown checkpoint", "evaluate", "expected best or last", 2),
        lambda bench: ["evaluate", bench.run(), "--checkpoint", "middle"],
    ),
    BadInput(
        *("an unknown device", "evaluate", "expected auto, cpu, mps, cuda or cuda:N", 2),
        lambda bench: ["evaluate", bench.run(), bench.data.root, "--device", "gpu"],
    ),
    BadInput(
        *("two data sets", "evaluate", "only one is measured on", 2),
        lambda bench: ["evaluate", bench.run(), bench.data.root, "--data", bench.data.root],
    ),
    BadInput(
        *("an unknown case", "evaluate", "has no case nobody", 2),
        lambda bench: ["evaluate", bench.run(), bench.data.root, "--cases", "nobody"],
    ),
    BadInput(
        *("an unknown task", "data download", "Did you mean Task02_Heart?", 2),
        lambda bench: ["data", "download", "Task02_Hart", "--to", bench.home],
    ),
    BadInput(
        *("an MD5 that is none", "data download", "expected 32 hexadecimal digits", 2),
        lambda bench: ["data", "download", "2", "--md5", "12ab", "--to", bench.home],
    ),
    BadInput(
        *(
            "an address that is not of the web",
            "data download",
            "expected an address that begins with http",
            2,
        ),
        lambda bench: ["data", "download", "2", "--url", "ftp://example.org/", "--to", bench.home],
    ),
]

CONFIGURATION = [
    BadInput("no such file", "train", "There is no configuration file", 2, lambda _: ["train", "no.yaml"]),
    BadInput("a folder in its place", "train", "can't be read", 2, _folder_for_a_file),
    BadInput("no YAML", "train", "not valid YAML: line 2", 2, _config_file(b"train: [1, 2\nmodel: x")),
    BadInput("not UTF-8", "train", "not a text file in UTF-8", 2, _config_file(b"project: \xff\xfe")),
    BadInput("empty", "train", "holds no sections", 2, _config_file(b"")),
    BadInput("a list", "train", "holds no sections", 2, _config_file(b"- train\n- model\n")),
    BadInput("a key twice", "train", "stands here twice", 2, _config("optim:", "model: {}\noptim:")),
    BadInput("an unknown key", "train", "train.batch_size", 2, _train("train.batchsize=2")),
    BadInput("an unknown section", "train", "optim", 2, _config("optim:", "optimm:")),
    BadInput("text for a number", "train", "train.max_epochs", 2, _train("train.max_epochs=many")),
    BadInput("a number out of range", "train", "optim.lr", 2, _train("optim.lr=-1")),
    BadInput("NaN", "train", "optim.lr", 2, _train("optim.lr=.nan")),
    BadInput("two numbers for three", "train", "preprocess.spacing", 2, _train("preprocess.spacing=[1, 1]")),
    BadInput("an unknown network", "train", "unet3d, dynunet", 2, _train("model={name: resnet}")),
    BadInput(
        "own code that is not there",
        "train",
        "there is no module nowhere",
        2,
        _train("model={name: 'nowhere:Net'}"),
    ),
    BadInput(
        *("patches on the device with own transforms", "train", "run on the CPU", 2),
        _train("train.patches_on=device", "augment.transforms=['copy:copy']"),
    ),
    BadInput(
        *("a patch that the network can't halve", "train", "patch.patch_size", 2),
        _train("patch.patch_size=[15, 16, 8]"),
    ),
    BadInput(
        "a window without bounds", "train", "intensity_window", 2, _train("preprocess.normalisation=window")
    ),
    BadInput("an unknown case in the split", "train", "nobody", 2, _train("split.val=[nobody]")),
    BadInput(
        *("a case on two sides", "train", "more than once: case_2", 2),
        _train("split.val=[case_2]", "split.test=[case_2]"),
    ),
    BadInput(
        *("a group on two sides", "train", "belong together", 2),
        _train("split.groups={a: [case_1, case_2]}"),
    ),
    BadInput(
        *("no case left to train on", "train", "leaves no case for training", 2),
        _train("split.val=[case_0, case_1, case_2, case_3]"),
    ),
    BadInput("a device that is not there", "train", "no CUDA device", 2, _train("train.device=cuda:99")),
    BadInput("fp16 on a CPU", "train", "needs a GPU", 2, _train("train.device=cpu", "train.precision=fp16")),
    BadInput("an unknown check", "train", "Did you mean label-empty?", 2, _train("data.allow=[label-emty]")),
    BadInput("a cache too small", "train", "cache_limit_gb", 2, _train("preprocess.cache_limit_gb=1e-6")),
    BadInput("a later schema", "train", "schema_version", 2, _train("schema_version=2")),
    BadInput(
        *("a mistake in a stage", "train", "stages.fine.optim.lr: expected a number above 0", 2),
        _stages("{coarse: , fine: {optim: {lr: -1}}}"),
    ),
    BadInput(
        *("three stages", "train", "at most two stages work one after the other", 2),
        _stages("{a: , b: , c: }"),
    ),
    BadInput(
        *("a seed for one stage", "train", "seed is the run's; give it once, under train", 2),
        _stages("{coarse: {train: {seed: 3}}, fine: }"),
    ),
    BadInput(
        *("a region for the first stage", "train", "only a later stage looks at a region", 2),
        _stages("{coarse: {region: {margin_mm: 3}}, fine: }"),
    ),
    BadInput(
        *("an override of no stage", "train", "Did you mean fine?", 2),
        _stages("{coarse: , fine: }", "stages.fin.train.max_epochs=1"),
    ),
    BadInput(
        *(
            "an override that no stage takes",
            "train",
            "Change stages.coarse.optim.lr and stages.fine.optim.lr",
            2,
        ),
        _stages("{coarse: {optim: {lr: 0.1}}, fine: {optim: {lr: 0.1}}}", "optim.lr=0.2"),
    ),
    BadInput(
        *(
            "a stage's patch that the network can't halve",
            "train",
            "stages.fine.patch.patch_size=[16, 16, 8]",
            2,
        ),
        _stages("{coarse: , fine: {patch: {patch_size: [15, 16, 8]}}}"),
    ),
]

DESCRIPTION = [
    BadInput(
        "no data set folder", "train", "There is no data set folder", 2, _train("paths.data_root=nowhere")
    ),
    BadInput(
        *("a decathlon task that is not there", "train", "segtrail data download Task02_Heart", 2),
        _train("paths.data_root=data/none/Task02_Heart"),
    ),
    BadInput(
        *("no dataset.json", "check", "has no dataset.json", 2),
        _file("dataset.json", lambda path: path.unlink()),
    ),
    BadInput("no JSON", "check", "not valid JSON", 2, _file("dataset.json", _write(b"{'training': 1}"))),
    BadInput("no cases named", "train", 'no list "training"', 2, _description(training=None)),
    BadInput("an empty list of cases", "train", "nothing to train on", 2, _description(training=[])),
    BadInput("a gap in the labels", "train", "without a gap", 2, _description(labels={"0": "b", "2": "a"})),
    BadInput("too many labels", "train", "256 apart at most", 2, _description(labels=_labels_up_to(300))),
    BadInput(
        *("two classes of one name", "train", "gives 1 and 2 one name, ball", 2),
        _description(labels={"0": "background", "1": "ball", "2": "ball"}),
    ),
    BadInput(
        *("one label by two keys", "train", "names 1 twice", 2),
        _description(labels={"0": "background", "1": "ball", "01": "cube"}),
    ),
    BadInput("a class without a name", "train", "is no text", 2, _description(labels={"0": "b", "1": None})),
    BadInput(
        *("a key twice", "check", 'names "labels" twice', 2),
        _file("dataset.json", _replace_in('{"name"', '{"labels": {}, "name"')),
    ),
    BadInput(
        *("lists a hundred thousand deep", "check", "nested too deep", 2),
        _file("dataset.json", _write(b"[" * 100_000)),
    ),
    BadInput(
        *("a number of 5,000 digits", "check", "thousands of digits", 2),
        _file("dataset.json", _replace_in('{"name"', '{"n": ' + "9" * 5000 + ', "name"')),
    ),
    BadInput(
        *("a pipe in place of dataset.json", "check", "a pipe or a device", 2),
        _file("dataset.json", _make_pipe),
        "pipes",
    ),
    BadInput(
        *("a folder in place of dataset.json", "check", "can't be read: it is a folder", 2),
        _file("dataset.json", _make_folder),
    ),
    BadInput(
        "NUL in a class name", "train", "control characters", 2, _description(labels={"0": "b", "1": "a\0"})
    ),
    BadInput("half a character in the name", "train", "control characters", 2, _description(name="x\ud800")),
    BadInput("no channel", "train", "must name the channels", 2, _description(modality={})),
    BadInput("a gap in the channels", "train", "has the values 5", 2, _description(modality={"5": "MRI"})),
    BadInput(
        "channels that are no mapping", "train", "must name the channels", 2, _description(modality="MRI")
    ),
    BadInput("an entry of another form", "check", "is not of the form", 1, _entry("a.nii", "")),
    BadInput(
        "a file outside the folder", "check", "lies outside the data set's folder", 1, _entry("../a.nii")
    ),
    BadInput("a macOS metadata file", "check", "macOS metadata file", 1, _entry("imagesTr/._a.nii.gz")),
    BadInput("no NIfTI by its name", "check", "is no .nii or .nii.gz file", 1, _entry("imagesTr/a.dcm")),
    BadInput("an ending in capitals", "check", "in lower case", 1, _entry("imagesTr/a.NII.GZ")),
    BadInput("NUL in a file name", "check", "holds control characters", 1, _entry("imagesTr/a\0b.nii.gz")),
    BadInput(
        "a file name of 5,000 letters", "check", "than file systems take", 1, _entry("a" * 5000 + ".nii")
    ),
    BadInput("no name before the ending", "check", "is empty", 1, _entry("imagesTr/.nii.gz")),
    BadInput(
        "a case named as a device of Windows", "check", "it is a device", 1, _entry("imagesTr/con.nii.gz")
    ),
    BadInput("a case twice", "check", "stands there already", 1, _entry("other/case_0.nii.gz")),
    BadInput(
        *("a label of two cases", "check", "belongs to case_0 already", 1),
        _entry("imagesTr/x.nii.gz", "labelsTr/case_0.nii.gz"),
    ),
]

VOLUMES = [
    BadInput(
        "missing", "check", "is not there", 1, _file("labelsTr/case_1.nii.gz", lambda path: path.unlink())
    ),
    BadInput("cut off", "check", "is damaged", 1, _file("imagesTr/case_1.nii.gz", _cut_in_half)),
    BadInput(
        "one bit changed", "check", "fails its checksum", 1, _file("imagesTr/case_1.nii.gz", _flip_last_voxel)
    ),
    BadInput("no gzip", "check", "is damaged", 1, _file("imagesTr/case_1.nii.gz", _write(b"text"))),
    BadInput(
        "no NIfTI",
        "check",
        "is no NIfTI file",
        1,
        _file("imagesTr/case_1.nii.gz", _write(gzip.compress(b"?"))),
    ),
    BadInput("empty", "check", "is empty", 1, _file("imagesTr/case_1.nii.gz", _write(b""))),
    BadInput(
        "a header that claims terabytes",
        "check",
        "holds fewer voxels than its header says",
        1,
        _file("imagesTr/case_1.nii.gz", _claim_more_voxels),
    ),
    BadInput(
        "an affine that can't be inverted",
        "check",
        "can't be inverted",
        1,
        _file("imagesTr/case_1.nii.gz", _flatten_affine),
    ),
    BadInput("2D", "check", "expected a 3D volume", 1, _case(_image(shape=SHAPE[:2]), _label())),
    BadInput(
        "more channels than named", "check", "has 3 channels", 1, _case(_image(shape=(*SHAPE, 3)), _label())
    ),
    BadInput(
        "complex numbers", "check", "complex numbers", 1, _case(_image().astype(np.complex64), _label())
    ),
    BadInput("NaN", "check", "NaN or infinite", 1, _case(_image(np.nan), _label())),
    BadInput(
        "image and label of other sizes",
        "check",
        "the label 20x18x14",
        1,
        _case(_image(shape=(20, 18, 9)), _label()),
    ),
    BadInput(
        "image and label of other spacings",
        "check",
        "mm apart",
        1,
        _case(_image(), _label(), label_affine=np.diag([1, 1, 2.5, 1])),
    ),
    BadInput(
        "image and label of other orientations",
        "check",
        "the label LAS",
        1,
        _case(_image(), _label(), label_affine=np.diag([-1.0, 1, 2, 1])),
    ),
    BadInput("a label that is not named", "check", "dataset.json names 0, 1", 1, _case(_image(), _label(3))),
    BadInput(
        "a fractional label",
        "check",
        "a label is a whole number",
        1,
        _case(_image(), _label(0.5, np.float32)),
    ),
    BadInput("an empty label", "check", "marks no voxel", 1, _case(_image(), _label(0))),
    BadInput(
        *("several of these at once", "train", "What to do:", 1),
        lambda bench: [_case(_image(np.nan), _label(3))(bench), "train", bench.config][1:],
    ),
]


def _resume_after(change: Callable[[Path], None]) -> Callable[[Bench], list[object]]:
    """Take the seal off a finished run, as if it had been killed before its end, and change a file of it."""

    def arrange(bench: Bench) -> list[object]:
        run = bench.run()
        lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
        (run / "journal.jsonl").write_bytes(b"".join(lines[:-1]))
        change(run)
        return ["resume", run, "--data", bench.finished_run.parents[2] / "data"]

    return arrange


def _without_report(bench: Bench) -> Path:
    run = bench.run()
    (run / "report.pdf").unlink()
    return run


def _pickle_in_last(run: Path) -> None:
    import torch

    torch.save({"schema_version": 1, "object": Path("anything")}, run / "checkpoints" / "last.pt")


_SHARE = ("export", "--share", "--output", "out")


def _shared(run: Path) -> list[object]:
    return ["export", run, *_SHARE[1:]]


def _share_into_a_file(bench: Bench) -> list[object]:
    (bench.home / "out").write_text("not a folder", encoding="utf-8")
    return _shared(bench.run())


def _share_over_a_stranger(bench: Bench) -> list[object]:
    target = bench.home / "out" / f"shared_{bench.finished_run.name}"
    target.mkdir(parents=True)
    (target / "run.json").write_text("{}", encoding="utf-8")
    return _shared(bench.run())


def _damaged_salt(bench: Bench) -> list[object]:
    from segtrail.record.addenda import Addenda

    Addenda(bench.run(), None).add_file("share_20260101_000000.json", b"{", "shared")
    return _shared(bench.run())


def _copy_of(bench: Bench) -> Path:
    """Make a folder that looks like a shared copy."""
    copy = bench.home / "copy"
    copy.mkdir()
    shutil.copy(bench.finished_run / "run.json", copy)
    (copy / "share.json").write_text("{}", encoding="utf-8")
    return copy


RUNS = [
    BadInput("no such run", "report", "neither a run folder nor the ID of a run", 2, _unknown_run("report")),
    BadInput("no run yet", "report latest", "There is no run in", 2, _no_run_yet),
    BadInput("a folder that is no run", "report", "neither a run folder", 2, _plain_folder),
    BadInput(
        "run.json damaged", "report", "is not valid JSON", 2, _run_file("run.json", _cut_in_half, "report")
    ),
    BadInput(
        *("run.json of a later version", "report", "this segtrail reads up to 1", 2),
        _run_file("run.json", _replace_in('"schema_version": 1', '"schema_version": 9'), "report"),
    ),
    BadInput(
        *("history.csv cut off", "report", "history.csv is damaged", 2),
        _run_file("history.csv", _cut_in_half, "report"),
    ),
    BadInput(
        *("metrics_cases.csv with text for a number", "report", "metrics_cases.csv is damaged", 2),
        _run_file("metrics_cases.csv", _replace_in("0.", "zero"), "report"),
    ),
    BadInput(
        *("config_resolved.yaml is no YAML", "report", "not valid YAML", 2),
        _run_file("config_resolved.yaml", _write(b"a: [1"), "report"),
    ),
    BadInput(
        *("a picture damaged", "report", "is damaged", 2),
        lambda bench: [_run_file(f"examples/{_picture(bench)}", _cut_in_half, "report")(bench)][0],
    ),
    BadInput(
        *("a run that was moved", "evaluate", "--data DIR", 2),
        lambda bench: ["evaluate", shutil.move(bench.run(), bench.home / bench.finished_run.name)],
    ),
    BadInput("data of other classes", "evaluate", "knows the classes", 2, _other_classes),
    BadInput(
        "a finished run", "resume", "there is nothing to go on with", 2, lambda bench: ["resume", bench.run()]
    ),
    BadInput(
        *("more than tensors in last.pt", "resume", "holds more than tensors and plain values", 2),
        _resume_after(_pickle_in_last),
    ),
    BadInput(
        *("last.pt cut off", "resume", "last.pt is damaged", 2),
        _resume_after(lambda run: _cut_in_half(run / "checkpoints" / "last.pt")),
    ),
    BadInput(
        *("no config_resolved.yaml", "resume", "There is no configuration file", 2),
        _resume_after(lambda run: (run / "config_resolved.yaml").unlink()),
    ),
    BadInput(
        *("history.csv gone", "resume", "where last.pt knows", 2),
        _resume_after(lambda run: (run / "history.csv").unlink()),
    ),
    BadInput(
        *("a journal that is none", "resume", "is no entry of a journal", 2),
        _resume_after(lambda run: (run / "journal.jsonl").write_bytes(b"nonsense\n") and None),
    ),
    BadInput("no such run", "verify", "neither a run folder nor the ID of a run", 2, _unknown_run("verify")),
    BadInput("a sealed run", "seal", "is sealed already", 2, lambda bench: ["seal", bench.run()]),
    BadInput("no such run", "card", "neither a run folder nor the ID of a run", 2, _unknown_run("card")),
    BadInput("no such run", "export", "neither a run folder nor the ID of a run", 2, _unknown_run(*_SHARE)),
    BadInput(
        "nothing asked for",
        "export",
        "--share makes a copy",
        2,
        lambda bench: ["export", bench.run(), *_SHARE[2:]],
    ),
    BadInput(
        "no folder named",
        "export --share",
        "Name a folder with --output DIR",
        2,
        lambda bench: ["export", bench.run(), "--share"],
    ),
    BadInput(
        *("a run that is not sealed", "export --share", "is not sealed, so it is not shared", 2),
        lambda bench: _shared(unseal(bench.run())),
    ),
    BadInput(
        *("a run that was changed", "export --share", "its record does not hold", 1),
        lambda bench: [_cut_in_half(bench.run() / "history.csv"), _shared(bench.run())][1],
    ),
    BadInput(
        *("a folder in the run", "export --share", "lies in the run itself", 2),
        lambda bench: ["export", bench.run(), "--share", "--output", bench.run() / "addenda"],
    ),
    BadInput(
        "a file in place of the folder",
        "export --share",
        "can't be written: File exists",
        2,
        _share_into_a_file,
    ),
    BadInput(
        "something else in its place", "export --share", "holds something else", 2, _share_over_a_stranger
    ),
    BadInput(
        "a recipient of two lines",
        "export --share",
        "--recipient has more than one line",
        2,
        lambda bench: [*_shared(bench.run()), "--recipient", "a\nb"],
    ),
    BadInput(
        "a salt that is damaged",
        "export --share",
        "addenda/share_20260101_000000.json can't be read",
        2,
        _damaged_salt,
    ),
    BadInput(
        "a shared copy",
        "evaluate",
        "is a shared copy of a run",
        2,
        lambda bench: ["evaluate", _copy_of(bench)],
    ),
    BadInput(
        "no original of that name",
        "verify --original",
        "neither a run folder",
        2,
        lambda bench: ["verify", _copy_of(bench), "--original", "nowhere"],
    ),
    BadInput(
        "a run, not a shared copy",
        "verify --original",
        "--original is for a copy",
        2,
        lambda bench: ["verify", bench.run(), "--original", bench.run()],
    ),
    BadInput("answers to no question", "card --answers", "Did you mean ethics?", 2, _answers("ethic: x")),
    BadInput(
        "answers that are no YAML", "card --answers", "is not valid YAML in line", 2, _answers("ethics: [")
    ),
    BadInput(
        *("no such file of answers", "card --answers", "There is no file", 2),
        lambda bench: ["card", bench.run(), "--answers", "nowhere.yaml"],
    ),
    BadInput(
        *("a template over a file", "card --template", "is there already, and is kept", 2),
        lambda bench: ["card", bench.run(), "--template", "data/dataset.json"],
    ),
    BadInput("model_card.md damaged", "card", "is no text in UTF-8", 2, _damaged_card),
    BadInput(
        *("a text over a file", "methods --output", "is there already, and is kept", 2),
        lambda bench: ["methods", bench.run(), "--output", "data/dataset.json"],
    ),
    BadInput(
        *("a text with the name of the bibliography", "methods --output", "Name a file for the text", 2),
        lambda bench: ["methods", bench.run(), "--output", "methods.bib"],
    ),
    BadInput("no test cases", "test-uses", "has no test cases", 2, _without_test_cases),
]

CHECKPOINTS = [
    BadInput(
        *("missing", "evaluate", "There is no checkpoint checkpoints/best.pt", 2),
        _run_file("checkpoints/best.pt", lambda path: path.unlink(), "evaluate", "--data", "data"),
    ),
    BadInput(
        *("cut off", "evaluate", "is damaged", 2),
        _run_file("checkpoints/best.pt", _cut_in_half, "evaluate", "--data", "data"),
    ),
    BadInput(
        *("no checkpoint at all", "evaluate", "is damaged", 2),
        _run_file("checkpoints/best.pt", _write(b"weights"), "evaluate", "--data", "data"),
    ),
    BadInput(
        *("a pickle that would run code", "evaluate", "is damaged or no checkpoint", 2),
        _run_file("checkpoints/best.pt", _write(pickle.dumps(_Hostile())), "evaluate", "--data", "data"),
    ),
    BadInput(
        "of another network", "evaluate", "does not hold a network", 2, lambda bench: _swap_weights(bench)
    ),
]


def _predict(*inputs: str, output: str = "out") -> Callable[[Bench], list[object]]:
    return lambda bench: ["predict", bench.run(), *inputs, "--output", output]


def _predict_on(change: Callable[[Path], None]) -> Callable[[Bench], list[object]]:
    def arrange(bench: Bench) -> list[object]:
        path = bench.data.root / "imagesTr/case_0.nii.gz"
        change(path)
        return ["predict", bench.run(), path, "--output", "out"]

    return arrange


def _rescale(factor: float) -> Callable[[Path], None]:
    affine = np.diag([*(factor * np.diag(AFFINE)[:3]), 1.0])
    return lambda path: nibabel.save(nibabel.Nifti1Image(_image(), affine), path)


def _save(data: Any) -> Callable[[Path], None]:
    return lambda path: nibabel.save(nibabel.Nifti1Image(data, AFFINE), path)


def _predict_same_names(bench: Bench) -> list[object]:
    (bench.home / "other").mkdir()
    shutil.copy("data/imagesTr/case_0.nii.gz", "other")
    return _predict("data/imagesTr/case_0.nii.gz", "other/case_0.nii.gz")(bench)


def _predict_into_the_run(bench: Bench) -> list[object]:
    return ["predict", bench.run(), "data/imagesTr", "--output", bench.run() / "predictions"]


def _predict_beside_a_stranger(bench: Bench) -> list[object]:
    (bench.home / "out").mkdir()
    (bench.home / "out" / "case_0.nii.gz").write_bytes(b"the work of another")
    return _predict("data/imagesTr/case_0.nii.gz")(bench)


def _predict_with_a_damaged_record(bench: Bench) -> list[object]:
    (bench.home / "out").mkdir()
    (bench.home / "out" / "prediction.json").write_text("{", encoding="utf-8")
    return _predict("data/imagesTr/case_0.nii.gz")(bench)


def _cross_validate(*words: str) -> Callable[[Bench], list[object]]:
    return lambda bench: ["cv", bench.config, "report.enabled=false", "split.val=null", *words]


def _go_on(change: Callable[[Path], None] = lambda _: None) -> Callable[[Bench], list[object]]:
    """Arrange a cross-validation that was killed in its first fold."""

    def arrange(bench: Bench) -> list[object]:
        folder = bench.outputs / "cv" / "cv_20260101_000000"
        folder.mkdir(parents=True)
        record = {
            "schema_version": 1,
            "cv_id": folder.name,
            "status": "running",
            "created_utc": "2026-01-01T00:00:00Z",
            "ended_utc": None,
            "ended_because": None,
            "segtrail_version": "0.1.0",
            "environment": {},
            "start_command": "segtrail cv tiny.yaml",
            "note": "",
            "split_seed": 0,
            "n_folds": 2,
            "dataset_fingerprint": "0" * 64,
            "resumed": [],
            "folds": [
                {"fold": 1, "val": ["case_0"], "train": ["case_1"], "status": "running"},
                {"fold": 2, "val": ["case_1"], "train": ["case_0"], "status": "waiting"},
            ],
        }
        (folder / "cv.json").write_text(json.dumps(record), encoding="utf-8")
        shutil.copy(bench.config, folder / "config_resolved.yaml")
        change(folder / "cv.json")
        return ["cv", "--resume", "latest", "--output-root", bench.outputs]

    return arrange


def _go_on_with_settings(*words: str) -> Callable[[Bench], list[object]]:
    return lambda bench: [*_go_on()(bench), *words]


def _go_on_elsewhere(bench: Bench) -> list[object]:
    _go_on()(bench)
    return ["cv", "--resume", shutil.move(bench.outputs / "cv" / "cv_20260101_000000", bench.home / "moved")]


CROSS_VALIDATION = [
    BadInput("validation cases named", "cv", "Add split.val=null", 2, lambda bench: ["cv", bench.config]),
    BadInput("one fold", "cv", "has at least 2", 2, _cross_validate("--folds", "1")),
    BadInput("more folds than cases", "cv", "5 folds need at least 5 cases", 2, _cross_validate()),
    BadInput(
        *("more folds than groups", "cv", "there are 2", 2),
        _cross_validate("split.groups={a: [case_0, case_1, case_2]}", "--folds", "3"),
    ),
    BadInput(
        *("a group of test cases and others", "cv", "split.test names only case_0", 2),
        _cross_validate("split.test=[case_0]", "split.groups={a: [case_0, case_1]}", "--folds", "2"),
    ),
    BadInput(
        *("a patch that the network can't halve", "cv", "patch.patch_size", 2),
        _cross_validate("patch.patch_size=[15, 16, 8]", "--folds", "2"),
    ),
    BadInput(
        *("none to go on with", "cv --resume", "There is no cross-validation in", 2),
        lambda bench: ["cv", "--resume", "latest", "--output-root", bench.outputs],
    ),
    BadInput(
        *("an unknown one", "cv --resume", "neither the folder of a cross-validation nor the ID", 2),
        lambda bench: ["cv", "--resume", "cv_20250101_000000", "--output-root", bench.outputs],
    ),
    BadInput(
        *("a configuration too", "cv --resume", "so tiny.yaml can't be given", 2),
        _go_on_with_settings("tiny.yaml"),
    ),
    BadInput(
        *("folds too", "cv --resume", "so --folds can't be given", 2), _go_on_with_settings("--folds", "2")
    ),
    BadInput("moved away from its runs", "cv --resume", "does not lie in a folder cv", 2, _go_on_elsewhere),
    BadInput("cv.json cut off", "cv --resume", "can't be read as the record", 2, _go_on(_cut_in_half)),
    BadInput(
        *("cv.json of a later version", "cv --resume", "schema_version is 9, not 1", 2),
        _go_on(_replace_in('"schema_version": 1', '"schema_version": 9')),
    ),
    BadInput(
        *("a run of cv.json that leads elsewhere", "cv --resume", "folds.1.run_id", 2),
        _go_on(_replace_in('"status": "waiting"', '"status": "finished", "run_id": "../../x"')),
    ),
    BadInput(
        *("no config_resolved.yaml", "cv --resume", "There is no configuration file", 2),
        _go_on(lambda path: path.with_name("config_resolved.yaml").unlink()),
    ),
    BadInput("data that changed", "cv --resume", "are not those that cv_20260101_000000 began", 2, _go_on()),
    BadInput(
        *("data that are gone", "cv --resume", "Say it with --data DIR", 2),
        _go_on(
            lambda path: _replace_in("data_root: '", "data_root: 'gone/")(
                path.with_name("config_resolved.yaml")
            )
        ),
    ),
]

IMAGE = "data/imagesTr/case_0.nii.gz"
PREDICTION = [
    BadInput(
        "no output folder",
        "predict",
        "Missing option '--output'",
        2,
        lambda bench: ["predict", bench.run(), IMAGE],
    ),
    BadInput(
        "no such run",
        "predict",
        "neither a run folder",
        2,
        lambda _: ["predict", "no", IMAGE, "--output", "o"],
    ),
    BadInput("an image that is not there", "predict", "is not there", 2, _predict("nowhere.nii.gz")),
    BadInput(
        "a file that is no NIfTI by its name",
        "predict",
        "is no .nii or .nii.gz file",
        2,
        _predict("tiny.yaml"),
    ),
    BadInput("a folder without images", "predict", "holds no .nii or .nii.gz file", 2, _predict("outputs")),
    BadInput("a pattern that matches nothing", "predict", "matches no file", 2, _predict("data/*.nii")),
    BadInput("two images of one name", "predict", "have one name", 2, _predict_same_names),
    BadInput(
        "the output among the inputs",
        "predict",
        "inputs",
        2,
        _predict("data/imagesTr", output="data/imagesTr"),
    ),
    BadInput("the output in the run folder", "predict", "lies in the run folder", 2, _predict_into_the_run),
    BadInput(
        "a file in place of the output", "predict", "which is a file", 2, _predict(IMAGE, output="tiny.yaml")
    ),
    BadInput("outputs of unknown origin", "predict", "would be overwritten", 2, _predict_beside_a_stranger),
    BadInput("a damaged record", "predict", "can't be read as the record", 2, _predict_with_a_damaged_record),
    BadInput("an image cut off", "predict", "is damaged", 1, _predict_on(_cut_in_half)),
    BadInput("an image with NaN", "predict", "NaN or infinite", 1, _predict_on(_save(_image(np.nan)))),
    BadInput("a spacing in metres", "predict", "in another unit", 1, _predict_on(_rescale(0.001))),
    BadInput("a spacing in micrometres", "predict", "in another unit", 1, _predict_on(_rescale(1000.0))),
    BadInput("more channels", "predict", "has 2 channels", 1, _predict_on(_save(_image(shape=(*SHAPE, 2))))),
    BadInput("a 2D image", "predict", "expected a 3D volume", 1, _predict_on(_save(_image(shape=SHAPE[:2])))),
]


def _init(
    arrange: Callable[[Path], None], *options: str, yes: bool = True
) -> Callable[[Bench], list[object]]:
    def make(bench: Bench) -> list[object]:
        folder = bench.home / "scans"
        folder.mkdir()
        arrange(folder)
        return ["init", "scans", *options, *(["--yes"] if yes else [])]

    return make


def _scans(
    label: Any = None, *, names: tuple[str, ...] = ("a", "b"), image: Any = None
) -> Callable[[Path], None]:
    def arrange(folder: Path) -> None:
        for name in names:
            _save(_image() if image is None else image)(folder / f"{name}.nii.gz")
            _save(_label() if label is None else label)(folder / f"{name}_seg.nii.gz")

    return arrange


def _no_labels(folder: Path) -> None:
    for name in ("a", "b"):
        _save(_image())(folder / f"{name}.nii.gz")


def _two_labels(folder: Path) -> None:
    _scans()(folder)
    _save(_label())(folder / "a_mask.nii.gz")


def _other_channels(folder: Path) -> None:
    _scans()(folder)
    _save(_image(shape=(*SHAPE, 2)))(folder / "a.nii.gz")


def _damaged_scan(folder: Path) -> None:
    _scans()(folder)
    _cut_in_half(folder / "a.nii.gz")


def _dicom(folder: Path) -> None:
    (folder / "slice.dcm").write_bytes(b"DICM")


def _existing_config(bench: Bench) -> list[object]:
    (bench.home / "scans.yaml").write_text("mine", encoding="utf-8")
    return _init(_scans())(bench)


def _nnunet_regions(folder: Path) -> None:
    (folder / "imagesTr").mkdir()
    (folder / "labelsTr").mkdir()
    _save(_image())(folder / "imagesTr/a_0000.nii.gz")
    _save(_label())(folder / "labelsTr/a.nii.gz")
    labels = {"background": 0, "whole": [1, 2], "core": 2}
    description = {"channel_names": {"0": "MRI"}, "labels": labels, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")


OWN_DATA = [
    BadInput("no such folder", "init", "There is no folder", 2, lambda _: ["init", "nowhere", "--yes"]),
    BadInput("an empty folder", "init", "could be matched with a label", 2, _init(lambda _: None)),
    BadInput("DICOM", "init", "dcm2niix", 2, _init(_dicom)),
    BadInput("images without labels", "init", "2 images and 0 labels", 2, _init(_no_labels)),
    BadInput("one case", "init", "Only one case was found", 2, _init(_scans(names=("a",)))),
    BadInput("two labels of one image", "init", "nothing is guessed", 2, _init(_two_labels)),
    BadInput("no terminal to ask on", "init", "add --yes", 2, _init(_scans(), yes=False)),
    BadInput("a configuration that is there", "init", "there already", 2, _existing_config),
    BadInput("masks of 0 and 255", "init", "--renumber", 2, _init(_scans(_label(255)))),
    BadInput("fractional labels", "init", "no whole numbers", 2, _init(_scans(_label(0.5, np.float32)))),
    BadInput("empty labels", "init", "No label map marks a voxel", 2, _init(_scans(_label(0)))),
    BadInput("more names than labels", "init", "names 2 classes", 2, _init(_scans(), "--label-names", "a,b")),
    BadInput(
        "a pattern that names nothing", "init", "names none of", 2, _init(_scans(), "--labels", "*_gt.nii")
    ),
    BadInput(
        "other numbers of channels", "init", "differ in their number of channels", 2, _init(_other_channels)
    ),
    BadInput("a damaged image", "init", "is damaged", 2, _init(_damaged_scan)),
    BadInput("nnU-Net's region labels", "init", "region", 2, _init(_nnunet_regions)),
    BadInput(
        *("nnU-Net's own description", "check", "segtrail init", 2),
        lambda bench: ["check", _init(_nnunet_regions)(bench)[1]],
    ),
]

DISK_AND_RIGHTS = [
    BadInput(
        *("a file where the output folder should be", "train", "can't be written: File exists", 2),
        _file_for_a_folder,
    ),
    BadInput(
        *("an output folder that can't be written", "train", "can't be written: Permission denied", 2),
        lambda bench: _locked(bench, bench.home / "locked", 0o500, _train("paths.output_root=locked/here")),
        "another user",
    ),
    BadInput(
        *("a configuration that can't be read", "train", "can't be read: Permission denied", 2),
        lambda bench: _locked(bench, bench.config, 0, _train()),
        "another user",
    ),
    BadInput(
        *("a data set that can't be read", "check", "can't be read: Permission denied", 2),
        lambda bench: _locked(
            bench, bench.data.root / "dataset.json", 0, lambda _: ["check", bench.data.root]
        ),
        "another user",
    ),
    BadInput(
        *("an image that can't be read", "check", "can't be read: Permission denied", 1),
        lambda bench: _locked(
            bench, bench.data.root / "imagesTr/case_1.nii.gz", 0, lambda _: ["check", bench.data.root]
        ),
        "another user",
    ),
    BadInput(
        *("a folder that can't be entered", "check", "can't be read: Permission denied", 1),
        lambda bench: _locked(bench, bench.data.root / "imagesTr", 0, lambda _: ["check", bench.data.root]),
        "another user",
    ),
    BadInput(
        *("a data set behind a folder that can't be entered", "check", "can't be read: Permission denied", 2),
        lambda bench: _locked(bench, bench.data.root, 0, lambda _: ["check", bench.data.root]),
        "another user",
    ),
    BadInput(
        *("a checkpoint that can't be read", "evaluate", "can't be read", 2),
        lambda bench: _locked(
            bench,
            bench.run() / "checkpoints" / "best.pt",
            0,
            lambda _: ["evaluate", bench.run(), "--data", "data"],
        ),
        "another user",
    ),
    BadInput(
        *("addenda that can't be written", "report", "Nothing can be added to", 2),
        lambda bench: _locked(
            bench, _without_report(bench) / "addenda", 0o500, lambda _: ["report", bench.run()]
        ),
        "another user",
    ),
    BadInput(
        *("addenda that can't be written", "note", "Nothing can be added to", 2),
        lambda bench: _locked(bench, bench.run() / "addenda", 0o500, _of_run("note", "kept")),
        "another user",
    ),
    BadInput(
        *("addenda that can't be written", "evaluate --save", "can't be saved", 2),
        lambda bench: _locked(
            bench,
            bench.run() / "addenda",
            0o500,
            lambda _: ["evaluate", bench.run(), "--data", "data", "--save"],
        ),
        "another user",
    ),
    BadInput(
        *("an output folder that can't be written", "predict", "can't be written: Permission denied", 2),
        lambda bench: _locked(bench, bench.home / "locked", 0o500, _predict(IMAGE, output="locked/out")),
        "another user",
    ),
    BadInput(
        *("an image that can't be read", "predict", "can't be read: Permission denied", 1),
        lambda bench: _locked(bench, bench.home / IMAGE, 0, _predict(IMAGE)),
        "another user",
    ),
    BadInput(
        *("a folder that can't be written", "init", "Nothing was written", 2),
        lambda bench: _locked(bench, bench.home / "scans", 0o500, _init(_scans())),
        "another user",
    ),
    BadInput(
        *("a file where the output folder should be", "cv", "can't be made in", 2),
        lambda bench: [_file_for_a_folder(bench), _cross_validate("--folds", "2")(bench)][1],
    ),
    BadInput(
        *("an output folder that can't be written", "cv", "can't be made in", 2),
        lambda bench: _locked(
            *(bench, bench.home / "locked", 0o500),
            _cross_validate(
                f"paths.cache_root={bench.home / 'cache'}", "--output-root", "locked", "--folds", "2"
            ),
        ),
        "another user",
    ),
    BadInput("a full disk", "cv", "can't be read or written", 2, _cross_validate("--folds", "2"), 45_000),
    BadInput(
        "a full disk, in its folder",
        "cv",
        "can't be read or written",
        2,
        _cross_validate("--folds", "2"),
        500,
    ),
    BadInput("a full disk", "predict", "can't be written", 2, _predict(IMAGE), 3000),
    BadInput("a full disk", "init", "can't be written", 2, _init(_scans()), 900),
    BadInput("a full disk, in the cache", "train", "can't be written to the cache", 2, _train(), 4000),
    BadInput("a full disk, at the checkpoint", "train", "can't be read or written", 2, _train(), 45_000),
    BadInput("a full disk", "report", "can't be written", 2, lambda bench: ["report", bench.run()], 45_000),
    BadInput("a full disk", "check", "can't be written", 2, lambda bench: ["check", bench.data.root], 16_000),
    BadInput(
        *("addenda that can't be written", "export --share", "Nothing can be added to", 2),
        lambda bench: _locked(bench, bench.run() / "addenda", 0o500, lambda _: _shared(bench.run())),
        "another user",
    ),
    BadInput(
        *("a folder that can't be written", "export --share", "can't be written: Permission denied", 2),
        lambda bench: _locked(
            *(bench, bench.home / "locked", 0o500),
            lambda _: ["export", bench.run(), "--share", "--output", "locked"],
        ),
        "another user",
    ),
    BadInput(
        "a full disk",
        "export --share",
        "No part of a copy was left",
        2,
        lambda bench: _shared(bench.run()),
        9000,
    ),
    BadInput(
        *("a full disk", "evaluate --save", "can't be saved", 2),
        lambda bench: ["evaluate", bench.run(), "--data", "data", "--save"],
        100,
    ),
]


def _locked(bench: Bench, path: Path, mode: int, arrange: Callable[[Bench], list[object]]) -> list[object]:
    arguments = arrange(bench)
    if not path.exists():
        path.mkdir()
    path.chmod(mode)
    return arguments


def _picture(bench: Bench) -> str:
    return next(path.name for path in sorted((bench.run() / "examples").glob("*.png")))


def _swap_weights(bench: Bench) -> list[object]:
    import torch

    path = bench.run() / "checkpoints" / "best.pt"
    content = torch.load(path, weights_only=True)
    content["networks"]["main"] = {"weight": torch.zeros(3)}
    torch.save(content, path)
    return ["evaluate", bench.run(), "--data", "data"]


def _archive(*options: object) -> Callable[[Bench], list[object]]:
    return lambda bench: ["archive", bench.run(), "--to", bench.home / "place", *options]


def _archive_after(change: Callable[[Path], object]) -> Callable[[Bench], list[object]]:
    def arrange(bench: Bench) -> list[object]:
        change(bench.run())
        return _archive()(bench)

    return arrange


def _of_run(command: str, *arguments: str) -> Callable[[Bench], list[object]]:
    return lambda bench: [command, bench.run(), *arguments]


def _write_log(content: bytes) -> Callable[[Bench], list[object]]:
    def arrange(bench: Bench) -> list[object]:
        bench.run()
        (bench.home / "LOG.md").write_bytes(content)
        return ["log", "--output-root", bench.outputs, "--write", "LOG.md"]

    return arrange


def _archived(bench: Bench) -> Path:
    from segtrail.archive.archive_run import ArchiveRequest, archive_run
    from segtrail.archive.description import make_retention
    from segtrail.progress import Narrator

    request = ArchiveRequest(bench.home / "place", make_retention(None, None))
    path = archive_run(bench.finished_run, request, Narrator(sys.stderr)).path
    path.chmod(0o644)
    return path


def _archived_before(bench: Bench) -> list[object]:
    _archived(bench)
    return _archive("--retention", "study")(bench)


def _restore_after(change: Callable[[Path], object], *options: object) -> Callable[[Bench], list[object]]:
    def arrange(bench: Bench) -> list[object]:
        path = _archived(bench)
        change(path)
        return ["restore", path, "--to", bench.home / "back", *options]

    return arrange


def _add_link(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as packed:
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        packed.writestr(link, "/etc/passwd")


def _flip_in_the_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _restore_over(bench: Bench) -> list[object]:
    bench.run()
    return ["restore", _archived(bench)]


ARCHIVES = [
    BadInput("a run that is not sealed", "archive", "is not sealed", 2, _archive_after(unseal)),
    BadInput(
        *("a run that was changed", "archive", "its record does not hold: train.log was", 1),
        _archive_after(lambda run: (run / "train.log").write_text("changed", encoding="utf-8")),
    ),
    BadInput("no date", "archive", "expected a date", 2, _archive("--keep-until", "next year")),
    BadInput("data without --with-data", "archive", "only with --with-data", 2, _archive("--data", "data")),
    BadInput(
        *("data that lie nobody knows where", "archive", "Say it with --data DIR", 2), _archive("--with-data")
    ),
    BadInput(
        *("data that were moved", "archive", "There is no folder", 2),
        _archive("--with-data", "--data", "nowhere"),
    ),
    BadInput(
        *("data of which a case is missing", "archive", "case case_4: imagesTr/case_4.nii.gz is missing", 1),
        _archive("--with-data", "--data", "data"),
    ),
    BadInput("another archive of the run", "archive", "--again writes another", 2, _archived_before),
    BadInput(
        *("a run as the place", "archive", "lies in the run itself", 2),
        lambda bench: ["archive", bench.run(), "--to", bench.run() / "archive"],
    ),
    BadInput("no such file", "restore", "can't be read", 2, lambda _: ["restore", "nowhere.segtrail.zip"]),
    BadInput(
        *("a file that is no archive", "restore", "is no archive of segtrail", 1),
        lambda bench: ["restore", bench.config],
    ),
    BadInput("an archive cut off", "restore", "was cut off within run_", 1, _restore_after(_cut_in_half)),
    BadInput("a damaged archive", "restore", "is damaged in run_", 1, _restore_after(_flip_in_the_middle)),
    BadInput("a link in it", "restore", "holds link, which is a link", 1, _restore_after(_add_link)),
    BadInput(
        *("no data in it", "restore", "was made without data", 2),
        _restore_after(lambda _: None, "--with-data"),
    ),
    BadInput("a run that is there", "restore", "is there already", 2, _restore_over),
    BadInput(
        *("a place that can't be written", "archive", "can't be written: Permission denied", 2),
        lambda bench: _locked(bench, bench.home / "place", 0o500, _archive()),
        "another user",
    ),
    BadInput("a full disk", "archive", "No part of an archive was left", 2, _archive(), 45_000),
    BadInput("a full disk", "restore", "can't be restored to", 2, _restore_after(lambda _: None), 45_000),
]


def _unsealed(*arguments: str) -> Callable[[Bench], list[object]]:
    return lambda bench: [arguments[0], unseal(bench.run()), *arguments[1:]]


EXPERIMENTS = [
    BadInput("no run yet", "log", "There is no run in", 2, lambda _: ["log"]),
    BadInput(
        *("an unknown column", "log", "the nearest known one is learning_rate", 2),
        lambda _: ["log", "--columns", "learningrate"],
    ),
    BadInput("a file in another encoding", "log --write", "is no text in UTF-8", 2, _write_log(b"\xff\xfe")),
    BadInput(
        *("a file with one of two marks", "log --write", "nobody can say what is to be replaced", 2),
        _write_log(b"<!-- segtrail log: begin -->\n"),
    ),
    BadInput(
        *("a column of one's own in the block", "log --write", "has a column 'Outcome'", 2),
        _write_log(
            b"<!-- segtrail log: begin -->\n| Run ID | Outcome |\n| --- | --- |\n<!-- segtrail log: end -->\n"
        ),
    ),
    BadInput("an empty note", "note", "The note is empty", 2, _of_run("note", " ")),
    BadInput("a note too long", "note", "at most 10,000 are taken", 2, _of_run("note", "x" * 10_001)),
    BadInput("control characters", "note", "holds control characters", 2, _of_run("note", "\x1b[2J")),
    BadInput(
        *("an empty name", "signoff", "--name is empty", 2),
        _of_run("signoff", "--name", "", "--meaning", "reviewed"),
    ),
    BadInput(
        *("a run that is not sealed", "signoff", "is not sealed", 2),
        _unsealed("signoff", "--name", "Ada", "--meaning", "reviewed"),
    ),
    BadInput(
        *("a run that was changed", "signoff", "is not what was sealed", 1),
        _run_file(
            "train.log", _write(b"All went well."), "signoff", "--name", "Ada", "--meaning", "reviewed"
        ),
    ),
    BadInput("a run that is not sealed", "tag", "is not sealed", 2, _unsealed("tag", "v0.2.0")),
    BadInput("no repository", "tag", "lies in no git working copy", 2, _of_run("tag", "v0.2.0")),
]


def _record(*options: object, code: str = "") -> Callable[[Bench], list[object]]:
    """Record a script that does nothing, with label maps and references beside it."""

    def arrange(bench: Bench) -> list[object]:
        (bench.home / "script.py").write_text(code, encoding="utf-8")
        (bench.home / "empty").mkdir()
        (bench.home / "references").mkdir()
        for folder in ("maps", "references"):
            (bench.home / folder).mkdir(exist_ok=True)
        bench.data.write_volume("../maps/a.nii.gz", np.ones(SHAPE, np.uint8), AFFINE)
        return ["record", *options, "--", sys.executable, "script.py"]

    return arrange


RECORDED: list[BadInput] = [
    BadInput("no command", "record", "Which command?", 2, lambda _: ["record"]),
    BadInput(
        "a program that is not there",
        "record",
        "is not found",
        2,
        lambda _: ["record", "--", "no_such_program"],
    ),
    BadInput("no such data set", "record", "which --data names", 2, _record("--data", "nowhere")),
    BadInput("an empty data set", "record", "holds no file", 2, _record("--data", "empty")),
    BadInput(
        "outputs that hold the records",
        "record",
        "holds the folder of the records themselves",
        2,
        _record("--outputs", "outputs"),
    ),
    BadInput("outputs that are a file", "record", "is no folder", 2, _record("--outputs", "script.py")),
    BadInput(
        "label maps without references", "record", "without --references", 2, _record("--predictions", "maps")
    ),
    BadInput(
        "results without an adapter", "record", "name it too, as --adapter", 2, _record("--results", "maps")
    ),
    BadInput(
        "label maps beside an adapter",
        "record",
        "is for programs without an adapter",
        2,
        _record("--adapter", "nnunet", "--predictions", "maps", "--references", "references"),
    ),
    BadInput(
        "a Python that is none",
        "record",
        "gives no answer as a Python",
        2,
        _record("--python", "script.py"),
    ),
    BadInput(
        "a disk that can't be written", "record", "can't be written", 2, _record("--output-root", "script.py")
    ),
]

SECOND_RUN = "run_20200101_000000"


def _compare(
    *options: object, change: Callable[[Path], object] = lambda _: None
) -> Callable[[Bench], list[object]]:
    """Compare the finished run with a copy under another ID, which a bad input changes."""

    def arrange(bench: Bench) -> list[object]:
        first = bench.run()
        second = copy_run(first, bench.outputs / "runs" / SECOND_RUN)
        _replace_in(first.name, second.name)(second / "run.json")
        change(second)
        (bench.home / "full").mkdir()
        (bench.home / "full" / "thesis.txt").write_text("mine", encoding="utf-8")
        return ["compare", first, second, *options]

    return arrange


def _without_metrics(status: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        (run / "metrics_cases.csv").unlink()
        _replace_in('"status": "finished"', f'"status": "{status}"')(run / "run.json")

    return change


def _of_other_cases(run: Path) -> None:
    for name in ("metrics_cases.csv", "dataset_summary.json"):
        path = run / name
        path.write_text(path.read_text(encoding="utf-8").replace("case_", "other_"), encoding="utf-8")
    path = run / "dataset_summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    for case in summary["cases"]:
        case["image"]["sha256_voxels"] = f"{case['image']['sha256_voxels'][:-6]}abcdef"
    path.write_text(json.dumps(summary), encoding="utf-8")


def _compare_with_a_shared_copy(bench: Bench) -> list[object]:
    run = bench.run()
    copied = bench.home / "shared"
    shutil.copytree(run, copied)
    (copied / "journal.jsonl").unlink()
    (copied / "share.json").write_text("{}", encoding="utf-8")
    return ["compare", run, copied]


def _compare_into_its_own_run(bench: Bench) -> list[object]:
    arguments = _compare()(bench)
    return [*arguments, "--output", bench.run() / "compared"]


COMPARISON: list[BadInput] = [
    BadInput("one run", "compare", "Name two or more", 2, lambda bench: ["compare", bench.run()]),
    BadInput(
        *("a run twice", "compare", "is given more than once", 2),
        lambda bench: ["compare", bench.run(), bench.run()],
    ),
    BadInput(
        *("nine runs", "compare", "at most 8 can be compared", 2),
        lambda bench: ["compare", *[bench.run()] * 9],
    ),
    BadInput(
        *("an unknown run", "compare", "is neither a run folder nor the ID of a run", 2),
        lambda bench: ["compare", bench.run(), "nowhere", "--output-root", bench.outputs],
    ),
    BadInput("a shared copy", "compare", "is a shared copy of a run", 2, _compare_with_a_shared_copy),
    BadInput("an unknown side", "compare", "expected val or test", 2, _compare("--side", "train")),
    BadInput("an unknown metric", "compare", "Choose from: dice", 2, _compare("--metrics", "dise")),
    BadInput(
        *("a run still in training", "compare", "it is still in training, or was killed", 2),
        _compare(change=_without_metrics("running")),
    ),
    BadInput(
        *("a run that failed before it was measured", "compare", "its status is failed", 2),
        _compare(change=_without_metrics("failed")),
    ),
    BadInput(
        *("half a run", "compare", "although it is finished", 2),
        _compare(change=_without_metrics("finished")),
    ),
    BadInput(
        *("a damaged table of cases", "compare", f"metrics_cases.csv of the run {SECOND_RUN} is damaged", 2),
        _compare(change=lambda run: _replace_in(",val,", ",")(run / "metrics_cases.csv")),
    ),
    BadInput(
        *("a table of cases without cases", "compare", "holds no case", 2),
        _compare(change=lambda run: (run / "metrics_cases.csv").write_bytes(b"case,split,class\n")),
    ),
    BadInput(
        *("a case twice in a table", "compare", "stands there twice", 2),
        _compare(change=lambda run: _double_last_line(run / "metrics_cases.csv")),
    ),
    BadInput(
        *("a damaged run.json", "compare", "is not valid JSON", 2),
        _compare(change=lambda run: _cut_in_half(run / "run.json")),
    ),
    BadInput(
        *("runs of other cases", "compare", "have no test or validation case in common", 2),
        _compare(change=_of_other_cases),
    ),
    BadInput(
        *("a folder that holds something else", "compare", "holds something else: thesis.txt", 2),
        _compare("--output", "full"),
    ),
    BadInput(
        *("a file in the folder's place", "compare", "is no folder", 2),
        _compare("--output", "full/thesis.txt"),
    ),
    BadInput("a folder in a run", "compare", "which is not written", 2, _compare_into_its_own_run),
    BadInput("no name of a folder", "compare", "--output is empty", 2, _compare("--output", "")),
    BadInput(
        *("a full disk", "compare", "can't be written", 2),
        _compare("--output", "compared"),
        setting=2000,
    ),
]


def _runs(*arguments: object) -> Callable[[Bench], list[object]]:
    def arrange(bench: Bench) -> list[object]:
        bench.run()
        return ["runs", *arguments, "--output-root", bench.outputs]

    return arrange


SEARCH = [
    BadInput("no run is there", "runs", "There is no run in", 2, lambda b: ["runs", "--output-root", b.home]),
    BadInput(
        "a comparison without a value", "runs", "The search has dice> without a value", 2, _runs("dice>")
    ),
    BadInput("a number that is none", "runs", "expected a number", 2, _runs("dice>good")),
    BadInput("a time that is none", "runs", "expected a time in UTC", 2, _runs("since=yesterday")),
    BadInput(
        "a quotation mark alone",
        "runs",
        "a quotation mark stands alone or within a word",
        2,
        _runs('"rotation'),
    ),
    BadInput("blanks around a sign", "runs", "has no column before it", 2, _runs("dice", "> 0.8")),
    BadInput("only signs", "runs", "neither a letter nor a digit", 2, _runs("?!")),
    BadInput("two formats", "runs", "only one of them is made", 2, _runs("--json", "--csv", "runs.csv")),
]


def _export(to: str, *options: str) -> Callable[[Bench], list[object]]:
    return lambda bench: ["export", bench.run(), "--to", to, *options]


def _export_without(name: str, to: str) -> Callable[[Bench], list[object]]:
    def arrange(bench: Bench) -> list[object]:
        (bench.run() / name).unlink()
        return ["export", bench.run(), "--to", to, "--output", "exports"]

    return arrange


def _export_unfinished(to: str) -> Callable[[Bench], list[object]]:
    def arrange(bench: Bench) -> list[object]:
        _replace_in('"status": "finished"', '"status": "interrupted"')(bench.run() / "run.json")
        return ["export", bench.run(), "--to", to, "--output", "exports"]

    return arrange


def _export_over_another_folder(bench: Bench) -> list[object]:
    there = bench.home / "exports" / f"{bench.finished_run.name}_croissant"
    there.mkdir(parents=True)
    (there / "mine.txt").write_text("mine", encoding="utf-8")
    return ["export", bench.run(), "--to", "croissant", "--output", "exports"]


EXPORTS = [
    BadInput(
        "neither a tool nor --share",
        "export",
        "What is to be made of the run?",
        2,
        lambda b: ["export", b.run()],
    ),
    BadInput(
        "an unknown tool", "export", "'wandb' is not one of", 2, _export("wandb", "--output", "exports")
    ),
    BadInput("no place for it", "export", "Name a folder with --output DIR", 2, _export("onnx")),
    BadInput(
        *("a place in the run", "export", "lies in the run itself", 2),
        lambda bench: ["export", bench.run(), "--to", "ro-crate", "--output", bench.run()],
    ),
    BadInput("something else is there", "export", "holds something else", 2, _export_over_another_folder),
    BadInput(
        *("an option of another tool", "export", "goes with --to mlflow alone", 2),
        _export("onnx", "--output", "exports", "--tracking-uri", "http://localhost:5000"),
    ),
    BadInput(
        *("no such run", "export", "neither a run folder nor the ID of a run", 2),
        lambda _: ["export", "nowhere", "--to", "mlflow", "--tracking-uri", "sqlite:///mlflow.db"],
    ),
    BadInput(
        "a store of plain files",
        "export",
        "is no tracking server",
        2,
        _export("mlflow", "--tracking-uri", "mlruns"),
    ),
    BadInput("a run that is not finished", "export", "is not exported", 2, _export_unfinished("onnx")),
    BadInput("a run that is not finished", "export", "may go on", 2, _export_unfinished("tensorboard")),
    BadInput(
        *("no weights", "export", "there is no network to export", 2),
        _export_without("checkpoints/best.pt", "monai-bundle"),
    ),
    BadInput(
        *("no summary of the data", "export", "which files it was trained on", 2),
        _export_without("dataset_summary.json", "croissant"),
    ),
    BadInput(
        *("a file of a sealed run is missing", "export", "not those on record", 1),
        _export_without("history.csv", "ro-crate"),
    ),
    BadInput(
        *("a full disk", "export", "can't be copied", 2),
        _export("ro-crate", "--output", "exports"),
        setting=2000,
    ),
]


def _double_last_line(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines, lines[-1]]) + "\n", encoding="utf-8")


GROUPS = {
    "Command line": COMMAND_LINE,
    "Configuration": CONFIGURATION,
    "Description of the data set": DESCRIPTION,
    "Images and labels": VOLUMES,
    "Run folders": RUNS,
    "Checkpoints": CHECKPOINTS,
    "Cross-validation": CROSS_VALIDATION,
    "Prediction": PREDICTION,
    "Your own data": OWN_DATA,
    "Archives": ARCHIVES,
    "Experiment log": EXPERIMENTS,
    "Trainings of other programs": RECORDED,
    "Comparison": COMPARISON,
    "Search of runs": SEARCH,
    "Exports": EXPORTS,
    "Disk and rights": DISK_AND_RIGHTS,
}


def page() -> str:
    """Return the text of docs/bad-input.md."""
    count = sum(len(inputs) for inputs in GROUPS.values())
    lines = [
        "# What is said of bad input",
        "",
        f"{count} bad inputs over all commands, each tried by a test: the message holds these words, the exit code is",
        "this one, no traceback is shown, nothing is left half-written and nothing that was there is changed. With",
        "`--json` the same message is the key `error` of the one JSON object; for `check` that found errors it is the",
        "answer itself.",
    ]
    for title, inputs in GROUPS.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| what is wrong | command | what is said | exit code |",
            "| --- | --- | --- | --- |",
        ]
        lines += [
            f"| {item.what} | `{item.command}` | {item.message} | {item.exit_code} |" for item in inputs
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
