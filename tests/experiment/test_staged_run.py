"""A run of two stages: one network finds the organ, a second one segments it."""

import csv
import json
import signal
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
import yaml

from run_copies import copy_run
from segtrail.experiment import train_stages
from segtrail.training import loop

Command = Callable[..., Any]
TRAIN_CASES = ["case_0", "case_1", "case_2", "case_3"]
QUICK = ("stages.coarse.train.max_epochs=1", "stages.fine.train.max_epochs=1", "report.enabled=false")


def only_run(folder: Path) -> Path:
    (run,) = (folder / "outputs" / "runs").iterdir()
    return run


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def read_history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def without_times(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    measured = ("seconds", "patches_per_second", "peak_memory_mb")
    return [{key: value for key, value in row.items() if key not in measured} for row in rows]


def load(run: Path, name: str = "best") -> dict[str, Any]:
    content: dict[str, Any] = torch.load(run / "checkpoints" / f"{name}.pt", weights_only=True)
    return content


def assert_same_networks(first: Path, second: Path) -> None:
    one, two = load(first)["networks"], load(second)["networks"]
    assert list(one) == list(two)
    for stage, weights in one.items():
        assert [key for key, value in weights.items() if not torch.equal(value, two[stage][key])] == []


def label_maps(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.nii.gz")}


@pytest.fixture
def spawned_workers() -> Iterator[None]:
    """Start the processes that prepare patches as Windows and macOS do."""
    previous = torch.multiprocessing.get_start_method(allow_none=True)
    torch.multiprocessing.set_start_method("spawn", force=True)
    yield
    torch.multiprocessing.set_start_method(previous, force=True)


@pytest.fixture
def trained_on(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[list[str], Any]]:
    """Note of each network of a run the cases that it trains on, and where their patches are taken from."""
    noted: dict[str, tuple[list[str], Any]] = {}

    class NotedTraining(loop.Training):
        def __init__(self, **arguments: Any) -> None:
            cases = [case.case for case in arguments["cases"]]
            noted[arguments["record"].stage] = cases, arguments["centres"]
            super().__init__(**arguments)

    monkeypatch.setattr(train_stages, "Training", NotedTraining)
    return noted


def test_history_names_the_networks_in_the_order_of_their_training(staged_run_dir: Path) -> None:
    rows = read_history(staged_run_dir)
    epochs = {
        stage: [row["epoch"] for row in of_stage]
        for stage, of_stage in groupby(rows, key=lambda row: row["stage"])
    }
    assert list(epochs) == ["coarse", "coarse_fold1", "coarse_fold2", "fine"]
    assert {len(of_stage) for stage, of_stage in epochs.items() if stage != "fine"} == {16}
    assert epochs["fine"] == [str(number) for number in range(1, 9)]


def test_the_networks_that_leave_cases_out_are_not_validated(staged_run_dir: Path) -> None:
    validated = {row["stage"] for row in read_history(staged_run_dir) if row["val_dice"]}
    assert validated == {"coarse", "fine"}


def test_the_checkpoints_hold_both_networks_and_nothing_of_the_folds(staged_run_dir: Path) -> None:
    for name in ("best", "last"):
        assert list(load(staged_run_dir, name)["networks"]) == ["coarse", "fine"]
        assert load(staged_run_dir, name)["stage"] == "fine"


def test_both_networks_are_on_record(staged_run_dir: Path) -> None:
    record = read_json(staged_run_dir / "run.json")
    assert [stage["stage"] for stage in record["stages"]] == ["coarse", "fine"]
    assert record["inference"] == ["regions"]


def test_the_evaluation_repeats_the_validation_of_the_last_epoch(staged_run_dir: Path) -> None:
    summary = read_json(staged_run_dir / "metrics_summary.json")
    evaluated = summary["splits"]["val"]["ball"]["metrics"]["dice"]["mean"]
    assert evaluated > 0.8
    assert float(read_history(staged_run_dir)[-1]["val_dice"]) == pytest.approx(evaluated, abs=1e-12)


def test_the_balls_lie_in_the_regions_that_are_on_record(staged_run_dir: Path) -> None:
    cases = read_json(staged_run_dir / "regions.json")["cases"]
    assert {entry["side"] for entry in cases} == {"train", "val"}
    assert {entry["covered_percent"] for entry in cases} == {100.0}
    assert all(np.abs(entry["centre_offset_mm"]).max() < 4.0 for entry in cases)
    assert all(entry["least_room_mm"] > 0.0 for entry in cases)


def test_each_training_case_has_regions_by_a_network_that_did_not_train_on_it(
    tmp_path: Path, staged_config: Path, segtrail: Command, trained_on: dict[str, Any]
) -> None:
    assert segtrail("train", staged_config, *QUICK).exit_code == 0
    cases = read_json(only_run(tmp_path) / "regions.json")["cases"]
    finders = {entry["case"]: entry["network"] for entry in cases if entry["side"] == "train"}
    assert sorted(finders) == TRAIN_CASES
    assert [entry["case"] for entry in cases if entry["side"] == "train"] == list(finders)
    assert set(finders.values()) == {"coarse_fold1", "coarse_fold2"}
    for case, network in finders.items():
        assert case not in trained_on[network][0]
        assert set(trained_on[network][0]) < set(TRAIN_CASES)
    assert {entry["network"] for entry in cases if entry["side"] == "val"} == {"coarse"}


def test_the_last_network_alone_trains_on_regions_and_on_those_of_every_case(
    staged_config: Path, segtrail: Command, trained_on: dict[str, Any]
) -> None:
    assert segtrail("train", staged_config, *QUICK).exit_code == 0
    cases, centres = trained_on["fine"]
    assert sorted(cases) == sorted(centres.by_case) == TRAIN_CASES
    assert {name for name, (_, where) in trained_on.items() if where is None} == set(trained_on) - {"fine"}


@pytest.mark.parametrize("left_out", ["case_0", "case_1"])
def test_a_group_of_which_one_case_is_not_trained_on_has_regions_for_the_others(
    tmp_path: Path, staged_config: Path, segtrail: Command, left_out: str
) -> None:
    train = [case for case in TRAIN_CASES if case != left_out]
    overrides = ["split.groups={patient: [case_0, case_1]}", f"split.train=[{','.join(train)}]"]
    result = segtrail("train", staged_config, *QUICK, *overrides)
    assert result.exit_code == 0, result.stderr
    cases = read_json(only_run(tmp_path) / "regions.json")["cases"]
    assert sorted(entry["case"] for entry in cases if entry["side"] == "train") == train


def test_cases_that_all_belong_together_get_regions_by_the_network_that_knows_them(
    tmp_path: Path, staged_config: Path, segtrail: Command
) -> None:
    group = f"split.groups={{patient: [{','.join(TRAIN_CASES)}]}}"
    result = segtrail("train", staged_config, *QUICK, group)
    assert result.exit_code == 0, result.stderr
    assert "All training cases belong together" in result.stdout
    assert "by networks that did not train on them" not in result.stdout
    cases = read_json(only_run(tmp_path) / "regions.json")["cases"]
    assert {entry["network"] for entry in cases} == {"coarse"}
    assert [stage for stage, _ in groupby(row["stage"] for row in read_history(only_run(tmp_path)))] == [
        "coarse",
        "fine",
    ]


def test_patch_sizes_left_to_the_data_are_chosen_and_kept(staged_run_dir: Path) -> None:
    text = (staged_run_dir / "config_resolved.yaml").read_text(encoding="utf-8")
    coarse, fine = yaml.safe_load(text)["stages"].values()
    assert coarse["patch"]["patch_size"] == [24, 20, 16]  # the whole volume of 21 x 19 x 13
    for stage in (coarse, fine):
        assert [side % 4 for side in stage["patch"]["patch_size"]] == [0, 0, 0]
        assert stage["infer"]["roi_size"] == stage["patch"]["patch_size"]
    assert (np.array(fine["patch"]["patch_size"]) < (40, 36, 24)).all()
    assert read_json(staged_run_dir / "regions.json")["region_voxels"] == fine["patch"]["patch_size"]


def test_training_from_the_resolved_configuration_is_the_same_run(
    tmp_path: Path, staged_run_dir: Path, segtrail: Command
) -> None:
    resolved = staged_run_dir / "config_resolved.yaml"
    result = segtrail("train", resolved, f"paths.output_root={tmp_path / 'outputs'}")
    assert result.exit_code == 0, result.stderr
    again = only_run(tmp_path)
    assert without_times(read_history(staged_run_dir)) == without_times(read_history(again))
    assert resolved.read_bytes() == (again / "config_resolved.yaml").read_bytes()
    assert_same_networks(staged_run_dir, again)


@pytest.mark.usefixtures("spawned_workers")
def test_spawned_workers_give_the_same_run_as_none(
    tmp_path: Path, staged_config: Path, staged_run_dir: Path, segtrail: Command
) -> None:
    result = segtrail("train", staged_config, "train.num_workers=1", "report.enabled=false")
    assert result.exit_code == 0, result.stderr
    assert without_times(read_history(staged_run_dir)) == without_times(read_history(only_run(tmp_path)))
    assert_same_networks(staged_run_dir, only_run(tmp_path))


def test_evaluate_and_predict_give_the_label_maps_of_the_run(
    tmp_path: Path, staged_run_dir: Path, staged_data: Path, segtrail: Command
) -> None:
    run = copy_run(staged_run_dir, tmp_path / "runs" / staged_run_dir.name)
    expected = label_maps(run / "predictions")
    assert sorted(expected) == ["case_4.nii.gz", "case_5.nii.gz"]
    result = segtrail("evaluate", run, staged_data, "--cases", "case_4,case_5", "--save", "--json")
    assert result.exit_code == 0, result.stderr
    (evaluation,) = (run / "addenda" / "evaluations").iterdir()
    assert label_maps(evaluation / "predictions") == expected
    assert json.loads(result.stdout)["inference"] == read_json(run / "inference.json")["cases"]

    images = [staged_data / "imagesTr" / name for name in expected]
    assert segtrail("predict", run, *images, "--output", tmp_path / "out").exit_code == 0
    assert label_maps(tmp_path / "out") == expected


def test_the_ball_lies_in_the_boxes_that_are_on_record(staged_run_dir: Path, staged_data: Path) -> None:
    for entry in read_json(staged_run_dir / "inference.json")["cases"]:
        label = nibabel.load(staged_data / "labelsTr" / f"{entry['case']}.nii.gz")
        middle_mm = np.argwhere(np.asarray(label.dataobj)).mean(axis=0) * (1, 1, 2)
        boxes = [(np.array(box["low_mm"]), np.array(box["size_mm"])) for box in entry["regions"]]
        assert any((low < middle_mm).all() and (middle_mm < low + size).all() for low, size in boxes)


def test_an_image_without_the_organ_gives_an_empty_map_and_says_so(
    tmp_path: Path, staged_run_dir: Path, segtrail: Command
) -> None:
    noise = np.random.default_rng(1).integers(5, 40, size=(40, 36, 24)).astype(np.int16)
    image = tmp_path / "empty.nii.gz"
    nibabel.save(nibabel.Nifti1Image(noise, np.diag([1.0, 1.0, 2.0, 1.0])), image)
    result = segtrail("predict", staged_run_dir, image, "--output", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    (entry,) = read_json(tmp_path / "out" / "prediction.json")["cases"]
    assert entry["guard"], entry
    assert entry["voxels"] == {"ball": 0}


@pytest.mark.parametrize("stage", ["coarse", "coarse_fold2"])
def test_an_interruption_before_the_last_stage_is_told_there_and_by_later_commands(
    tmp_path: Path, staged_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    append = loop.append_history

    def interrupt(path: Path, row: Any) -> None:
        append(path, row)
        if row.stage == stage:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(loop, "append_history", interrupt)
    assert segtrail("train", staged_config, "stages.coarse.train.max_epochs=2").exit_code == 130
    run = only_run(tmp_path)
    assert read_json(run / "run.json")["status"] == "interrupted"
    last = load(run, "last")
    assert (last["stage"], last["epoch"]) == (stage, 1)
    assert list(last["networks"]) == list(dict.fromkeys(["coarse", stage]))

    of_best = segtrail("evaluate", run)
    assert of_best.exit_code == 2
    assert "There is no checkpoint checkpoints/best.pt in this run." in of_best.stderr
    of_last = segtrail("evaluate", run, "--checkpoint", "last")
    assert of_last.exit_code == 2
    assert "holds no network of the stage fine: the run ended before that was trained" in of_last.stderr
