"""A record that was edited is told from a true one, also where the edit was sealed again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from run_copies import copy_run
from segtrail.audit.verify import VerifyRequest, verify_run
from segtrail.progress import Narrator
from segtrail.record.manifest import write_manifest

Command = Callable[..., Any]


def edit_state(run: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change ``run.json``, and list the files anew, as somebody would who hides it."""
    path = run / "run.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    change(state)
    path.write_text(json.dumps(state), encoding="utf-8")
    write_manifest(run, lambda _: "")


def faults_of(run: Path, check: str) -> str:
    """Return what a check says of a run."""
    verification = verify_run(run, VerifyRequest(), Narrator())
    (outcome,) = [outcome for outcome in verification.outcomes if outcome.check == check]
    return "; ".join(outcome.evidence) if outcome.status == "fail" else ""


def set_in_record(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        state["recorded"][key] = value

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (set_in_record("command", ["python", "other.py"]), "another command than the journal's first line"),
        (set_in_record("exit_code", 3), "run.json has the exit code 3, the journal 0"),
        (set_in_record("data", None), "don't both tell of the data"),
        (set_in_record("outputs", {"files": 1, "bytes": 2}), "counts other outputs than the journal"),
        (set_in_record("measured", []), "names other measured cases than the journal"),
        (lambda state: state.update(ended_because="all is well"), "tell the end of the command in two ways"),
        (lambda state: state.update(operator="Eve"), "another operator than the journal's first line"),
    ],
)
def test_a_fact_that_the_journal_tells_otherwise_is_named(
    change: Callable[[dict[str, Any]], None], told: str, record_training: Command, tmp_path: Path
) -> None:
    run = copy_run(record_training(), tmp_path / "copy")
    edit_state(run, change)
    assert told in faults_of(run, "facts")


@pytest.mark.parametrize(
    "name", ["data_files.csv", "outputs/weights.pt", "history.csv", "predictions/case_2.nii.gz"]
)
def test_a_file_that_the_journal_saw_otherwise_is_named(
    name: str, record_training: Command, tmp_path: Path
) -> None:
    run = copy_run(record_training(), tmp_path / "copy")
    with (run / name).open("ab") as stream:
        stream.write(b"\n")
    write_manifest(run, lambda _: "")
    assert f"{name} is not the one that the journal saw written" in faults_of(run, "facts")


def test_a_better_dice_in_the_summary_is_named(record_training: Command, tmp_path: Path) -> None:
    run = copy_run(record_training(), tmp_path / "copy")
    path = run / "metrics_summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    summary["splits"]["val"]["ball"]["metrics"]["dice"]["mean"] = 1.5
    path.write_text(json.dumps(summary), encoding="utf-8")
    assert "the mean of dice is 1.5 in metrics_summary.json" in faults_of(run, "metrics")


def test_a_run_of_segtrail_that_pretends_to_be_recorded_is_found_out(
    quick_run_dir: Path, tmp_path: Path
) -> None:
    run = copy_run(quick_run_dir, tmp_path / "copy")
    recorded = {"command": [], "program": "x", "exit_code": None, "data": None, "outputs": None}
    edit_state(run, lambda state: state.update(recorded=recorded))
    assert faults_of(run, "facts")
