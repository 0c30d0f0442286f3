"""A training from configuration to report, as a user meets it."""

import csv
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
import yaml

from run_copies import copy_run

Command = Callable[..., Any]
CONTRACT = (
    "run.json",
    "train.log",
    "history.csv",
    "metrics_summary.json",
    "metrics_cases.csv",
    "config_resolved.yaml",
    "dataset_summary.json",
    "dataset_montage.png",
    "checkpoints/best.pt",
    "checkpoints/last.pt",
    "examples/examples.json",
    "report.pdf",
    "report.html",
)


def only_run(folder: Path) -> Path:
    (run,) = (folder / "outputs" / "runs").iterdir()
    return run


def read_history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def without_times(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    measured = ("seconds", "patches_per_second", "peak_memory_mb")
    return [{key: value for key, value in row.items() if key not in measured} for row in rows]


@pytest.mark.requirement("REC-01")
def test_a_run_leaves_every_file_of_the_contract(quick_run_dir: Path) -> None:
    assert [name for name in CONTRACT if not (quick_run_dir / name).stat().st_size] == []


def test_nothing_but_predictions_lies_in_the_predictions_folder(quick_run_dir: Path) -> None:
    assert sorted(path.name for path in (quick_run_dir / "predictions").iterdir()) == [
        f"case_{number}.nii.gz" for number in (2, 3, 4)
    ]


def test_history_has_one_row_per_epoch(quick_run_dir: Path) -> None:
    assert [row["epoch"] for row in read_history(quick_run_dir)] == ["1", "2"]


def test_test_cases_are_evaluated_beside_validation_cases(quick_run_dir: Path) -> None:
    with (quick_run_dir / "metrics_cases.csv").open(encoding="utf-8", newline="") as stream:
        sides = {row["case"]: row["split"] for row in csv.DictReader(stream)}
    assert sides == {"case_2": "val", "case_3": "val", "case_4": "test"}


def test_the_evaluation_of_the_best_checkpoint_repeats_its_validation_score(quick_run_dir: Path) -> None:
    summary = json.loads((quick_run_dir / "metrics_summary.json").read_text(encoding="utf-8"))
    evaluated = summary["splits"]["val"]["ball"]["metrics"]["dice"]["mean"]
    assert summary["selection"]["best_epoch_val_dice"] == pytest.approx(evaluated, abs=1e-12)


def test_checkpoints_open_with_weights_only_and_hold_config_and_epoch(quick_run_dir: Path) -> None:
    for name in ("best.pt", "last.pt"):
        content = torch.load(quick_run_dir / "checkpoints" / name, weights_only=True)
        assert content["config"]["model"]["name"] == "fast"
        assert content["epoch"] >= 1


@pytest.mark.requirement("REC-04")
def test_no_machine_path_stands_in_any_file_of_a_run(quick_run_dir: Path) -> None:
    machine = [
        str(quick_run_dir.parents[2]).encode(),
        str(Path.home()).encode() + b"/",
        str(Path.cwd()).encode(),
    ]
    found = [
        path.name
        for path in quick_run_dir.rglob("*")
        if path.is_file() and any(part in path.read_bytes() for part in machine)
    ]
    assert found == []


@pytest.mark.requirement("TRN-01")
def test_the_same_seed_gives_the_same_history_with_any_number_of_workers(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    histories = []
    for workers in (0, 1, 2):
        root = tmp_path / str(workers)
        overrides = [
            f"train.num_workers={workers}",
            f"paths.output_root={root / 'outputs'}",
            "report.enabled=false",
        ]
        assert segtrail("train", tiny_config, *overrides).exit_code == 0
        histories.append(without_times(read_history(only_run(root))))
    assert histories[0] == histories[1] == histories[2]


def test_spawned_workers_give_the_same_history_as_none(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    histories = []
    for workers in (0, 1):
        root = tmp_path / str(workers)
        overrides = [
            f"train.num_workers={workers}",
            f"paths.output_root={root / 'outputs'}",
            "report.enabled=false",
        ]
        previous = torch.multiprocessing.get_start_method(allow_none=True)
        torch.multiprocessing.set_start_method("spawn", force=True)
        try:
            assert segtrail("train", tiny_config, *overrides, "train.max_epochs=1").exit_code == 0
        finally:
            torch.multiprocessing.set_start_method(previous, force=True)
        histories.append(without_times(read_history(only_run(root))))
    assert histories[0] == histories[1]


def test_another_seed_gives_another_history(tmp_path: Path, tiny_config: Path, segtrail: Command) -> None:
    histories = []
    for seed in (0, 1):
        root = tmp_path / str(seed)
        overrides = [f"train.seed={seed}", f"paths.output_root={root / 'outputs'}", "report.enabled=false"]
        segtrail("train", tiny_config, *overrides)
        histories.append(without_times(read_history(only_run(root))))
    assert histories[0] != histories[1]


@pytest.mark.requirement("TRN-02")
def test_training_from_the_resolved_configuration_is_the_same_run(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    segtrail("train", tiny_config, "report.enabled=false")
    first = only_run(tmp_path)
    assert segtrail("train", first / "config_resolved.yaml").exit_code == 0
    second = next(run for run in (tmp_path / "outputs" / "runs").iterdir() if run != first)
    assert without_times(read_history(first)) == without_times(read_history(second))
    assert (first / "config_resolved.yaml").read_bytes() == (second / "config_resolved.yaml").read_bytes()


def test_a_run_is_trained_again_on_data_that_lie_elsewhere_now(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    segtrail("train", tiny_config, "train.max_epochs=1", "report.enabled=false")
    moved = tmp_path / "archive" / "run"
    shutil.move(only_run(tmp_path), moved)
    data = shutil.move(tmp_path / "data", tmp_path / "data, moved")
    arguments = ["train", moved / "config_resolved.yaml", f"paths.output_root={tmp_path / 'again'}"]
    asked = segtrail(*arguments)
    assert asked.exit_code == 2
    assert "--data DIR" in asked.stderr
    assert segtrail(*arguments, "--data", data).exit_code == 0
    (again,) = (tmp_path / "again" / "runs").iterdir()
    assert (
        "--data ${data_root}" in json.loads((again / "run.json").read_text(encoding="utf-8"))["start_command"]
    )


@pytest.mark.requirement("RES-05")
def test_predictions_lie_on_the_grid_of_an_oblique_flipped_image(
    tmp_path: Path, make_dataset: Callable[..., Any], tiny_config: Path, segtrail: Command
) -> None:
    angle = np.deg2rad(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.array([[0, -1.0, 0], [1.0, 0, 0], [0, 0, -2.0]])
    affine[:3, 3] = [10, -20, 30]
    data = make_dataset(name="oblique", affine=affine)
    command = ("train", tiny_config, f"paths.data_root={data.root}", "report.enabled=false")
    assert segtrail(*command).exit_code == 0
    image = nibabel.load(data.root / "imagesTr" / "case_2.nii.gz")
    prediction = nibabel.load(only_run(tmp_path) / "predictions" / "case_2.nii.gz")
    assert prediction.shape == image.shape
    np.testing.assert_array_equal(prediction.affine, image.affine)


def test_a_network_learns_to_find_balls(tmp_path: Path, tiny_config: Path, segtrail: Command) -> None:
    longer = [
        "train.max_epochs=12",
        "patch.patches_per_case=8",
        "augment.enabled=false",
        "report.enabled=false",
    ]
    segtrail("train", tiny_config, *longer)
    assert float(read_history(only_run(tmp_path))[-1]["val_dice"]) > 0.8


@pytest.mark.parametrize(
    "model", ["{name: unet3d, channels: [4, 8], strides: [2]}", "{name: segresnet, initial_filters: 8}"]
)
def test_monai_networks_train(tmp_path: Path, tiny_config: Path, segtrail: Command, model: str) -> None:
    result = segtrail("train", tiny_config, f"model={model}", "report.enabled=false", "train.max_epochs=1")
    assert result.exit_code == 0, result.stderr
    assert len(read_history(only_run(tmp_path))) == 1


def test_dynunet_trains_with_deep_supervision_and_slides_its_window(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    model = "model={name: dynunet, filters: [4, 8, 8, 8], deep_supervision: true, deep_supervision_heads: 1}"
    result = segtrail("train", tiny_config, model, "patch.patch_size=[16,16,16]", "train.max_epochs=1")
    assert result.exit_code == 0, result.stderr
    assert read_history(only_run(tmp_path))[0]["val_dice"] != ""


def test_the_rehearsal_leaves_the_network_as_it_was(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segtrail.experiment import opened_run

    segtrail("train", tiny_config, "train.max_epochs=1", "report.enabled=false")
    monkeypatch.setattr(opened_run, "rehearse", lambda *_: None)
    segtrail("train", tiny_config, "train.max_epochs=1", "report.enabled=false")
    first, second = sorted((tmp_path / "outputs" / "runs").iterdir())
    weights = [
        torch.load(run / "checkpoints" / "last.pt", weights_only=True)["networks"]["main"]
        for run in (first, second)
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_run_folder_that_can_not_be_opened_goes_again(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "local_paths").touch()
    result = segtrail("train", tiny_config, "report.enabled=false")
    assert result.exit_code == 2
    assert "local_paths" in result.stderr
    assert list((tmp_path / "outputs" / "runs").iterdir()) == []


def test_out_of_memory_names_remedies_with_numbers_that_fit(
    tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segtrail.networks.fast import FastUNet

    def run_out(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(FastUNet, "forward", run_out)
    result = segtrail("train", tiny_config, "train.batch_size=4", "infer.mode=sliding_window")
    assert result.exit_code == 1
    assert "train.batch_size=2" in result.stderr
    assert "patch.patch_size=[12,12,4]" in result.stderr


@pytest.mark.requirement("DAT-02")
def test_bad_data_leave_no_run_folder_behind(tmp_path: Path, tiny_config: Path, segtrail: Command) -> None:
    (tmp_path / "data" / "imagesTr" / "case_1.nii.gz").write_bytes(b"not a gzip")
    result = segtrail("train", tiny_config)
    assert result.exit_code == 1
    assert "case_1" in result.stderr
    assert not (tmp_path / "outputs" / "runs").exists()


def test_a_patch_that_does_not_suit_the_network_leaves_no_run_folder_behind(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    result = segtrail("train", tiny_config, "patch.patch_size=[15,16,8]")
    assert result.exit_code == 2
    assert "patch.patch_size=[16, 16, 8]" in result.stderr
    assert not (tmp_path / "outputs" / "runs").exists()


def test_a_moved_run_still_reports_and_evaluates(
    tmp_path: Path, quick_run_dir: Path, segtrail: Command
) -> None:
    moved = tmp_path / "elsewhere" / quick_run_dir.name
    copy_run(quick_run_dir, moved)
    assert segtrail("report", moved).exit_code == 0
    assert segtrail("evaluate", moved, quick_run_dir.parents[2] / "data").exit_code == 0


def test_the_resolved_configuration_holds_every_section(quick_run_dir: Path) -> None:
    resolved = yaml.safe_load((quick_run_dir / "config_resolved.yaml").read_text(encoding="utf-8"))
    sections = {"project", "paths", "data", "split", "preprocess", "patch"}
    sections |= {"augment", "train", "model", "optim", "infer", "report"}
    assert sections <= set(resolved)
    assert resolved["paths"]["data_root"] == "${data_root}"
    assert resolved["augment"]["gamma"]["gamma_range"] == [0.7, 1.5]


def test_the_record_keeps_the_note_and_the_command_without_paths(quick_run_dir: Path) -> None:
    state = json.loads((quick_run_dir / "run.json").read_text(encoding="utf-8"))
    assert state["note"] == "a note"
    assert state["start_command"].startswith("segtrail train ${")
    assert state["status"] == "finished"


def test_without_typst_a_run_is_sealed_with_the_web_page_and_gets_the_pdf_later(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "typst", None)
        trained = segtrail("train", tiny_config, "train.max_epochs=1")
        assert trained.exit_code == 0, trained.stderr
        assert "needs the package typst" in trained.stdout
        run = only_run(tmp_path)
        assert (run / "report.html").is_file()
        assert not (run / "report.pdf").exists()
        again = segtrail("report", run)
        assert again.exit_code == 2
        assert f"{run / 'report.html'} was made. The PDF of the report needs" in again.stderr
    assert segtrail("report", run).exit_code == 0
    assert len(list((run / "addenda").glob("report_*.pdf"))) == 1
    assert segtrail("verify", run).exit_code == 0
