"""Ctrl-C and SIGTERM end the step in hand and leave a run that says so."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

Command = Callable[..., Any]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no way to send Ctrl-C to one process alone")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_step_in_hand_and_marks_the_run(
    tmp_path: Path, tiny_config: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "segtrail", "train", str(tiny_config), "train.max_epochs=1000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    history = _wait_for_first_epoch(tmp_path / "outputs" / "runs", process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    run = history.parent
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["status"] == "interrupted"
    assert torch.load(run / "checkpoints" / "last.pt", weights_only=True)["epoch"] >= 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups to send SIGTERM to")
def test_a_signal_to_the_whole_group_reaches_the_workers_too_and_marks_the_run(
    tmp_path: Path, tiny_config: Path
) -> None:
    """As SLURM does at the time limit."""
    command = [sys.executable, "-m", "segtrail", "train", str(tiny_config), "train.max_epochs=1000"]
    process = subprocess.Popen(
        [*command, "train.num_workers=2", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    history = _wait_for_first_epoch(tmp_path / "outputs" / "runs", process)
    os.killpg(process.pid, signal.SIGTERM)
    answer, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert json.loads(answer)["exit_code"] == 130
    assert json.loads((history.parent / "run.json").read_text(encoding="utf-8"))["status"] == "interrupted"


def test_a_stop_in_the_validation_keeps_the_steps_of_the_epoch(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segtrail.experiment import validation

    scored: list[str] = []

    def score(_: validation.Validation, case: str, _predictor: object) -> tuple[float, None]:
        scored.append(case)
        signal.raise_signal(signal.SIGTERM)
        return 0.5, None

    monkeypatch.setattr(validation.Validation, "_score", score)
    assert segtrail("train", tiny_config).exit_code == 130
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    state = torch.load(run / "checkpoints" / "last.pt", weights_only=True)
    assert scored == ["case_2"]
    assert (state["epoch"], state["steps_done_since_epoch"]) == (0, 3)
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["status"] == "interrupted"


def test_sigterm_while_volumes_are_prepared_leaves_nothing_half_done(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segtrail.preprocessing import cache

    prepare_label, numbers = cache.prepare_label, count(1)

    def signalled(*arguments):
        if next(numbers) == 3:
            signal.raise_signal(signal.SIGTERM)
        return prepare_label(*arguments)

    monkeypatch.setattr(cache, "prepare_label", signalled)
    result = segtrail("train", tiny_config)
    assert result.exit_code == 130
    assert "SIGTERM" in result.stderr
    entries = {path.parent for path in (tmp_path / "outputs" / "cache").rglob("*.npy")}
    assert all((entry / "entry.json").is_file() for entry in entries)
    assert not (tmp_path / "outputs" / "runs").exists()


@pytest.mark.parametrize(
    ("number", "sentence"), [(signal.SIGTERM, "SIGTERM came."), (signal.SIGINT, "Ctrl-C came.")]
)
def test_a_signal_ends_an_evaluation_with_a_sentence(
    quick_run_dir: Path,
    segtrail: Command,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    sentence: str,
) -> None:
    from segtrail.evaluation import evaluate

    monkeypatch.setattr(evaluate, "compute_class_metrics", lambda *_: signal.raise_signal(number))
    result = segtrail("evaluate", quick_run_dir, "--json")
    assert json.loads(result.stdout) == {"schema_version": 1, "error": sentence, "exit_code": 130}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups to send SIGTERM to")
def test_a_worker_that_hangs_does_not_keep_an_interrupted_program_alive(
    tmp_path: Path, tiny_config: Path
) -> None:
    hang = (
        "import os, pathlib, time\n"
        "main = os.getpid()\n"
        "def hang(image, label, generator):\n"
        "    if os.getpid() != main:\n"
        f"        pathlib.Path({str(tmp_path / 'hangs')!r}).touch()\n"
        "        time.sleep(1000)\n"
        "    return image, label\n"
    )
    (tmp_path / "hanging.py").write_text(hang, encoding="utf-8")
    own = ["augment.transforms=['hanging:hang']", "train.num_workers=1", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "segtrail", "train", str(tiny_config), *own],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "hangs").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    answer, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert json.loads(answer)["exit_code"] == 130


def _wait_for_first_epoch(runs: Path, process: "subprocess.Popen[str]") -> Path:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = list(runs.glob("*/history.csv"))
        if found and found[0].read_text(encoding="utf-8").count("\n") >= 2:
            return found[0]
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    raise AssertionError("No epoch ended within two minutes.")
