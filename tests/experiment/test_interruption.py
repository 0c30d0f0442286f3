"""Ctrl-C and SIGTERM end the step in hand and leave a run that says so."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch


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


def _wait_for_first_epoch(runs: Path, process: "subprocess.Popen[str]") -> Path:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = list(runs.glob("*/history.csv"))
        if found and found[0].read_text(encoding="utf-8").count("\n") >= 2:
            return found[0]
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    raise AssertionError("No epoch ended within two minutes.")
