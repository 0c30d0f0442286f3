"""A run that was killed and gone on with ends like one that was never interrupted."""

import csv
import errno
import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from run_copies import copy_run
from segtrail import atomic
from segtrail.cli import main
from segtrail.errors import TrainingFailed
from segtrail.experiment import resume_run, seal_run
from segtrail.record.seal import read_seal
from segtrail.training import loop
from segtrail.training.step_values import StepValues

Command = Callable[..., Any]
MEASURED = ("seconds", "patches_per_second", "peak_memory_mb")
SMALL_STAGES = ("stages.coarse.train.max_epochs=2", "stages.fine.train.max_epochs=2", "report.enabled=false")


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
            verified = segtrail("verify", run)
            assert verified.exit_code == 0, (number, verified.stdout)
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


@pytest.mark.requirement("TRN-03")
@pytest.mark.parametrize(("every", "least"), [(13, 3), pytest.param(4, 10, marks=pytest.mark.slow)])
def test_a_run_killed_at_any_write_ends_the_same(
    tmp_path: Path,
    tiny_config: Path,
    segtrail: Command,
    monkeypatch: pytest.MonkeyPatch,
    every: int,
    least: int,
) -> None:
    command = (tiny_config, "report.enabled=false", "train.checkpoint_every.steps=1", "train.ema_decay=0.9")
    assert kill_at_each(tmp_path, segtrail, monkeypatch, every, *command) > least


