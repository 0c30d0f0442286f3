"""How often the test cases of a run were measured is counted, and kept when the run is sealed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from run_copies import copy_run
from segtrail.record.run_folder import read_json

Command = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, quick_run_dir: Path) -> Path:
    """A sealed run with one test case, alone in its folder, that a test may change."""
    return copy_run(quick_run_dir, tmp_path / "runs" / quick_run_dir.name)


def uses_of(run: Path, segtrail: Command) -> list[tuple[str, int]]:
    answer = json.loads(segtrail("test-uses", run, "--json").stdout)
    return [(use["kind"], use["n_cases"]) for use in answer["uses"]]


def test_a_sealed_run_keeps_that_it_measured_its_test_cases(quick_run_dir: Path) -> None:
    kept = read_json(quick_run_dir / "test_uses.json")
    assert (kept["n_cases"], kept["n_runs_read"], kept["unread"]) == (1, 1, [])
    assert [(use["run_id"], use["kind"]) for use in kept["uses"]] == [(quick_run_dir.name, "run")]


@pytest.mark.requirement("GOV-04")
def test_a_second_run_on_the_same_test_cases_counts_the_first(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    for seed in (0, 1):
        options = ["split.val=[case_2]", "split.test=[case_3]", "report.enabled=false", f"train.seed={seed}"]
        assert segtrail("train", tiny_config, "train.max_epochs=1", *options).exit_code == 0
    first, second = sorted((tmp_path / "outputs" / "runs").iterdir())
    assert len(read_json(first / "test_uses.json")["uses"]) == 1
    kept = read_json(second / "test_uses.json")["uses"]
    assert [use["run_id"] for use in kept] == [first.name, second.name]


def test_a_run_without_test_cases_keeps_no_such_file_and_is_told_so(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    segtrail("train", tiny_config, "train.max_epochs=1", "report.enabled=false")
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    assert not (run / "test_uses.json").exists()
    result = segtrail("test-uses", run)
    assert result.exit_code == 2
    assert "has no test cases" in result.stderr


@pytest.mark.requirement("GOV-04")
def test_a_saved_evaluation_is_one_more_use(run: Path, quick_run_dir: Path, segtrail: Command) -> None:
    data = quick_run_dir.parents[2] / "data"
    assert segtrail("evaluate", run, data, "--cases", "case_0,case_4", "--save").exit_code == 0
    assert uses_of(run, segtrail) == [("run", 1), ("evaluation", 1)]


def test_a_saved_evaluation_of_other_cases_is_none(run: Path, quick_run_dir: Path, segtrail: Command) -> None:
    data = quick_run_dir.parents[2] / "data"
    assert segtrail("evaluate", run, data, "--cases", "case_0", "--save").exit_code == 0
    assert uses_of(run, segtrail) == [("run", 1)]


def test_the_same_scan_under_another_name_is_the_same_case(run: Path, segtrail: Command) -> None:
    other = copy_run(run, run.with_name("run_20200101_000000"))
    for name in ("run.json", "dataset_summary.json", "journal.jsonl"):
        text = (other / name).read_text(encoding="utf-8")
        text = text.replace("case_4", "elsewhere").replace(run.name, other.name)
        (other / name).write_text(text, encoding="utf-8")
    assert uses_of(run, segtrail) == [("run", 1), ("run", 1)]


def test_a_copy_of_a_run_is_no_second_use(run: Path, segtrail: Command) -> None:
    copy_run(run, run.with_name("a copy of it"))
    assert uses_of(run, segtrail) == [("run", 1)]


def test_a_saved_evaluation_of_a_run_that_was_not_evaluated_itself_counts(
    run: Path, quick_run_dir: Path, segtrail: Command
) -> None:
    other = copy_run(run, run.with_name("run_20200101_000000"))
    data = quick_run_dir.parents[2] / "data"
    assert segtrail("evaluate", other, data, "--cases", "case_4", "--save").exit_code == 0
    lines = (other / "journal.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if '"evaluated"' not in line]
    (other / "journal.jsonl").write_text("".join(kept), encoding="utf-8")
    (other / "metrics_cases.csv").unlink()
    assert uses_of(run, segtrail) == [("run", 1), ("evaluation", 1)]


@pytest.mark.parametrize("damage", ["removed", "damaged", "silent"])
def test_a_run_whose_journal_can_not_be_read_is_named(run: Path, segtrail: Command, damage: str) -> None:
    other = copy_run(run, run.with_name("run_20200101_000000"))
    left = {"removed": None, "damaged": "no journal\n", "silent": ""}[damage]
    (other / "journal.jsonl").unlink()
    if left is not None:
        (other / "journal.jsonl").write_text(left, encoding="utf-8")
    answer = json.loads(segtrail("test-uses", run, "--json").stdout)
    assert answer["unread"] == [other.name]
    assert "Its journal does not say what was measured: run_2020" in segtrail("test-uses", run).stdout
