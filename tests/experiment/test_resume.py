"""A run that was killed and gone on with ends like one that was never interrupted."""

import csv
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from segtrail import atomic
from segtrail.record.seal import read_seal
from segtrail.training import loop

Command = Callable[..., Any]
MEASURED = ("seconds", "patches_per_second", "peak_memory_mb")
SMALL_STAGES = ("stages.coarse.train.max_epochs=4", "stages.fine.train.max_epochs=3", "report.enabled=false")


class Killed(BaseException):
    """Ends a command as a kill does: no handler of errors sees it."""


def runs(folder: Path) -> list[Path]:
    return sorted((folder / "outputs" / "runs").iterdir())


def only_run(folder: Path) -> Path:
    (run,) = runs(folder)
    return run


def result_of(run: Path) -> dict[str, Any]:
    """Everything of a run that must not depend on interruptions."""
    with (run / "history.csv").open(encoding="utf-8", newline="") as stream:
        history = [{k: v for k, v in row.items() if k not in MEASURED} for row in csv.DictReader(stream)]
    summary = json.loads((run / "metrics_summary.json").read_text(encoding="utf-8"))
    del summary["run_id"]
    files = [*run.glob("predictions/*"), *run.glob("metrics_cases.csv"), *run.glob("regions.json")]
    weights = {}
    for name in ("best", "last"):
        content = torch.load(run / "checkpoints" / f"{name}.pt", weights_only=True)
        weights[name] = {
            f"{stage} {key}": value.numpy().tobytes()
            for stage, state in content["networks"].items()
            for key, value in state.items()
        }
    contents = {path.relative_to(run).as_posix(): path.read_bytes() for path in files}
    return {"history": history, "summary": summary, "weights": weights, **contents}


def die_at_flush(monkeypatch: pytest.MonkeyPatch, number: int) -> list[int]:
    """Kill the program when it flushes to the disk for the n-th time; the list counts the flushes."""
    flushes = [0]
    flush = os.fsync

    def count(descriptor: int) -> None:
        flushes[0] += 1
        if flushes[0] == number:
            raise Killed
        flush(descriptor)

    monkeypatch.setattr(atomic.os, "fsync", count)
    return flushes


def train_until_killed(
    segtrail: Command, monkeypatch: pytest.MonkeyPatch, number: int, *command: object
) -> bool:
    """Tell whether a training was killed at its n-th flush."""
    with monkeypatch.context() as patch:
        die_at_flush(patch, number)
        try:
            segtrail("train", *command)
        except Killed:
            return True
    return False


def kill_at_each(
    folder: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch, every: int, *command: object
) -> int:
    """Kill a training at its first flush to the disk and every n-th after it, go on each time, and compare.

    Returns:
        How many of these runs were gone on with; the others had not begun, or were at their end.
    """
    with monkeypatch.context() as patch:
        flushes = die_at_flush(patch, -1)
        assert segtrail("train", *command).exit_code == 0
    shutil.move(folder / "outputs" / "runs", folder / "unbroken")
    (unbroken,) = (folder / "unbroken").iterdir()
    expected, resumed = result_of(unbroken), 0
    for number in range(1, flushes[0] + 1, every):
        train_until_killed(segtrail, monkeypatch, number, *command)
        run = begun_run(folder)
        if run is not None:
            resumed += 1
            answer = segtrail("resume", run)
            assert answer.exit_code == 0, (number, answer.stderr)
            assert result_of(run) == expected, number
            assert [path.name for path in run.rglob(".*")] == []
        shutil.rmtree(folder / "outputs" / "runs", ignore_errors=True)
    return resumed


def begun_run(folder: Path) -> Path | None:
    """Return the run that was begun and has not come to its end."""
    for path in (folder / "outputs" / "runs").glob("*/run.json"):
        if read_seal(path.parent) is None:
            return path.parent
    return None


def read_state(run: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((run / "run.json").read_text(encoding="utf-8"))
    return state


def interrupt(segtrail: Command, monkeypatch: pytest.MonkeyPatch, after: int, *command: object) -> None:
    """Train until SIGTERM comes after so many steps."""
    steps = [0]
    run_step = loop.Training._run_step

    def count(*arguments: Any) -> Any:
        steps[0] += 1
        if steps[0] == after:
            signal.raise_signal(signal.SIGTERM)
        return run_step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "_run_step", count)
        assert segtrail("train", *command).exit_code == 130