@pytest.mark.requirement("TRN-03")
@pytest.mark.parametrize(("every", "least"), [(48, 1), pytest.param(18, 5, marks=pytest.mark.slow)])
def test_a_run_of_two_stages_killed_in_any_of_them_ends_the_same(
    tmp_path: Path,
    staged_config: Path,
    segtrail: Command,
    monkeypatch: pytest.MonkeyPatch,
    every: int,
    least: int,
) -> None:
    small = (*SMALL_STAGES, "patch.patches_per_case=4")
    command = (staged_config, *small, "train.checkpoint_every.steps=2")
    assert kill_at_each(tmp_path, segtrail, monkeypatch, every, *command) > least


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_any_number_of_workers_goes_on_in_the_middle_of_an_epoch(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    command = (tiny_config, "report.enabled=false", f"train.num_workers={workers}")
    goes_on_in_the_middle_of_an_epoch(tmp_path, segtrail, monkeypatch, *command)


def test_patches_made_on_the_device_go_on_in_the_middle_of_an_epoch(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (tiny_config, "report.enabled=false", "train.patches_on=device")
    goes_on_in_the_middle_of_an_epoch(tmp_path, segtrail, monkeypatch, *command)


def test_losses_read_a_step_late_as_from_a_graphics_card_go_on_in_the_middle_of_an_epoch(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "StepValues", lambda _device: StepValues(torch.device("cuda")))
    goes_on_in_the_middle_of_an_epoch(tmp_path, segtrail, monkeypatch, tiny_config, "report.enabled=false")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_loss_that_is_not_finite_ends_the_training_and_leaves_no_checkpoint_of_it(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    monkeypatch.setattr(loop, "StepValues", lambda _device: StepValues(torch.device(device)))
    monkeypatch.setattr(loop, "learning_rate", lambda *_: 1e30)
    result = segtrail("train", tiny_config, "train.checkpoint_every.steps=1", "report.enabled=false")
    assert result.exit_code == 1
    assert "is not finite in epoch 1, step" in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    (run,) = runs(tmp_path)
    for path in (run / "checkpoints").glob("*.pt"):
        for weight in torch.load(path, weights_only=True)["networks"]["main"].values():
            assert torch.isfinite(weight).all()


def goes_on_in_the_middle_of_an_epoch(
    tmp_path: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch, *command: object
) -> None:
    assert segtrail("train", *command).exit_code == 0
    expected = result_of(only_run(tmp_path))
    shutil.rmtree(tmp_path / "outputs" / "runs")
    interrupt(segtrail, monkeypatch, 5, *command)
    run = only_run(tmp_path)
    assert torch.load(run / "checkpoints" / "last.pt", weights_only=True)["steps_done_since_epoch"] == 2
    assert segtrail("resume", run).exit_code == 0
    assert result_of(run) == expected


@pytest.fixture
def interrupted_here(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A run that was interrupted in its second epoch, on data in ``tmp_path/data``."""
    interrupt(segtrail, monkeypatch, 5, tiny_config, "report.enabled=false")
    return only_run(tmp_path)


@pytest.fixture(scope="module")
def interrupted_outputs(kept_config: Path) -> Path:
    """The output folder of a run that was interrupted in its second epoch, which no test may change."""

    def command(*arguments: object) -> SimpleNamespace:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return SimpleNamespace(exit_code=ended.value.code)

    outputs = kept_config.parent / "interrupted"
    with pytest.MonkeyPatch.context() as patch:
        interrupt(command, patch, 5, kept_config, "report.enabled=false", f"paths.output_root={outputs}")
    return outputs


@pytest.fixture
def interrupted(tmp_path: Path, interrupted_outputs: Path) -> Path:
    """A copy of a run that was interrupted in its second epoch; its data are not the test's to change."""
    shutil.copytree(interrupted_outputs, tmp_path / "outputs")
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


@pytest.mark.requirement("TRN-04")
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


@pytest.mark.requirement("TRN-04")
def test_what_goes_on_under_other_conditions_is_marked_for_good(interrupted: Path, segtrail: Command) -> None:
    state = read_state(interrupted)
    state["device"]["threads"] = 7
    (interrupted / "run.json").write_text(json.dumps(state), encoding="utf-8")
    assert segtrail("resume", interrupted, "--allow-different").exit_code == 0
    (entry,) = read_state(interrupted)["resumed"]
    assert entry["differences"] == [{"what": "device threads", "before": "7", "now": "1"}]
    log = (interrupted / "train.log").read_text(encoding="utf-8")
    assert "Warning: it does not go on as it began: device threads (was 7, is 1)." in log


def test_changed_data_are_refused(tmp_path: Path, interrupted_here: Path, segtrail: Command) -> None:
    data = tmp_path / "data"
    shutil.copy(data / "labelsTr" / "case_1.nii.gz", data / "labelsTr" / "case_0.nii.gz")
    result = segtrail("resume", interrupted_here)
    assert result.exit_code == 2
    assert "data (was " in result.stderr


@pytest.mark.requirement("TRN-05")
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


def replace_weights(run: Path) -> None:
    path = run / "checkpoints" / "last.pt"
    content = torch.load(path, weights_only=True)
    torch.save(content | {"history_rows": 0}, path)


def change_a_line(run: Path) -> None:
    journal = run / "journal.jsonl"
    text = journal.read_text(encoding="utf-8")
    journal.write_text(text.replace('"purpose":"check"', '"purpose":"Check"', 1), encoding="utf-8")


def change_the_rate(run: Path) -> None:
    config = run / "config_resolved.yaml"
    text = config.read_text(encoding="utf-8")
    changed = re.sub(r"\n  lr: .*", "\n  lr: 0.5", text)
    assert changed != text
    config.write_text(changed, encoding="utf-8")


def link_checkpoints_elsewhere(run: Path) -> None:
    elsewhere = run.parents[2] / "elsewhere"
    (run / "checkpoints").rename(elsewhere)
    (run / "checkpoints").symlink_to(elsewhere, target_is_directory=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (replace_weights, "checkpoints/last.pt is not one that the journal saw written"),
        (lambda run: (run / "checkpoints" / "last.pt").unlink(), "although the journal saw it written"),
        (change_the_rate, "config_resolved.yaml is not the one that the run was opened with"),
        (
            lambda run: (run / "dataset_summary.json").write_text('{"schema_version": 1}', encoding="utf-8"),
            "dataset_summary.json is not the one that the run was opened with",
        ),
        (change_a_line, "journal.jsonl was changed: line"),
        (lambda run: (run / "journal.jsonl").unlink(), "has no journal.jsonl"),
        (link_checkpoints_elsewhere, "checkpoints in "),
        (lambda run: (run / "history.csv").write_bytes(b"\xff\n"), "history.csv is damaged"),
        (lambda run: (run / "run.json").write_text("[" * 100_000), "run.json of the run"),
    ],
)
def test_what_the_journal_does_not_know_is_not_gone_on_with(
    interrupted: Path, segtrail: Command, change: Callable[[Path], None], words: str
) -> None:
    change(interrupted)
    before = result_files(interrupted)
    result = segtrail("resume", interrupted)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result_files(interrupted) == before


@pytest.mark.parametrize("part", ["_validate_if_due", "_announce"])
def test_ctrl_c_while_a_line_is_written_leaves_the_journal_whole(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    whole = getattr(loop.Training, part)
    calls = [0]

    def interrupted_within(*arguments: Any) -> Any:
        result = whole(*arguments)
        calls[0] += 1
        if calls[0] == 1:
            raise KeyboardInterrupt
        return result

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, part, interrupted_within)
        assert segtrail("train", tiny_config, "report.enabled=false").exit_code == 130
    run = only_run(tmp_path)
    assert segtrail("resume", run).exit_code == 0
    assert segtrail("verify", run).exit_code == 0


def fill_disk(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("segtrail.training.loop", "append_history"),
        ("segtrail.experiment.seal_run", "write_manifest"),
        ("segtrail.experiment.resume_run", "roll_back_history"),
        ("segtrail.experiment.run_phases", "write_case_table"),
    ],
)
def test_a_full_disk_names_the_command_that_goes_on(
    interrupted: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.{name}", fill_disk)
        result = segtrail("resume", interrupted)
    assert result.exit_code == 2
    assert "The disk is full (No space left on device). Free some space; `segtrail resume" in result.stderr
    assert segtrail("resume", interrupted).exit_code == 0
    assert segtrail("verify", interrupted).exit_code == 0


def test_a_disk_with_too_little_room_is_told_without_a_setting_that_a_run_can_not_change(
    interrupted: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
        result = segtrail("resume", interrupted)
    assert result.exit_code == 2
    assert f"The disk of {interrupted} has 0.00 GB left" in result.stderr
    assert "or move the run to another disk first." in result.stderr
    assert segtrail("resume", interrupted).exit_code == 0


def test_ctrl_c_on_a_full_disk_still_ends_as_interrupted(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segtrail.record.run_folder import RunFolder

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "end", fill_disk)
        interrupt(segtrail, patch, 5, tiny_config, "report.enabled=false")
    assert segtrail("resume", only_run(tmp_path)).exit_code == 0


def test_a_kill_behind_the_seal_is_made_good(quick_run_dir: Path, tmp_path: Path, segtrail: Command) -> None:
    run = copy_run(quick_run_dir, tmp_path / quick_run_dir.name)
    (run / ".lock").touch()
    for command in ("resume", "seal"):
        assert segtrail(command, run).exit_code == 2
        assert not (run / ".lock").exists()
        assert not (run / "run.json").stat().st_mode & 0o222


def test_a_sealed_run_stays_sealed_without_its_manifest(
    quick_run_dir: Path, tmp_path: Path, segtrail: Command
) -> None:
    run = copy_run(quick_run_dir, tmp_path / quick_run_dir.name)
    (run / "manifest.json").unlink()
    before = result_files(run)
    assert "is finished" in segtrail("resume", run).stderr
    assert result_files(run) == before


@pytest.fixture
def interrupted_in_second_stage(
    tmp_path: Path, staged_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> Path:
    def stop(training: Any, *_: Any) -> None:
        if training.record.stage == "fine":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "_validate_if_due", stop)
        assert (
            segtrail("train", staged_config, *SMALL_STAGES, "train.checkpoint_every.steps=1").exit_code == 130
        )
    return only_run(tmp_path)


def test_a_network_that_finds_regions_and_is_gone_is_missed(
    interrupted_in_second_stage: Path, segtrail: Command
) -> None:
    run = interrupted_in_second_stage
    for name in ("coarse", "coarse_fold1"):
        network = run / "checkpoints" / "finders" / f"{name}.pt"
        content = network.read_bytes()
        network.unlink()
        before = result_files(run)
        result = segtrail("resume", run)
        assert result.exit_code == 2
        assert f"checkpoints/finders/{name}.pt is missing" in result.stderr
        assert result_files(run) == before
        network.write_bytes(content)


def test_folders_that_a_stopped_evaluation_left_are_not_sealed(interrupted: Path, segtrail: Command) -> None:
    (interrupted / "evaluations" / "balls_20261125_120000" / "predictions").mkdir(parents=True)
    assert segtrail("resume", interrupted).exit_code == 0
    assert segtrail("verify", interrupted).exit_code == 0


def test_a_report_that_was_made_by_hand_is_sealed_too(interrupted: Path, segtrail: Command) -> None:
    assert segtrail("report", interrupted).exit_code == 0
    assert segtrail("resume", interrupted).exit_code == 0
    assert segtrail("verify", interrupted).exit_code == 0


def test_a_run_with_other_line_ends_goes_on_and_is_extended(
    interrupted_here: Path, tmp_path: Path, segtrail: Command
) -> None:
    give_other_line_ends(interrupted_here)
    assert segtrail("resume", interrupted_here).exit_code == 0
    assert segtrail("verify", interrupted_here).exit_code == 0
    copy = copy_run(interrupted_here, tmp_path / "copy" / "runs" / interrupted_here.name)
    give_other_line_ends(copy)
    answer = segtrail("resume", copy, "train.max_epochs=3", "--data", tmp_path / "data", "--json")
    assert answer.exit_code == 0, answer.stderr
    assert segtrail("verify", json.loads(answer.stdout)["run_dir"]).exit_code == 0


def give_other_line_ends(run: Path) -> None:
    for path in run.rglob("*"):
        if path.suffix in (".csv", ".json", ".jsonl", ".yaml"):
            content = path.read_bytes().replace(b"\r\n", b"\n")
            path.write_bytes(content.replace(b"\n", b"\r\n"))


def test_a_mark_that_was_taken_out_of_the_state_is_missed(interrupted: Path, segtrail: Command) -> None:
    assert segtrail("resume", interrupted).exit_code == 0
    path = interrupted / "run.json"
    path.chmod(0o644)
    state = read_state(interrupted)
    del state["resumed"]
    path.write_text(json.dumps(state), encoding="utf-8")
    assert "of which run.json does not tell" in segtrail("verify", interrupted).stdout


def test_a_finished_run_killed_when_it_was_taken_up_can_be_sealed(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(seal_run, "make_reports", fail)
        assert segtrail("train", tiny_config).exit_code == 1
    run = only_run(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(resume_run, "_write_resumption", die)
        segtrail("resume", run)
    assert segtrail("seal", run).exit_code == 0
    answer = segtrail("verify", run)
    assert answer.exit_code == 0, answer.stdout


def fail(_: Path) -> Path:
    raise TrainingFailed("no report")


def die(*_: object) -> None:
    raise Killed


def test_what_a_kill_left_half_written_is_not_sealed(
    quick_run_dir: Path, tmp_path: Path, segtrail: Command
) -> None:
    run = copy_run(quick_run_dir, tmp_path / quick_run_dir.name)
    journal = run / "journal.jsonl"
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    journal.write_text("".join(lines[:-1]), encoding="utf-8")
    (run / ".manifest.json.abc.tmp").touch()
    assert segtrail("seal", run).exit_code == 0
    assert segtrail("verify", run).exit_code == 0
    assert not list(run.rglob("*.tmp"))


def test_a_run_goes_on_where_its_data_and_its_folder_were_moved_to(
    tmp_path: Path, interrupted_here: Path, segtrail: Command
) -> None:
    moved = shutil.move(interrupted_here, tmp_path / "elsewhere" / "runs" / interrupted_here.name)
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


def test_what_a_loss_keeps_is_gone_on_with_too(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_loss.py").write_text(
        "import torch\n"
        "class Loss(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.register_buffer('steps', torch.zeros(()))\n"
        "    def forward(self, logits, target):\n"
        "        self.steps += self.training\n"
        "        return ((logits.softmax(1) - target) ** 2).mean() * (1 + self.steps)\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    command = (tiny_config, "report.enabled=false", "train.loss.name=my_loss:Loss")
    assert segtrail("train", *command).exit_code == 0
    expected = result_of(only_run(tmp_path))
    shutil.rmtree(tmp_path / "outputs" / "runs")
    interrupt(segtrail, monkeypatch, 5, *command)
    assert segtrail("resume", only_run(tmp_path)).exit_code == 0
    assert result_of(only_run(tmp_path)) == expected


def test_what_is_extended_under_other_conditions_is_marked_for_good(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    assert segtrail("train", tiny_config, "report.enabled=false").exit_code == 0
    parent = only_run(tmp_path)
    (parent / "run.json").chmod(0o644)
    state = read_state(parent)
    state["device"]["threads"] = 7
    (parent / "run.json").write_text(json.dumps(state), encoding="utf-8")
    refused = segtrail("resume", parent, "train.max_epochs=3")
    assert refused.exit_code == 2
    command = ("resume", parent, "train.max_epochs=3", "--allow-different", "--json")
    child = Path(json.loads(segtrail(*command).stdout)["run_dir"])
    mark = {"what": "device threads", "before": "7", "now": "1"}
    assert read_state(child)["parent"]["differences"] == [mark]
    assert "Warning: it does not go on as it began" in (child / "train.log").read_text(encoding="utf-8")
    verified = segtrail("verify", child)
    assert "under other conditions than those it began with" in verified.stdout
    grandchild = Path(json.loads(segtrail("resume", child, "train.max_epochs=4", "--json").stdout)["run_dir"])
    assert read_state(grandchild)["parent"]["differences"] == [mark]


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
