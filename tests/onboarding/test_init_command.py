"""`segtrail init`: what it writes, what it says, and that it never overwrites or half-writes."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from segtrail.config.load import load_config
from segtrail.dataset.description import read_description


def box_label(value=1):
    label = np.zeros((20, 18, 14), dtype=np.uint8)
    label[6:13, 5:12, 4:9] = value
    return label


def init(segtrail, folder, *options):
    """Run init, which must succeed, and return its answer."""
    result = segtrail("init", folder, "--yes", "--json", *options)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refusal(segtrail, folder, *options):
    """Run init, which must refuse, and return what it says."""
    before = everything()
    result = segtrail("init", folder, "--yes", *options)
    assert result.exit_code == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert everything() == before
    return result.stderr


def everything():
    return {str(file): file.read_bytes() for file in Path().rglob("*") if file.is_file()}


class Terminal(io.StringIO):
    def isatty(self):
        return True


# What is written


def test_the_description_and_the_configuration_are_usable_at_once(segtrail, two_scans):
    answer = init(segtrail, two_scans.root, "--label-names", "left atrium", "--channels", "T1")
    description = read_description(two_scans.root)
    assert [case.case for case in description.cases] == ["case_01", "case_02"]
    assert description.labels == {0: "background", 1: "left atrium"}
    assert description.modality == {"0": "T1"}
    config = load_config(Path("my_scans.yaml"))
    assert config.paths.data_root == "my_scans"
    assert config.preprocess.spacing == (1, 1, 2)
    assert answer["config"] == "my_scans.yaml"


def test_the_answer_for_json_says_what_was_matched(segtrail, two_scans):
    two_scans.add_image("images/alone.nii.gz")
    answer = init(segtrail, two_scans.root)
    assert answer["schema_version"] == 1
    assert answer["cases"][0] == {
        "case": "case_01",
        "image": ["images/case_01.nii.gz"],
        "label": "labels/case_01.nii.gz",
        "group": None,
    }
    assert answer["unmatched"] == {"images": ["images/alone.nii.gz"], "labels": []}
    assert answer["labels"] == {"0": "background", "1": "class 1"}
    assert answer["channels"] == ["image"]
    assert answer["spacing_mm"] == [1, 1, 2]
    assert answer["patch_size"] == [32, 32, 16]


def test_what_was_matched_is_shown_with_the_next_commands(segtrail, scans):
    folder = scans(*((f"images/{n:02}.nii", f"labels/{n:02}.nii") for n in range(12)))
    said = segtrail("init", folder.root, "--yes").stdout
    assert "images/09.nii" in said
    assert "images/10.nii" not in said
    assert "and 2 more" in said
    assert said.endswith("segtrail check my_scans\n  segtrail train my_scans.yaml\n")


def test_a_case_is_named_by_its_folder(segtrail, scans):
    folder = scans(*((f"{case}/image.nii.gz", f"{case}/label.nii.gz") for case in ("anna", "bert")))
    init(segtrail, folder.root)
    assert [case.case for case in read_description(folder.root).cases] == ["anna", "bert"]


def test_scans_of_one_subject_can_be_split_at_once(segtrail, scans):
    folder = scans(
        *(
            (f"sub-{subject}/{scan}_T1w.nii.gz", f"derivatives/sub-{subject}/{scan}_T1w_dseg.nii.gz")
            for subject in (1, 2)
            for scan in (f"sub-{subject}_ses-{n}" for n in (1, 2, 3))
        )
    )
    init(segtrail, folder.root)
    assert {case.group for case in read_description(folder.root).cases} == {"sub-1", "sub-2"}
    train(segtrail, "my_scans.yaml")


def test_spaces_and_unicode_in_names_are_kept(segtrail, scans):
    folder = scans(
        *((f"Bilder Ü/Fräulein Çelik {n}.nii.gz", f"Masks/Fräulein Çelik {n}.nii.gz") for n in (1, 2)),
        name="Meine Scans ♥",
    )
    answer = init(segtrail, folder.root, "--images", "Bilder*")
    assert read_description(folder.root).name == "Meine Scans ♥"
    assert answer["config"] == "Meine_Scans.yaml"
    assert load_config(Path("Meine_Scans.yaml")).paths.data_root == "Meine Scans ♥"
    train(segtrail, "Meine_Scans.yaml")


def test_channels_in_files_of_their_own_are_joined(segtrail, scans):
    folder = scans()
    for case in ("a", "b", "c"):
        for end in ("t1", "t2"):
            folder.add_image(f"{case}/{case}_{end}.nii.gz")
        folder.add_label(f"{case}/{case}_seg.nii.gz")
    init(segtrail, folder.root, "--channels", "t2,t1")
    description = read_description(folder.root)
    assert description.modality == {"0": "t2", "1": "t1"}
    assert description.cases[0].images == ("a/a_t2.nii.gz", "a/a_t1.nii.gz")
    train(segtrail, "my_scans.yaml")


def test_a_fourth_dimension_gives_the_channels(segtrail, scans):
    folder = scans()
    for case in ("a", "b"):
        noise = np.random.default_rng(1).normal(size=(20, 18, 14, 3)).astype(np.float32)
        folder.add_image(f"{case}.nii.gz", noise)
        folder.add_label(f"{case}_seg.nii.gz")
    assert init(segtrail, folder.root)["channels"] == ["channel 1", "channel 2", "channel 3"]
    assert "the images have 3" in refusal(segtrail, folder.root, "--channels", "T1,T2", "--overwrite")


def test_images_of_different_channels_are_listed(segtrail, two_scans):
    two_scans.add_image("images/case_02.nii.gz", np.zeros((20, 18, 14, 2), np.float32))
    said = refusal(segtrail, two_scans.root)
    assert "1 in case_01; 2 in case_02" in said


def test_ct_gets_a_window_from_what_lies_under_the_labels(segtrail, scans):
    folder = scans()
    for case in ("a", "b"):
        image = np.full((20, 18, 14), -1000, np.int16)
        image[box_label() == 1] = np.random.default_rng(0).integers(40, 60, box_label().sum())
        folder.add_image(f"{case}.nii.gz", image)
        folder.add_label(f"{case}_seg.nii.gz")
    assert init(segtrail, folder.root)["channels"] == ["CT"]
    preprocess = load_config(Path("my_scans.yaml")).preprocess
    assert preprocess.normalisation == "window"
    assert preprocess.intensity_window == (40, 59)


def test_axes_are_those_of_the_body_not_of_the_file(segtrail, scans):
    sagittal = np.array([[0, 0, 3.0, 0], [1.0, 0, 0, 0], [0, -2.0, 0, 0], [0, 0, 0, 1]])
    folder = scans()
    for case in ("a", "b"):
        folder.add_image(f"{case}.nii.gz", affine=sagittal)
        folder.add_label(f"{case}_seg.nii.gz", affine=sagittal)
    assert init(segtrail, folder.root)["spacing_mm"] == [3, 1, 2]


# Label values


def test_values_with_gaps_are_refused_with_the_way_out(segtrail, two_scans):
    two_scans.add_label("labels/case_02.nii.gz", box_label(255))
    said = refusal(segtrail, two_scans.root)
    assert "0, 1, 255" in said
    assert "labels/case_02.nii.gz" in said
    assert "--renumber" in said


def test_renumbered_copies_lie_on_the_same_grid_and_originals_stay(segtrail, two_scans):
    two_scans.add_label("labels/case_02.nii.gz", box_label(255))
    original = (two_scans.root / "labels/case_02.nii.gz").read_bytes()
    answer = init(segtrail, two_scans.root, "--renumber", "--label-names", "wall,cavity")
    assert answer["renumbered"] == {"1": 1, "255": 2}
    assert (two_scans.root / "labels/case_02.nii.gz").read_bytes() == original
    copy = nibabel.load(two_scans.root / "labels_segtrail/case_02.nii.gz")
    assert np.array_equal(np.asarray(copy.dataobj), box_label(2))
    assert np.array_equal(copy.affine, nibabel.load(two_scans.root / "labels/case_02.nii.gz").affine)
    assert json.loads((two_scans.root / "dataset.json").read_text("utf-8"))["renumbered"] == {
        "1": 1,
        "255": 2,
    }
    assert read_description(two_scans.root).cases[1].label == "labels_segtrail/case_02.nii.gz"
    train(segtrail, "my_scans.yaml")


def test_renumbered_copies_are_not_taken_for_labels_of_their_own(segtrail, two_scans):
    two_scans.add_label("labels/case_02.nii.gz", box_label(2))
    two_scans.add_label("labels/case_01.nii.gz", box_label(2))
    init(segtrail, two_scans.root, "--renumber")
    (two_scans.root / "dataset.json").unlink()
    again = init(segtrail, two_scans.root, "--renumber", "--overwrite")
    assert again["cases"][0]["label"] == "labels_segtrail/case_01.nii.gz"
    assert (two_scans.root / "labels_segtrail.old").is_dir()


def test_nothing_stays_when_the_configuration_cannot_be_written(segtrail, two_scans, monkeypatch):
    from segtrail.onboarding import destination

    def full(path, text):
        if path.suffix == ".yaml":
            raise OSError(28, "No space left on device")
        path.write_text(text, encoding="utf-8")

    two_scans.add_label("labels/case_02.nii.gz", box_label(3))
    monkeypatch.setattr(destination, "write_text", full)
    assert "No space left on device" in refusal(segtrail, two_scans.root, "--renumber")
    assert not (two_scans.root / "labels_segtrail").exists()


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (box_label() * np.float32(0.5), "no whole numbers: 0.5"),
        (box_label().astype(np.int16) * -1, "negative values: -1"),
        (box_label() * 0, "No label map marks a voxel"),
        (np.arange(5040, dtype=np.int16).reshape(20, 18, 14), "more than 256"),
        (np.zeros((20, 18, 14, 2), np.uint8), "has 2 channels"),
    ],
)
def test_labels_that_are_none_are_refused(segtrail, scans, label, said):
    folder = scans()
    for case in ("a", "b"):
        folder.add_image(f"images/{case}.nii.gz")
        folder.add_label(f"labels/{case}.nii.gz", label)
    assert said in refusal(segtrail, folder.root)
    assert "labels/a.nii.gz" in refusal(segtrail, folder.root)


@pytest.mark.parametrize("names", ["liver,tumour", "liver,liver"])
def test_names_that_do_not_fit_the_label_values_are_refused(segtrail, two_scans, names):
    assert "--label-names names 2 classes" in refusal(segtrail, two_scans.root, "--label-names", names)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--label-names", "background", "--label-names holds background"),
        ("--label-names", "a,,b", "Name 2 in --label-names is empty"),
        ("--label-names", "  ", "Name 1 in --label-names is empty"),
        ("--label-names", "x\ty", "Name 1 in --label-names holds control characters"),
        ("--label-names", "x" * 201, "Name 1 in --label-names is longer than 200"),
        ("--channels", "t1,", "Name 2 in --channels is empty"),
        ("--channels", "t1,t1", "--channels names 2 channels"),
        ("--name", "x\ny", "--name holds control characters"),
        ("--name", "   ", "--name is empty"),
        ("--name", "ü" * 101, "--name is longer than 200"),
    ],
)
def test_names_that_the_next_command_would_refuse_are_refused_at_once(
    segtrail, two_scans, option, value, said
):
    assert said in " ".join(refusal(segtrail, two_scans.root, option, value).split())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_case_name_that_windows_cannot_hold_is_refused(segtrail, scans):
    folder = scans(*((f"images/{case}.nii.gz", f"labels/{case}.nii.gz") for case in ("con", "b")))
    assert 'the case name "con" can\'t be the name of a file on Windows' in refusal(segtrail, folder.root)


# What can't be worked with


def test_a_folder_without_matches_is_answered_with_an_example(segtrail, scans):
    folder = scans()
    folder.add_image("ct/a.nii.gz")
    (folder.root / "b.dcm").touch()
    said = refusal(segtrail, folder.root)
    assert "my_scans/images/case_01.nii.gz" in said
    assert "1 .dcm" in said


def test_a_folder_without_matches_is_answered_with_the_files_that_are_there(segtrail, scans):
    folder = scans()
    folder.add_image("images/a.nii.gz")
    folder.add_label("labels/b.nii.gz")
    (folder.root / "c.NII.GZ").touch()
    (folder.root / "d.mhd").touch()
    (folder.root / "e.seg.nrrd").touch()
    said = refusal(segtrail, folder.root)
    assert "Images: images/a.nii.gz" in said
    assert "Labels: labels/b.nii.gz" in said
    assert "lower case" in said
    assert "1 .mhd, 1 .nrrd" in said
    assert "dcm2niix" not in said


@pytest.mark.usefixtures("here")
def test_a_folder_that_is_not_there_is_named(segtrail):
    assert "There is no folder nowhere" in refusal(segtrail, "nowhere")


def test_one_case_alone_is_refused(segtrail, scans):
    folder = scans(("a.nii.gz", "a_seg.nii.gz"))
    assert "Only one case" in refusal(segtrail, folder.root)


def test_every_unreadable_file_is_listed(segtrail, two_scans):
    (two_scans.root / "images/case_01.nii.gz").write_bytes(b"no gzip")
    (two_scans.root / "labels/case_02.nii.gz").write_bytes(b"")
    said = refusal(segtrail, two_scans.root)
    assert "case_01: images/case_01.nii.gz is damaged" in said
    assert "case_02: labels/case_02.nii.gz is" in said


def test_hidden_files_and_what_macos_leaves_are_passed_over(segtrail, two_scans):
    for file in ("images/._case_01.nii.gz", "__MACOSX/images/case_01.nii.gz", ".trash/case_03.nii.gz"):
        path = two_scans.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\0\5\x16\7")
    answer = init(segtrail, two_scans.root)
    assert len(answer["cases"]) == 2
    assert answer["unmatched"] == {"images": [], "labels": []}


def test_the_results_of_runs_are_no_data(segtrail, two_scans):
    run = two_scans.root / "outputs/runs/run_20260101_000000"
    two_scans.add_label("outputs/runs/run_20260101_000000/predictions/case_01.nii.gz")
    for file in ("run.json", "config_resolved.yaml"):
        (run / file).write_text("{}", encoding="utf-8")
    assert len(init(segtrail, two_scans.root)["cases"]) == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_names_that_windows_cannot_hold_are_listed(segtrail, two_scans):
    two_scans.add_image("images/a:b.nii.gz")
    assert "images/a:b.nii.gz" in refusal(segtrail, two_scans.root)


# What is there already, and where to write


@pytest.mark.usefixtures("here")
def test_a_decathlon_description_is_used_and_only_the_configuration_written(segtrail, make_dataset):
    data = make_dataset(3, "balls")
    before = (data.root / "dataset.json").read_bytes()
    answer = init(segtrail, data.root)
    assert answer["dataset_written"] is False
    assert answer["labels"] == {"0": "background", "1": "ball"}
    assert (data.root / "dataset.json").read_bytes() == before
    assert load_config(Path("balls.yaml")).project.name == "Balls"
    assert "--label-names" in refusal(segtrail, data.root, "--label-names", "x", "--config", "other.yaml")


@pytest.mark.parametrize("content", ["{", "[]", '{"training": []}'])
def test_another_dataset_json_is_not_overwritten(segtrail, two_scans, content):
    (two_scans.root / "dataset.json").write_text(content, encoding="utf-8")
    assert "--overwrite" in refusal(segtrail, two_scans.root)


def test_existing_files_are_kept_beside_when_overwritten(segtrail, two_scans):
    init(segtrail, two_scans.root)
    Path("my_scans.yaml").write_text("mine", encoding="utf-8")
    assert "my_scans.yaml is there already" in refusal(segtrail, two_scans.root)
    (two_scans.root / "dataset.json").write_text('{"mine": 1}', encoding="utf-8")
    init(segtrail, two_scans.root, "--overwrite")
    init(segtrail, two_scans.root, "--overwrite", "--label-names", "ball")
    assert Path("my_scans.yaml.old").read_text(encoding="utf-8") == "mine"
    assert (two_scans.root / "dataset.json.old").read_text(encoding="utf-8") == '{"mine": 1}'
    assert (two_scans.root / "dataset.json.old2").exists()
    assert len(read_description(two_scans.root).cases) == 2


def test_overwriting_the_configuration_leaves_a_usable_description_alone(segtrail, two_scans):
    init(segtrail, two_scans.root, "--label-names", "ball")
    described = json.loads((two_scans.root / "dataset.json").read_text(encoding="utf-8"))
    by_hand = json.dumps(described | {"licence": "CC0"})
    (two_scans.root / "dataset.json").write_text(by_hand, encoding="utf-8")
    answer = init(segtrail, two_scans.root, "--overwrite")
    assert answer["dataset_written"] is False
    assert answer["labels"] == {"0": "background", "1": "ball"}
    assert (two_scans.root / "dataset.json").read_text(encoding="utf-8") == by_hand
    assert Path("my_scans.yaml.old").exists()


def test_the_configuration_cannot_take_the_descriptions_place(segtrail, two_scans):
    config = two_scans.root / "dataset.json"
    assert "description" in refusal(segtrail, two_scans.root, "--config", config)


def test_a_description_that_is_used_as_it_is_is_never_replaced_by_the_configuration(segtrail, two_scans):
    init(segtrail, two_scans.root)
    for name in ("dataset.json", "DATASET.JSON"):
        config = two_scans.root / name
        assert "own description or labels" in refusal(
            segtrail, two_scans.root, "--config", config, "--overwrite"
        )


def test_a_missing_folder_for_the_configuration_is_named_before_anything_is_written(segtrail, two_scans):
    assert "nowhere" in refusal(segtrail, two_scans.root, "--config", "nowhere/x.yaml")


@pytest.mark.usefixtures("binding_permissions")
def test_a_read_only_folder_is_named_before_anything_is_written(segtrail, two_scans):
    two_scans.root.chmod(0o555)
    try:
        assert "Nothing can be written in the folder my_scans" in refusal(segtrail, two_scans.root)
    finally:
        two_scans.root.chmod(0o755)


# Asking


def test_without_a_terminal_and_without_yes_nothing_is_written(segtrail, two_scans, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    before = everything()
    result = segtrail("init", two_scans.root)
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert "images/case_01.nii.gz" in result.stdout
    assert everything() == before


def test_on_a_terminal_it_asks_once_and_names_what_it_will_write(segtrail, two_scans, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    result = segtrail("init", two_scans.root)
    assert result.exit_code == 0
    assert "Write my_scans/dataset.json and my_scans.yaml?" in result.stderr.replace("\\", "/")
    assert Path("my_scans.yaml").exists()


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_an_answer_of_no_writes_nothing(segtrail, two_scans, monkeypatch, answer):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    before = everything()
    result = segtrail("init", two_scans.root)
    assert result.exit_code == 130
    assert "Traceback" not in result.stderr
    assert everything() == before


@pytest.mark.usefixtures("two_scans")
def test_init_imports_no_torch():
    code = (
        "import sys\nfrom segtrail.cli import main\n"
        "try:\n    main(['init', 'my_scans', '--yes'])\nexcept SystemExit as end:\n    assert not end.code\n"
        "print([name for name in ('torch', 'monai', 'matplotlib') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"


def train(segtrail, config):
    """Train one epoch with what init wrote."""
    result = segtrail(
        "train", config, "train.max_epochs=1", "patch.patches_per_case=2", "report.enabled=false"
    )
    assert result.exit_code == 0, result.stderr