def test_a_run_killed_at_any_write_ends_the_same(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (tiny_config, "report.enabled=false", "train.checkpoint_every.steps=1", "train.ema_decay=0.9")
    assert kill_at_each(tmp_path, segtrail, monkeypatch, 4, *command) > 10


def test_a_run_of_two_stages_killed_in_any_of_them_ends_the_same(
    tmp_path: Path, staged_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (staged_config, *SMALL_STAGES, "train.checkpoint_every.steps=5")
    assert kill_at_each(tmp_path, segtrail, monkeypatch, 23, *command) > 5


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_any_number_of_workers_goes_on_in_the_middle_of_an_epoch(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    command = (tiny_config, "report.enabled=false", f"train.num_workers={workers}")
    assert segtrail("train", *command).exit_code == 0
    expected = result_of(only_run(tmp_path))
    shutil.rmtree(tmp_path / "outputs" / "runs")
    interrupt(segtrail, monkeypatch, 5, *command)
    run = only_run(tmp_path)
    assert torch.load(run / "checkpoints" / "last.pt", weights_only=True)["steps_done_since_epoch"] == 2
    assert segtrail("resume", run).exit_code == 0
    assert result_of(run) == expected


@pytest.fixture
def interrupted(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A run that was interrupted in its second epoch."""
    interrupt(segtrail, monkeypatch, 5, tiny_config, "report.enabled=false")
    return only_run(tmp_path)


def test_the_runbook_command_goes_on_too_and_the_record_says_from_where(
    interrupted: Path, segtrail: Command
) -> None:
    result = segtrail("train", "--resume", interrupted, "--json")
    assert json.loads(result.stdout)["run_dir"] == str(interrupted)
    (entry,) = read_state(interrupted)["resumed"]
    assert (entry["stage"], entry["epoch"], entry["steps"], entry["differences"]) == ("main", 1, 2, [])
    assert "goes on in main, after epoch 1 and 2 steps of the next" in (interrupted / "train.log").read_text(
        encoding="utf-8"
    )


def test_a_finished_run_has_nothing_to_go_on_with(quick_run_dir: Path, segtrail: Command) -> None:
    result = segtrail("resume", quick_run_dir)
    assert result.exit_code == 2
    assert "is finished; there is nothing to go on with" in result.stderr


def test_settings_are_refused_beside_resume(interrupted: Path, segtrail: Command) -> None:
    result = segtrail("train", "--resume", interrupted, "train.max_epochs=9")
    assert result.exit_code == 2
    assert "train.max_epochs=9 can't be given with it" in result.stderr


def test_other_conditions_are_listed_and_refused(
    interrupted: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segtrail.experiment import resume_conditions

    monkeypatch.setattr(resume_conditions, "hash_program", lambda: "f" * 64)
    state = read_state(interrupted)
    state["device"]["threads"] = 7
    state["environment"]["torch"] = "1.0"
    (interrupted / "run.json").write_text(json.dumps(state), encoding="utf-8")
    before = result_files(interrupted)
    result = segtrail("resume", interrupted)
    assert result.exit_code == 2
    for part in ("device threads (was 7, is 1)", "torch (was 1.0, is ", "code of segtrail (was "):
        assert part in result.stderr
    assert result_files(interrupted) == before


def result_files(run: Path) -> dict[str, bytes]:
    files = [path for path in run.rglob("*") if path.is_file() and path.name != ".lock"]
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in files}


def test_what_goes_on_under_other_conditions_is_marked_for_good(interrupted: Path, segtrail: Command) -> None:
    state = read_state(interrupted)
    state["device"]["threads"] = 7
    (interrupted / "run.json").write_text(json.dumps(state), encoding="utf-8")
    assert segtrail("resume", interrupted, "--allow-different").exit_code == 0
    (entry,) = read_state(interrupted)["resumed"]
    assert entry["differences"] == [{"what": "device threads", "before": "7", "now": "1"}]
    log = (interrupted / "train.log").read_text(encoding="utf-8")
    assert "Warning: it does not go on as it began: device threads (was 7, is 1)." in log


def test_changed_data_are_refused(tmp_path: Path, interrupted: Path, segtrail: Command) -> None:
    data = tmp_path / "data"
    shutil.copy(data / "labelsTr" / "case_1.nii.gz", data / "labelsTr" / "case_0.nii.gz")
    result = segtrail("resume", interrupted)
    assert result.exit_code == 2
    assert "data (was " in result.stderr


def test_a_run_that_another_program_works_in_is_left_alone(interrupted: Path, segtrail: Command) -> None:
    from segtrail.record.run_folder import RunFolder

    with RunFolder(interrupted).held():
        result = segtrail("resume", interrupted)
    assert result.exit_code == 2
    assert "Another program works in" in result.stderr


def test_a_changed_best_checkpoint_is_not_gone_on_with(interrupted: Path, segtrail: Command) -> None:
    (interrupted / "checkpoints" / "best.pt").write_bytes(b"another")
    result = segtrail("resume", interrupted)
    assert result.exit_code == 2
    assert "best.pt is not the one that last.pt knows" in result.stderr


def test_a_history_with_epochs_missing_is_not_gone_on_with(interrupted: Path, segtrail: Command) -> None:
    history = interrupted / "history.csv"
    heading = history.read_text(encoding="utf-8").splitlines()[0]
    history.write_text(heading + "\n", encoding="utf-8")
    result = segtrail("resume", interrupted)
    assert result.exit_code == 2
    assert "history.csv has 0 epochs, where last.pt knows 1" in result.stderr


def test_a_checkpoint_of_before_resuming_says_so(interrupted: Path, segtrail: Command) -> None:
    path = interrupted / "checkpoints" / "last.pt"
    content = torch.load(path, weights_only=True)
    del content["history_rows"]
    torch.save(content, path)
    result = segtrail("resume", interrupted)
    assert result.exit_code == 2
    assert "last.pt has no history_rows" in result.stderr


def test_a_run_goes_on_where_its_data_and_its_folder_were_moved_to(
    tmp_path: Path, interrupted: Path, segtrail: Command
) -> None:
    moved = shutil.move(interrupted, tmp_path / "elsewhere" / "runs" / interrupted.name)
    data = shutil.move(tmp_path / "data", tmp_path / "moved_data")
    assert segtrail("resume", moved, "--data", data).exit_code == 0
    assert read_state(Path(moved))["status"] == "finished"


def test_a_finished_run_is_extended_into_a_new_one_that_names_it(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    constant = ("optim.schedule.name=constant", "report.enabled=false", "train.ema_decay=0.9")
    assert segtrail("train", tiny_config, *constant, "train.max_epochs=4").exit_code == 0
    expected = result_of(only_run(tmp_path))
    shutil.move(tmp_path / "outputs" / "runs", tmp_path / "longer")
    assert segtrail("train", tiny_config, *constant).exit_code == 0
    parent = only_run(tmp_path)
    before = result_files(parent)
    answer = segtrail("resume", parent, "train.max_epochs=4", "--json")
    assert answer.exit_code == 0, answer.stderr
    run = Path(json.loads(answer.stdout)["run_dir"])
    assert result_of(run) == expected
    origin = read_state(run)["parent"]
    assert (origin["run_id"], origin["stage"], origin["epoch"]) == (parent.name, "main", 2)
    assert result_files(parent) == before
    assert segtrail("verify", run).exit_code == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("train.max_epochs=2", "but the run has 2 epochs already"),
        ("optim.lr=1", "nothing else of it can be changed"),
    ],
)
def test_a_finished_run_is_extended_only_by_more_epochs(
    quick_run_dir: Path, segtrail: Command, change: str, words: str
) -> None:
    result = segtrail("resume", quick_run_dir, change)
    assert result.exit_code == 2
    assert words in result.stderr


def test_an_interrupted_run_is_not_extended(interrupted: Path, segtrail: Command) -> None:
    result = segtrail("resume", interrupted, "train.max_epochs=9")
    assert result.exit_code == 2
    assert "is not finished" in result.stderr
