"""Measuring a finished run on a data set."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from run_copies import copy_run

Command = Callable[..., Any]


def data_of(run: Path) -> Path:
    return run.parents[2] / "data"


def content_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path.relative_to(folder)).encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def test_json_is_the_only_thing_on_standard_output(quick_run_dir: Path, segtrail: Command) -> None:
    answer = json.loads(segtrail("evaluate", quick_run_dir, data_of(quick_run_dir), "--json").stdout)
    assert answer["schema_version"] == 1
    assert {entry["case"] for entry in answer["cases"]} == {f"case_{number}" for number in range(5)}
    assert set(answer["summary"]) == {"ball"}


@pytest.mark.requirement("RES-07")
def test_cases_that_the_run_has_seen_are_told_from_others(quick_run_dir: Path, segtrail: Command) -> None:
    answer = json.loads(segtrail("evaluate", quick_run_dir, data_of(quick_run_dir), "--json").stdout)
    sides = {entry["case"]: entry["split"] for entry in answer["cases"]}
    assert sides == {"case_0": "train", "case_1": "train", "case_2": "val", "case_3": "val", "case_4": "test"}


def test_new_cases_are_external(
    quick_run_dir: Path, segtrail: Command, new_dataset: Callable[..., Any]
) -> None:
    other = new_dataset("other")
    other.add_case("never_seen")
    answer = json.loads(segtrail("evaluate", quick_run_dir, other.root, "--json").stdout)
    assert [entry["split"] for entry in answer["cases"]] == ["external"]


def test_the_run_is_not_touched(quick_run_dir: Path, segtrail: Command) -> None:
    before = content_hash(quick_run_dir)
    segtrail("evaluate", quick_run_dir, data_of(quick_run_dir))
    assert content_hash(quick_run_dir) == before


def test_save_keeps_table_and_predictions_in_the_run(
    tmp_path: Path, quick_run_dir: Path, segtrail: Command
) -> None:
    run = tmp_path / quick_run_dir.name
    copy_run(quick_run_dir, run)
    assert segtrail("evaluate", run, data_of(quick_run_dir), "--cases", "case_2", "--save").exit_code == 0
    (saved,) = (run / "addenda" / "evaluations").iterdir()
    names = sorted(path.relative_to(saved).as_posix() for path in saved.rglob("*.*"))
    assert names == [
        "data_access.jsonl",
        "evaluation.json",
        "metrics_cases.csv",
        "predictions/case_2.nii.gz",
    ]


def test_the_last_checkpoint_can_be_measured_too(quick_run_dir: Path, segtrail: Command) -> None:
    data = data_of(quick_run_dir)
    answer = json.loads(segtrail("evaluate", quick_run_dir, data, "--checkpoint", "last", "--json").stdout)
    assert answer["epoch"] == 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"labels": {"0": "background", "1": "cube"}}, "cube"),
        ({"modality": {"0": "T1", "1": "T2"}}, "2 under modality"),
    ],
    ids=["classes", "channels"],
)
def test_data_of_other_classes_or_channels_are_refused(
    quick_run_dir: Path,
    segtrail: Command,
    new_dataset: Callable[..., Any],
    changes: dict[str, Any],
    expected: str,
) -> None:
    other = new_dataset("other")
    other.add_case("a")
    other.save(**changes)
    result = segtrail("evaluate", quick_run_dir, other.root)
    assert result.exit_code == 2
    assert expected in result.stderr


def test_an_unknown_case_is_named(quick_run_dir: Path, segtrail: Command) -> None:
    result = segtrail("evaluate", quick_run_dir, data_of(quick_run_dir), "--cases", "case_9")
    assert result.exit_code == 2
    assert "case_9" in result.stderr


def test_without_a_data_set_the_run_is_measured_on_its_own(quick_run_dir: Path, segtrail: Command) -> None:
    answer = json.loads(segtrail("evaluate", quick_run_dir, "--json").stdout)
    assert answer["dataset"]["name"] == "Balls"


def test_a_run_that_was_moved_asks_where_its_data_lie_and_takes_the_answer(
    tmp_path: Path, quick_run_dir: Path, segtrail: Command
) -> None:
    run = tmp_path / "archive" / quick_run_dir.name
    copy_run(quick_run_dir, run)
    asked = segtrail("evaluate", run)
    assert asked.exit_code == 2
    assert "--data DIR" in asked.stderr
    assert segtrail("evaluate", run, "--data", data_of(quick_run_dir), "--cases", "case_2").exit_code == 0


def test_two_answers_to_where_the_data_lie_are_refused(quick_run_dir: Path, segtrail: Command) -> None:
    data = data_of(quick_run_dir)
    assert segtrail("evaluate", quick_run_dir, data, "--data", data).exit_code == 2


def test_a_device_that_there_is_not_is_refused(quick_run_dir: Path, segtrail: Command) -> None:
    result = segtrail("evaluate", quick_run_dir, data_of(quick_run_dir), "--device", "banana")
    assert result.exit_code == 2
    assert "banana" in result.stderr


def test_a_damaged_case_that_is_not_asked_for_does_not_matter(
    quick_run_dir: Path, segtrail: Command, make_dataset: Callable[..., Any]
) -> None:
    other = make_dataset(2, "other")
    (other.root / "imagesTr" / "case_1.nii.gz").write_bytes(b"no gzip")
    assert segtrail("evaluate", quick_run_dir, other.root).exit_code == 1
    assert segtrail("evaluate", quick_run_dir, other.root, "--cases", " case_0 ,").exit_code == 0


def test_an_evaluation_that_can_not_be_saved_leaves_nothing_half_done(
    tmp_path: Path, quick_run_dir: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segtrail.experiment import evaluate_run

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    run = tmp_path / quick_run_dir.name
    copy_run(quick_run_dir, run)
    monkeypatch.setattr(evaluate_run, "write_case_table", refuse)
    result = segtrail("evaluate", run, data_of(quick_run_dir), "--save")
    assert result.exit_code == 2
    assert "No space left" in result.stderr
    assert list((run / "addenda" / "evaluations").iterdir()) == []
