"""``segtrail record --adapter nnunet``: a training of nnU-Net becomes a run with history, metrics and its own files."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nnunet_folders import DATA_SET, NnunetFolders, write_json, write_labels
from records import read_state

Command = Callable[..., Any]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NnunetFolders:
    """A finished training, with its raw data."""
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    folders = NnunetFolders(tmp_path / "nn").write()
    for case in ("case_2", "case_3"):
        write_labels(folders.raw / "imagesTr" / f"{case}_0000.nii.gz")
        write_labels(folders.raw / "labelsTr" / f"{case}.nii.gz")
    return folders


@pytest.fixture
def record(folders: NnunetFolders, segtrail: Command, tmp_path: Path) -> Callable[..., tuple[Any, Path]]:
    """Record a command behind which the training was made already."""

    def run(*options: object) -> tuple[Any, Path]:
        given = ("--adapter", "nnunet", "--data", folders.raw, *options)
        answer = segtrail("record", *given, "--", sys.executable, "-c", "print('trained')")
        (path,) = (tmp_path / "outputs" / "runs").iterdir()
        return answer, path

    return run


@pytest.mark.requirement("REC-11")
def test_history_network_and_metrics_are_those_of_the_training(
    record: Command, folders: NnunetFolders
) -> None:
    answer, run = record("--results", folders.fold)
    assert answer.exit_code == 0, answer.stderr
    recorded = read_state(run)["recorded"]
    assert (recorded["network"], recorded["data_set"]) == ("PlainConvUNet", DATA_SET)
    assert (recorded["planned_epochs"], recorded["train_cases"]) == (3, 2)
    with (run / "history.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["train_loss"]) for row in rows] == pytest.approx([0.5, 0.4, 0.3])
    assert [float(row["val_dice_patches"]) for row in rows] == pytest.approx([0.6] * 3)
    assert [row["val_dice"] for row in rows] == [""] * 3
    with (run / "metrics_cases.csv").open(encoding="utf-8", newline="") as stream:
        measured = {(row["case"], row["class"]): row["dice"] for row in csv.DictReader(stream)}
    assert measured["case_2", "Anterior"] == "1.0"
    assert measured["case_3", "Posterior"] == ""


def test_weights_plans_and_pictures_come_with_the_record(record: Command, folders: NnunetFolders) -> None:
    _, run = record("--results", folders.fold)
    weights = (folders.fold / "checkpoint_final.pth").read_bytes()
    assert (run / "checkpoints" / "best.pth").read_bytes() == weights
    assert (run / "outputs" / "nnunet" / "plans.json").is_file()
    assert '"plans_name": "nnUNetPlans"' in (run / "training_configuration.json").read_text(encoding="utf-8")
    assert len(list((run / "examples").glob("*_case_*.png"))) == 4  # planes and surfaces of two cases


def test_kept_texts_hold_no_folder_of_the_machine(
    record: Command, folders: NnunetFolders, tmp_path: Path
) -> None:
    log = next(folders.fold.glob("training_log_*.txt"))
    log.write_text(log.read_text(encoding="utf-8") + f"written to {tmp_path}/nn\n", encoding="utf-8")
    _, run = record("--results", folders.fold)
    texts = [path for path in run.rglob("*") if path.suffix in (".json", ".txt", ".log", ".csv", ".jsonl")]
    assert len(texts) > 10
    assert [path.name for path in texts if str(tmp_path) in path.read_text(encoding="utf-8")] == []
    assert [path.name for path in texts if "/home/ada" in path.read_text(encoding="utf-8")] == []


@pytest.mark.requirement("REC-11")
def test_the_record_verifies_and_its_label_maps_are_measured_again(
    record: Command, folders: NnunetFolders, segtrail: Command
) -> None:
    _, run = record("--results", folders.fold)
    answer = segtrail("verify", run, "--data", folders.raw, "--rerun", "--json")
    checks = {check["check"]: check for check in json.loads(answer.stdout)["checks"]}
    assert answer.exit_code == 0, answer.stdout
    assert checks["rerun"]["evidence"] == ["2 label maps measured again"]
    assert checks["configuration"]["status"] == "pass"


def test_another_dice_in_its_summary_is_told(record: Command, folders: NnunetFolders) -> None:
    path = folders.fold / "validation" / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    summary["metric_per_case"][0]["metrics"]["1"]["Dice"] = 0.5
    write_json(path, summary)
    _, run = record("--results", folders.fold)
    told = "The program's own Dice is another one than was measured for case_2."
    assert told in read_state(run)["recorded"]["not_found"]


def test_without_a_known_command_the_results_have_to_be_named(record: Command) -> None:
    answer, run = record()
    assert answer.exit_code == 1
    assert "Name the folder with --results" in answer.stderr
    assert read_state(run)["status"] == "finished"


def test_a_training_without_label_maps_has_a_history_and_says_so(
    record: Command, folders: NnunetFolders
) -> None:
    for path in (folders.fold / "validation").iterdir():
        path.unlink()
    answer, run = record("--results", folders.fold)
    assert answer.exit_code == 0
    assert (run / "history.csv").is_file()
    assert not (run / "metrics_cases.csv").exists()
    assert any("holds no label maps" in gap for gap in read_state(run)["recorded"]["not_found"])


def test_voxels_that_are_ignored_count_for_nothing(record: Command, folders: NnunetFolders) -> None:
    import nibabel

    dataset = {**folders.dataset, "labels": {"background": 0, "Anterior": 1, "ignore": 2}}
    write_json(folders.trainer / "dataset.json", dataset)
    reference = np.zeros((6, 6, 4), np.uint8)
    reference[2:4, 2:4, 1:2] = 1
    reference[2:4, 2:4, 2:3] = 2  # the prediction has 1 here
    for place in (folders.preprocessed / "gt_segmentations", folders.raw / "labelsTr"):
        nibabel.save(nibabel.Nifti1Image(reference, np.diag([1.0, 1.0, 2.0, 1.0])), place / "case_2.nii.gz")
    _, run = record("--results", folders.fold)
    with (run / "metrics_cases.csv").open(encoding="utf-8", newline="") as stream:
        dice = {row["case"]: row["dice"] for row in csv.DictReader(stream)}
    assert dice["case_2"] == "1.0"
